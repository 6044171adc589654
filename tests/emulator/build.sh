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
    if [ ! -f "$object" ] || [ -n "$(find runtime include build.sh \( -name '*.h' -o -name build.sh -o -path "$source" \) -newer "$object")" ]; then
        echo "$source"
    fi
done | xargs -P "$(nproc)" -I{} sh -c 'object=$1/$(basename "$3" .cpp).o && $2 -c "$3" -o "$object.$$" && mv "$object.$$" "$object"' build "$out/objects" "$cxx $flags" {}
# shellcheck disable=SC2086
(cd "$out/objects" && $cxx -shared -pthread -Wl,-soname,libsophia_cuda_emulator.so -Wl,-z,defs -o "$out/libsophia_cuda_emulator.so.$$" ./*.o -ldl)
mv "$out/libsophia_cuda_emulator.so.$$" "$out/libsophia_cuda_emulator.so"
echo "$out/libsophia_cuda_emulator.so"
