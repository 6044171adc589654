#!/bin/sh
# replay/build.sh [OUT_DIR]: builds the runner of dumped launches with AddressSanitizer and UndefinedBehaviorSanitizer.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/../../artifacts/emulator}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"
# The part of the runtime below the driver; exported, because the kernels' libraries look for it in the program.
${CXX:-g++} -std=c++17 -O1 -g -march=native -ffp-contract=off -fno-omit-frame-pointer -fsanitize=address,undefined -pthread -rdynamic -Wall -Wextra '-DEMULATOR_INCLUDE="include"' \
    -o "$out/replay" replay/replay.cpp \
    runtime/access.cpp runtime/compiler.cpp runtime/cuda_errors.cpp runtime/dump.cpp runtime/execution.cpp runtime/fiber.cpp runtime/files.cpp runtime/findings.cpp runtime/launch.cpp runtime/memory.cpp \
    runtime/module.cpp runtime/options.cpp runtime/process.cpp runtime/program.cpp runtime/shared_memory.cpp runtime/synchronization.cpp runtime/warp_matrices.cpp runtime/watchdog.cpp -ldl
echo "$out/replay"
