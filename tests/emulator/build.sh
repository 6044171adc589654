#!/bin/sh
# build.sh [OUT_DIR]: builds libsophia_cuda_emulator.so (g++ 12 or later, x86-64 Linux). Files that did not change are not compiled again.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../artifacts/emulator}
mkdir -p "$out/objects"
out=$(cd "$out" && pwd)
cd "$here"
cxx=${CXX:-g++}
flags="-std=c++17 -O2 -ftree-vectorize -march=native -fPIC -fvisibility=hidden -ffp-contract=off -g1 -pthread -Wall -Wextra -Wno-unknown-pragmas -DEMULATOR_INCLUDE=\"include\""
for source in runtime/*.cpp; do
    object=$out/objects/$(basename "$source" .cpp).o
    newer=$(find runtime include build.sh \( -name '*.h' -o -name build.sh -o -path "$source" \) -newer "$object" 2>/dev/null | head -1)
    if [ ! -f "$object" ] || [ -n "$newer" ]; then
        # shellcheck disable=SC2086
        $cxx $flags -c "$source" -o "$object.tmp" && mv "$object.tmp" "$object" || exit 1
    fi
done
# shellcheck disable=SC2086
(cd "$out/objects" && $cxx -shared -pthread -Wl,-soname,libsophia_cuda_emulator.so -Wl,-z,defs -o "$out/libsophia_cuda_emulator.so.tmp" ./*.o -ldl)
mv "$out/libsophia_cuda_emulator.so.tmp" "$out/libsophia_cuda_emulator.so"
echo "$out/libsophia_cuda_emulator.so"
