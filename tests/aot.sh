#!/usr/bin/env bash
# Compiles the command-line tool ahead of time for this machine's processor and prints where it is: SOPHIA_AOT=$(tests/aot.sh) before the tests makes them compare it with the JIT.
# It needs a C toolchain for linking (gcc or clang) and, the first time, NuGet for the compiler: without them the exit status is 1, a fault of ours is 2. Half a minute where the solution is built.
# What the compiler says goes to the standard error output.
set -uo pipefail
cd "$(dirname "$0")/.."

case $(uname -m) in
  x86_64) machine=x64 ;;
  aarch64) machine=arm64 ;;
  *) echo "There is no ahead-of-time compiler for $(uname -m)." >&2; exit 1 ;;
esac
output="$PWD/artifacts/aot/native"
command -v clang > /dev/null || command -v gcc > /dev/null || { echo "Neither clang nor gcc is on the PATH, one of them could link." >&2; exit 1; }
properties=(src/Sophia.Native.Cli -r "linux-$machine" -p:PublishAot=true)
dotnet restore "${properties[@]}" >&2 || { echo "The ahead-of-time compiler could not be had from NuGet." >&2; exit 1; }
dotnet publish "${properties[@]}" --no-restore -c Release -o "$output" >&2 || { echo "The tool could not be compiled ahead of time." >&2; exit 2; }
"$output/sophia" --version >&2 || exit 2

# The launcher starts the best of the levels that lie beside it; shell scripts stand in for the tools.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp src/Sophia.Native.Cli/launcher.sh "$folder/sophia"
mkdir "$folder/bin" && ln -s ../sophia "$folder/bin/sophia"
for level in v2 v3 v4; do
  printf '#!/bin/sh\necho %s "$#" "$@"\n' "$level" > "$folder/sophia-x86-64-$level"
  chmod +x "$folder/sophia-x86-64-$level"
done
expect() {
  found=$("$folder/bin/sophia" "two words" --three)
  [ "$found" = "$1 2 two words --three" ] || { echo "The launcher was to start $1 and started: $found" >&2; exit 2; }
}
if [ "$machine" = x64 ]; then
  best=v2
  grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && best=v3
  [ "$best" = v3 ] && grep -qw avx512vl /proc/cpuinfo && best=v4
  expect "$best"
  rm "$folder/sophia-x86-64-v4"
  [ "$best" = v4 ] && best=v3
  expect "$best"
  rm "$folder/sophia-x86-64-v3"
  expect v2
fi
echo "$output/sophia"
