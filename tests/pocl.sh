#!/usr/bin/env bash
# Runs the ILGPU backend under OpenCL on the processor: the whole conformance table and the golden models on PoCL 6, of Debian trixie, since older ones lack the generic address space that ILGPU needs. With arguments, runs
# the test program with these instead (`tests/pocl.sh -class '*.PtxTests'`). SOPHIA_GOLDEN names the whole golden set, which else is looked for in shared/golden beside a parent folder.
# PoCL and the C library it needs are unpacked into a cache folder outside the repository, and the tests run with that folder as their root, in a name space of their own: nothing is installed, no right is needed.
# .NET comes along with the test program. One test class after the other: PoCL shows its device to one search at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "$*" >&2; exit 1; }

[ "$(uname -m)" = x86_64 ] || fail "tests/pocl.sh knows x86_64 alone, found $(uname -m)."
for tool in apt-get dpkg unshare chroot; do
  command -v "$tool" > /dev/null || fail "$tool is missing: PoCL and its C library are had by apt-get and dpkg, and run behind unshare and chroot (util-linux, coreutils)."
done
unshare --map-root-user --mount true || fail "This system grants no name spaces to users (kernel.unprivileged_userns_clone, user.max_user_namespaces): run as root."

output="$PWD/artifacts/pocl"
mkdir -p artifacts
dotnet publish tests/Sophia.Native.Ilgpu.Tests -c Release -r linux-x64 --self-contained -o "$output" > "$output.log" 2>&1 || { tail -n 20 "$output.log" >&2; fail "The tests could not be built for linux-x64."; }

cache="${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/sophia"
root="$cache/pocl"
if [ ! -e "$root/usr/lib/x86_64-linux-gnu/libOpenCL.so.1" ]; then
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$keyring" ] || fail "$keyring is missing (package debian-archive-keyring)."
  mirror=$(cat /etc/apt/sources.list.d/debian.sources 2> /dev/null | grep -m1 '^URIs:' | cut -d' ' -f2)
  [ -n "$mirror" ] || fail "/etc/apt/sources.list.d/debian.sources names no Debian mirror."
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/pocl.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/etc" "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
  # Lists of their own, and a system without a package: apt-get finds all that PoCL depends on, down to the C library.
  : > "$work/status"
  printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nArchitectures: amd64\nSigned-By: %s\n' "$mirror" "$keyring" > "$work/etc/trixie.sources"
  options=(-q -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/etc" -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
           -o "Dir::State::status=$work/status" -o Acquire::Languages=none -o APT::Sandbox::User= -o Acquire::Retries=3 -o Debug::NoLocking=1)
  apt-get update "${options[@]}" >&2
  apt-get install "${options[@]}" --yes --no-install-recommends --download-only pocl-opencl-icd ocl-icd-libopencl1 libstdc++6 libssl3t64 base-files >&2
  # The folders that have moved below /usr are links before anything is unpacked through them.
  mkdir -p "$work"/root/usr/{bin,sbin,lib,lib64} "$work"/root/{proc,sys,dev,tmp}
  for folder in bin sbin lib lib64; do
    ln -s "usr/$folder" "$work/root/$folder"
  done
  for package in "$work"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/root" --keep-directory-symlink --no-same-owner --no-same-permissions
  done
  # Another run may have been faster; either copy is good.
  mv -T "$work/root" "$root" 2> /dev/null || [ -e "$root/usr/lib/x86_64-linux-gnu/libOpenCL.so.1" ] || fail "$root could not be put in place."
fi

golden="${SOPHIA_GOLDEN:-}"
[ -n "$golden" ] || for folder in ../shared/golden ../../shared/golden; do
  [ -d "$folder" ] && golden="$folder" && break
done
[ $# -gt 0 ] || set -- -class '*.IlgpuConformance' -class '*.IlgpuObjectiveGolden' -class '*.WholeGoldenModelTests'
export root golden repository="$PWD" enter="$(command -v chroot)"
# Inside, the repository is /repository and the golden set /golden.
unshare --map-root-user --mount bash -euc '
  for folder in proc sys dev tmp; do mount --rbind "/$folder" "$root/$folder"; done
  mkdir -p "$root/repository" "$root/golden"
  mount --bind "$repository" "$root/repository"
  [ -z "$golden" ] || mount --bind "$golden" "$root/golden"
  exec env -i PATH=/usr/bin HOME=/tmp LANG=C.UTF-8 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 SOPHIA_GOLDEN=/golden SOPHIA_ILGPU_DEVICES="${SOPHIA_ILGPU_DEVICES:-opencl:0}" \
    ${SOPHIA_ILGPU_OPERATIONS:+SOPHIA_ILGPU_OPERATIONS="$SOPHIA_ILGPU_OPERATIONS"} "$enter" "$root" /repository/artifacts/pocl/Sophia.Native.Ilgpu.Tests "$@" -noLogo -noColor -parallelMode none' pocl.sh "$@" 2>&1 |
  grep -v '^[0-9]* warnings* generated\.$'
