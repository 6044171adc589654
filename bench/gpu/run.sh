#!/usr/bin/env bash
# Everything a machine with an NVIDIA GPU can show, stage by stage, each within ten minutes: ./run.sh [STAGE...]; without a stage, all of them in this order.
#   doctor       devices, libraries, kernels compiled for this device
#   conformance  every operation against the double-precision reference, golden models, a learning step
#   ilgpu        the ILGPU backend on the GPU: every operation, golden models, every operation's time beside the table of operations
#   sanitizer    compute-sanitizer memcheck and racecheck over small conformance cases
#   operations   every operation against measured copy bandwidth and product rate, own products and cuBLAS; PyTorch beside it in the same stage
#   steps        training steps of InternVL3 1B, 2B and 8B shapes; transformers beside them
#   decode       generation, one sequence and many
# Logs and tables go to results/ (SOPHIA_RESULTS names another folder). What a machine cannot do is skipped, loudly. Python with torch and transformers is looked for as python3 (SOPHIA_PYTHON).
set -uo pipefail
cd "$(dirname "$0")"

results=${SOPHIA_RESULTS:-results}
python=${SOPHIA_PYTHON:-python3}
backend=${SOPHIA_GPU_BACKEND:-cuda}
# A rehearsal without a GPU takes small sizes: SOPHIA_GPU_REHEARSAL=1.
rehearsal=${SOPHIA_GPU_REHEARSAL:-}
limit=590
[ -n "$rehearsal" ] || export SOPHIA_CUDA_TESTS=gpu
mkdir -p "$results"
table="$results/$(date -u +%F)-gpu.md"
failed=()
skipped=()

skip() { echo "SKIPPED: $1"; skipped+=("$1"); }

# part NAME COMMAND...: runs a command under the time limit, keeps its log, notes a failure.
part() {
    local name=$1; shift
    echo "== $name: $*"
    timeout "$limit" "$@" > "$results/$name.log" 2>&1
    local code=$?
    tail -n 25 "$results/$name.log"
    [ "$code" -eq 0 ] || { echo "FAILED ($code): $name, see $results/$name.log"; failed+=("$name"); }
}

# The configuration of a model; a rehearsal takes the smallest there is.
config() { if [ -z "$rehearsal" ]; then echo "models/internvl3-$1.json"; else echo tests/golden/models/internlm2-vit300m/hf/config.json; fi; }

has_torch() { "$python" -c 'import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)' 2> /dev/null; }

doctor() {
    part doctor ./sophia-gpu sophia doctor --compile
}

conformance() {
    part conformance ./sophia-gpu test -class- "*CudaConformance_Checked" -class- "Sophia.Native.Ilgpu.*" -noLogo -noColor
}

ilgpu() {
    local device=${SOPHIA_GPU_ILGPU:-cuda:0}
    [ -z "$rehearsal" ] || { skip "ILGPU takes no part in a rehearsal: the emulator is no device of its"; return; }
    SOPHIA_ILGPU_DEVICES=$device part ilgpu-conformance ./sophia-gpu test -class "Sophia.Native.Ilgpu.*" -noLogo -noColor
    for model in 1b 8b; do
        part "ilgpu-operations-$model" ./sophia-gpu bench operations --backend "ilgpu:$device" --config "$(config "$model")" --precision bf16 --tokens 16384 --sequence 4096 --tiles 8 --out "$table"
    done
}

sanitizer() {
    command -v compute-sanitizer > /dev/null || { skip "compute-sanitizer is not on the PATH"; return; }
    local cases=(./sophia-gpu test -method "*CudaConformance_Fast.The_result_is_that_of_the_reference" -noLogo -noColor)
    export SOPHIA_CUDA_MOST_ELEMENTS=2000
    for tool in memcheck racecheck; do
        # Some virtualizations refuse the sanitizer: one small operation tells.
        if ! SOPHIA_CUDA_OPERATIONS=GeluForward timeout 120 compute-sanitizer --tool "$tool" "${cases[@]}" > "$results/sanitizer-$tool-probe.log" 2>&1 \
            && grep -qi "not supported" "$results/sanitizer-$tool-probe.log"; then
            skip "compute-sanitizer $tool does not run on this machine: $(grep -i 'not supported' "$results/sanitizer-$tool-probe.log" | head -n 1)"
            continue
        fi
        part "sanitizer-$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 --print-limit 20 "${cases[@]}"
    done
    unset SOPHIA_CUDA_MOST_ELEMENTS
}

operations() {
    local sizes=(--tokens 16384 --sequence 4096 --tiles 8)
    local models=(1b 8b)
    [ -z "$rehearsal" ] || { sizes=(--tokens 64 --sequence 64 --tiles 1 --rounds 1); models=(rehearsal); }
    for model in "${models[@]}"; do
        part "operations-$model" ./sophia-gpu bench operations --backend "$backend" --config "$(config "$model")" --precision bf16 "${sizes[@]}" --out "$table"
        part "operations-$model-fast" ./sophia-gpu bench operations --backend "$backend" --numerics fast --filter Linear --config "$(config "$model")" --precision bf16 "${sizes[@]}" --out "$table"
        if has_torch; then
            part "operations-$model-torch" "$python" bench/peers/operations.py --config "$(config "$model")" --precision bf16 "${sizes[@]}" --out "$table"
        else
            skip "PyTorch with CUDA is not there: no peers for the operations of $model"
        fi
    done
}

steps() {
    local sizes=(--tokens 16384 --sequence 4096 --tiles 8)
    local models=(1b 2b 8b)
    [ -z "$rehearsal" ] || { sizes=(--tokens 300 --sequence 300 --tiles 1 --rounds 1); models=(rehearsal); }
    for model in "${models[@]}"; do
        part "steps-$model" ./sophia-gpu bench steps --backend "$backend" --config "$(config "$model")" --precision bf16 "${sizes[@]}" --out "$table"
        if has_torch && "$python" -c 'import transformers' 2> /dev/null; then
            part "steps-$model-transformers" "$python" bench/peers/training_step.py --config "$(config "$model")" --precision bf16 "${sizes[@]}" --out "$table"
        else
            skip "PyTorch with CUDA and transformers are not there: no peer for the steps of $model"
        fi
    done
}

decode() {
    local models=(1b 2b 8b) tokens=128 rounds=5 batches=(1 16)
    [ -z "$rehearsal" ] || { models=(rehearsal); tokens=4; rounds=1; batches=(2); }
    for model in "${models[@]}"; do
        for batch in "${batches[@]}"; do
            part "decode-$model-$batch" ./sophia-gpu bench decode --backend "$backend" --config "$(config "$model")" --precision bf16 --batch "$batch" --new-tokens "$tokens" --rounds "$rounds" --out "$table"
        done
    done
}

if [ -z "$rehearsal" ] && ! { command -v nvidia-smi > /dev/null && nvidia-smi -L > "$results/devices.log" 2>&1; }; then
    echo "No NVIDIA GPU answers here (nvidia-smi). For a rehearsal on the emulator set SOPHIA_GPU_REHEARSAL=1 and SOPHIA_CUDA_DRIVER to its library."
    exit 1
fi

stages=("$@")
[ "${#stages[@]}" -gt 0 ] || stages=(doctor conformance ilgpu sanitizer operations steps decode)
for stage in "${stages[@]}"; do
    case $stage in
        doctor | conformance | ilgpu | sanitizer | operations | steps | decode) "$stage" ;;
        *) echo "Unknown stage '$stage'. Known: doctor conformance ilgpu sanitizer operations steps decode"; exit 2 ;;
    esac
done

echo
for what in "${skipped[@]}"; do echo "SKIPPED: $what"; done
for what in "${failed[@]}"; do echo "FAILED: $what"; done
echo "${#failed[@]} failed, ${#skipped[@]} skipped; logs and tables in $results/"
[ "${#failed[@]}" -eq 0 ]
