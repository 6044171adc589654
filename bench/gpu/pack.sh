#!/usr/bin/env bash
# Builds the self-contained archive for a Linux machine with an NVIDIA GPU: tests, benchmarks, command line, golden vectors, model configurations, kernel sources, the peers' scripts and run.sh. No .NET is needed there.
# bench/gpu/pack.sh [ARCHIVE]      (default artifacts/sophia-gpu.tar.gz, at most 35 MB)
set -euo pipefail
cd "$(dirname "$0")/../.."

archive=${1:-artifacts/sophia-gpu.tar.gz}
most=$((35 * 1000 * 1000))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

dotnet publish -c Release -r linux-x64 --self-contained -p:PublishTrimmed=true -o "$folder/sophia-gpu" bench/gpu/Sophia.Native.Gpu.csproj
# The debugger's, the event tracer's and the alternative collectors' libraries are of no use here.
(cd "$folder/sophia-gpu" && rm -f libmscordaccore.so libmscordbi.so libclrgc.so libclrgcexp.so libcoreclrtraceptprovider.so createdump)
mkdir -p "$folder/sophia-gpu/tests" "$folder/sophia-gpu/bench"
cp -r tests/golden "$folder/sophia-gpu/tests/"
cp -r models kernels "$folder/sophia-gpu/"
cp -r bench/peers "$folder/sophia-gpu/bench/"
cp bench/gpu/run.sh "$folder/sophia-gpu/"

mkdir -p "$(dirname "$archive")"
tar -C "$folder" --owner=0 --group=0 --sort=name -cf - sophia-gpu | gzip -9 > "$archive"
size=$(stat -c %s "$archive")
echo "$archive: $size bytes"
[ "$size" -le "$most" ] || { echo "The archive is larger than $most bytes."; exit 1; }
