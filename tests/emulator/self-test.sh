#!/bin/sh
# self-test.sh [OUT_DIR [replay]]: builds the emulator and shows that it runs clean kernels on every device and finds every planted mistake;
# with "replay" also that dumped launches of clean kernels run clean under the sanitizers, and that those with a mistake they can see do not.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../artifacts/emulator}
library=$("$here/build.sh" "$out")
${CXX:-g++} -std=c++17 -O1 -pthread -Wall -Wextra -o "$out/self_test" "$here"/self_test/*.cpp -ldl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOPHIA_EMULATOR_CACHE="$work/cache"
if [ "$2" != replay ]; then
    "$out/self_test" "$library" "$here/../../kernels" "$here/self_test"
    exit
fi

clean="row_statistics reverse_in_warp multiply multiply_transposed partial_copies use_dynamic_shared count_threads"
wrong="read_behind misaligned_float vector_behind large_copy shared_behind dynamic_shared_behind copy_behind"
SOPHIA_EMULATOR_DUMP="$work/dump" SOPHIA_EMULATOR_DUMP_KERNELS="$clean $wrong" "$out/self_test" "$library" "$here/../../kernels" "$here/self_test"
replay=$("$here/replay/build.sh" "$out")
for kernel in $clean; do
    "$replay" "$work"/dump/*-"$kernel" || exit 1
done
for kernel in $wrong; do
    if "$replay" "$work"/dump/*-"$kernel" >"$work/log" 2>&1 || ! grep -q "$kernel\|kernels.cu" "$work/log"; then
        echo "FAILED: the replay of $kernel found nothing"
        exit 1
    fi
    grep -m1 "SUMMARY\|runtime error" "$work/log"
done
