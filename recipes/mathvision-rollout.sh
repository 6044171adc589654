#!/usr/bin/env bash
# Every question of a MathVision folder through captions, reasoning and rewards with a randomly initialized InternVL3 of 40 million parameters and a replay reasoner; the run is killed twice on its way and
# resumed, and what it leaves is compared with that of a run that was not.
#
#   recipes/mathvision-rollout.sh QUESTIONS TOKENIZER OUT [SECONDS]
#
# QUESTIONS  folder with a JSON lines file of MathVision questions and the images it names
# TOKENIZER  folder with vocab.json and merges.txt of Qwen2
# OUT        new folder for everything that is written
# SECONDS    after how many seconds to kill (20): once that long after the start, once that long after the first resumption
#
# SOPHIA names the command; without it the command of this repository is built. CAPTIONS (4) and TOKENS (32) bound the work.
set -euo pipefail

if (( $# < 3 || $# > 4 )) || [[ ! -d $1 || ! -d $2 || -e $3 ]]; then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=${4:-20}
mkdir -p "$3"
out=$(cd "$3" && pwd)
source "$root/recipes/command.sh"

# Questions with the image's place spelled out, and answers of which every fifth is wrong; --cycle takes them in turn.
python3 - "$(cd "$1" && pwd)" "$out" <<'PYTHON'
import glob, json, os, sys

folder, out = sys.argv[1:]
lines = open(glob.glob(os.path.join(folder, "*.jsonl"))[0], encoding="utf-8").read().splitlines()
with open(os.path.join(out, "questions.jsonl"), "w", encoding="utf-8") as questions, open(os.path.join(out, "answers.jsonl"), "w", encoding="utf-8") as answers:
    for number, line in enumerate(lines):
        question = json.loads(line)
        question["image"] = os.path.join(folder, question["image"])
        questions.write(json.dumps(question) + "\n")
        for n in range(5):
            text = question["answer"] if (number + n) % 5 else "none of these"
            answers.write(json.dumps({"id": question["id"], "response": f"<think>{' I look again.' * (1 + (number + 2 * n) % 4)}</think>\n\\boxed{{{text}}}"}) + "\n")
PYTHON

"${sophia[@]}" init --config "$root/models/internvl3-nano.json" --tokenizer "$2" --out "$out/model" --seed 1
rollout() {
    "${sophia[@]}" rollout --model "$out/model" --data "$out/questions.jsonl" --store "$out/$1" --out "$out/$1.jsonl" --captions "${CAPTIONS:-4}" --answers 4 --max-new-tokens "${TOKENS:-32}" --seed 1 \
        --reasoner replay --replay "$out/answers.jsonl" --cycle --log-level quiet
}
# A process that a signal ends is one of a group of its own, so that the shell goes on.
killed() {
    export -f rollout
    sophia_line=$(declare -p sophia)
    timeout -s KILL "$seconds" bash -c "$sophia_line; root=$(printf %q "$root") out=$(printf %q "$out"); rollout killed" || true
    status
}
status() { "${sophia[@]}" rollout --store "$out/killed" --status --captions "${CAPTIONS:-4}" --answers 4; }
begin=$SECONDS
rollout whole
echo "unbroken: $((SECONDS - begin)) s"
killed
killed
rollout killed
status
cmp "$out/whole.jsonl" "$out/killed.jsonl"
wc -l < "$out/whole.jsonl" | xargs printf '%s trajectories, those of the run that was killed twice are the same byte for byte\n'
