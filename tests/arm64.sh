#!/usr/bin/env bash
# Runs the portable path on ARM, where it is compiled to NEON: the whole conformance table and the golden models. On an ARM machine directly, elsewhere under QEMU's emulation of a process, which tells
# right from wrong and nothing about speed. With arguments, runs the test program with these instead (`tests/arm64.sh -class '*VectorMathTests'`).
# QEMU and Debian's C library for ARM are unpacked into a cache folder outside the repository: nothing is installed, no right is needed. .NET for ARM comes from NuGet. Some nine minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "$*" >&2; exit 1; }

output="$PWD/artifacts/arm64"
mkdir -p artifacts
dotnet publish tests/Sophia.Native.Tests -c Release -r linux-arm64 --self-contained -o "$output" > "$output.log" 2>&1 || { tail -n 20 "$output.log" >&2; fail "The tests could not be built for linux-arm64."; }

run=()
if [ "$(uname -m)" != aarch64 ]; then
  command -v apt-get > /dev/null && command -v dpkg > /dev/null || fail "QEMU and the C library for ARM are had by apt-get and dpkg, which are missing."
  cache="${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/sophia"
  root="$cache/arm64"
  if [ ! -e "$root/usr/bin/qemu-aarch64-static" ]; then
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || fail "$keyring is missing (package debian-archive-keyring)."
    mirror=$(cat /etc/apt/sources.list.d/debian.sources 2> /dev/null | grep -m1 '^URIs:' | cut -d' ' -f2)
    [ -n "$mirror" ] || fail "/etc/apt/sources.list.d/debian.sources names no Debian mirror."
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/arm64.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/packages" "$work/unpacked"
    # Packages of one architecture, out of lists of their own: those of the system stay as they are.
    download() {
      local architecture=$1 place="$work/$1"
      shift
      mkdir -p "$place/etc" "$place/lists/partial" "$place/cache/archives/partial"
      : > "$place/status"
      printf 'Types: deb\nURIs: %s\nSuites: bookworm\nComponents: main\nArchitectures: %s\nSigned-By: %s\n' "$mirror" "$architecture" "$keyring" > "$place/etc/bookworm.sources"
      local options=(-q -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$place/etc" -o "Dir::State::lists=$place/lists"
                     -o "Dir::Cache=$place/cache" -o "Dir::State::status=$place/status" -o Acquire::Languages=none -o APT::Sandbox::User= -o Acquire::Retries=3)
      apt-get update "${options[@]}" >&2
      (cd "$work/packages" && apt-get download "${options[@]}" "$@" >&2)
    }
    download "$(dpkg --print-architecture)" qemu-user-static
    download arm64 libc6 libgcc-s1 libstdc++6 libssl3
    for package in "$work"/packages/*.deb; do
      dpkg -x "$package" "$work/unpacked"
    done
    # Another run may have been faster; either copy is good.
    mv -T "$work/unpacked" "$root" 2> /dev/null || [ -e "$root/usr/bin/qemu-aarch64-static" ] || fail "$root could not be put in place."
  fi
  run=("$root/usr/bin/qemu-aarch64-static" -L "$root")
  "${run[0]}" --version | head -n 1
fi

[ $# -gt 0 ] || set -- -class '*.CpuConformance_Portable' -class '*.CpuObjectiveGolden_Portable' -class '*.VectorMathTests' -class '*.MatrixMultiplyTests' -class '*.GoldenModelTests' -class '*.GoldenCommandTests'
# QEMU keeps what it has translated until it sees a write to the page; the runtime writes code through a second mapping of it, unless it is told not to.
DOTNET_EnableWriteXorExecute=0 DOTNET_gcConcurrent=0 ${run[@]+"${run[@]}"} "$output/Sophia.Native.Tests" "$@" -noLogo
