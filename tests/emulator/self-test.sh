#!/bin/sh
# self-test.sh [OUT_DIR]: builds the emulator and shows that it runs clean kernels on every device and finds every planted mistake.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../artifacts/emulator}
library=$("$here/build.sh" "$out")
${CXX:-g++} -std=c++17 -O1 -pthread -Wall -Wextra -o "$out/self_test" "$here"/self_test/*.cpp -ldl
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
SOPHIA_EMULATOR_CACHE=$cache "$out/self_test" "$library" "$here/../../kernels" "$here/self_test"
