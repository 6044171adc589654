#!/usr/bin/env bash
# The time from the call to the end of small commands, by the tool under the JIT and compiled ahead of time: median of RUNS runs (10) of both in turn, after one that warms the disk's cache.
# Then what both say of scoring 1,024 tokens with a model of 40 M parameters, where the JIT compiles while it computes.
#   bench/startup.sh [RUNS] > bench/results/DATE-startup.md
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-10}
dotnet build src/Sophia.Native.Cli -c Release > /dev/null
native=$(tests/aot.sh 2> /dev/null)
managed=src/Sophia.Native.Cli/bin/Release/net10.0/sophia
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
golden=tests/golden/models/internlm2-vit300m/hf
mkdir "$work/tokenizer"
cp tests/golden/sentencepiece/plain.model "$work/tokenizer/tokenizer.model"
printf '{"id":"a","input_ids":[5,6,7,8]}\n' > "$work/prompt.jsonl"
{ printf '{"id":"a","input_ids":[0'; for ((i = 1; i < 1024; i++)); do printf ',%d' $((i * 7919 % 150000)); done; printf ']}\n'; } > "$work/long.jsonl"

# Milliseconds of one run.
once() {
  local start=$EPOCHREALTIME
  "$@" > /dev/null 2>&1 || { echo "$* failed." >&2; exit 1; }
  local end=$EPOCHREALTIME
  echo $(((${end/./} - ${start/./}) / 100)) | awk '{ printf "%.1f\n", $1 / 10 }'
}
median() { sort -n | awk '{ value[NR] = $1 } END { printf "%.1f (%.1f to %.1f)", (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2, value[1], value[NR] }'; }
row() {
  local name=$1
  shift
  "$managed" "$@" > /dev/null 2>&1
  "$native" "$@" > /dev/null 2>&1
  : > "$work/managed"
  : > "$work/native"
  for ((run = 0; run < runs; run++)); do
    once "$managed" "$@" >> "$work/managed"
    once "$native" "$@" >> "$work/native"
  done
  echo "| $name | $(median < "$work/managed") | $(median < "$work/native") |"
}

echo "# The tool under the JIT and compiled ahead of time, $(date -u +%Y-%m-%d)"
echo
echo "\`bench/startup.sh $runs\`, $("$managed" doctor | sed -n 's/^runtime *//p'), $("$managed" doctor | sed -n 's/^auto *//p'). Milliseconds from the call to the end: median (fastest to slowest) of $runs runs in turn."
echo
echo "| command | JIT | ahead of time |"
echo "|---|---|---|"
row "\`--version\`" --version
row "\`doctor\`" doctor
row "\`tokenize\`, one sentence" tokenize --tokenizer "$work/tokenizer" --text "An unmistakable question: which color?"
row "\`generate\`, 8 tokens of a tiny model" generate --model "$golden" --data "$work/prompt.jsonl" --max-new-tokens 8
echo
echo "\`score --profile\` of one sequence of 1,024 tokens with \`models/internvl3-nano.json\`, twice each in turn; under the JIT the time in which an operation is compiled is part of its first call."
"$managed" init --config models/internvl3-nano.json --tokenizer "$work/tokenizer" --out "$work/model" > /dev/null 2>&1
for round in 1 2; do
  for tool in "$managed" "$native"; do
    rm -f "$work/profile.json" "$work/scores.jsonl"
    echo
    echo '```'
    [ "$tool" = "$native" ] && echo "ahead of time: $("$tool" doctor | sed -n 's/^auto *//p')" || echo "JIT: $("$tool" doctor | sed -n 's/^auto *//p')"
    "$tool" score --model "$work/model" --data "$work/long.jsonl" --out "$work/scores.jsonl" --profile "$work/profile.json" 2>&1 | grep -E 'operation|Linear|Head|Attention'
    echo '```'
  done
done
