#!/usr/bin/env bash
# The whole loop on real questions: init, tiles, score, caption, reason (replay and http), reward, train, eval, with a randomly initialized
# InternVL3 of 40 million parameters. What it writes is gibberish; what is shown is that every stage takes real images and real text.
#
#   recipes/mathvision-nano.sh QUESTIONS TOKENIZER OUT [COUNT]
#
# QUESTIONS  folder with a JSON lines file of MathVision questions and the images it names
# TOKENIZER  folder with vocab.json and merges.txt of Qwen2
# OUT        new folder for everything that is written
# COUNT      how many questions, 8 without it
#
# SOPHIA names the command; without it the command of this repository is built. TILES (2) bounds the tiles of an image.
set -euo pipefail

if (( $# < 3 || $# > 4 )); then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
for folder in "$1" "$2"; do
    if [[ ! -d $folder ]]; then
        echo "$folder: expected a folder, found none" >&2
        exit 1
    fi
done
questions=$(cd "$1" && pwd)
tokenizer=$(cd "$2" && pwd)
for file in vocab.json merges.txt; do
    if [[ ! -f $tokenizer/$file ]]; then
        echo "$tokenizer: expected Qwen2's vocab.json and merges.txt, found no $file" >&2
        exit 1
    fi
done
count=${4:-8}
if [[ ! $count =~ ^[1-9][0-9]*$ ]]; then
    echo "COUNT: expected a whole number of at least 1, found $count" >&2
    exit 2
fi
shopt -s nullglob
files=("$questions"/*.jsonl)
if (( ${#files[@]} != 1 )); then
    echo "$questions: expected one .jsonl file of questions, found ${#files[@]}" >&2
    exit 1
fi
if [[ -e $3 ]]; then
    echo "$3: expected a new folder, found something there" >&2
    exit 1
fi
mkdir -p "$3"
out=$(cd "$3" && pwd)
source "$root/recipes/command.sh"

# Runs one stage and notes its seconds.
stage() {
    local name=$1 begin=${EPOCHREALTIME/./}
    shift
    echo "== $name: sophia $1" >&2
    "${sophia[@]}" "$@"
    local milliseconds=$(( (${EPOCHREALTIME/./} - begin) / 1000 ))
    printf '%-14s %6d.%03d s\n' "$name" $((milliseconds / 1000)) $((milliseconds % 1000)) >> "$out/summary.txt"
}

# The first COUNT questions, with the image's place spelled out; every question beside its gold answer as a response to score;
# and answers to replay: answer n to caption k of question i is the gold answer unless i + 2k + n leaves 0 when divided by 5.
captions=2
answers=4
number=0
pattern='^\{"id": *("[^"]*"|[0-9]+),.*"answer": *"(([^"\\]|\\.)*)"'
while (( number < count )) && IFS= read -r line; do
    if [[ ! $line =~ $pattern ]]; then
        echo "${files[0]}:$((number + 1)): expected a question with \"id\" first and a text as \"answer\", found ${line:0:60}" >&2
        exit 1
    fi
    id=${BASH_REMATCH[1]}
    gold=${BASH_REMATCH[2]}
    line=${line/'"image": "'/"\"image\": \"$questions/"}
    printf '%s\n' "$line" >> "$out/questions.jsonl"
    printf '{"response": "The answer is \\\\boxed{%s}.", %s\n' "$gold" "${line#\{}" >> "$out/gold.jsonl"
    for (( k = 0; k < captions; k++ )); do
        for (( n = 0; n < answers; n++ )); do
            answer=$gold
            (( (number + 2 * k + n) % 5 )) || answer="none of these"
            words=$(printf ' I look again.%.0s' $(seq $((1 + (3 * k + n) % 4))))
            printf '{"id": %s, "caption_index": %d, "trajectory_index": %d, "response": "<think>%s</think>\\n\\\\boxed{%s}"}\n' \
                "$id" "$k" "$n" "$words" "$answer" >> "$out/answers.jsonl"
        done
    done
    number=$((number + 1))
done < "${files[0]}"
[[ $(head -n 1 "$out/questions.jsonl") =~ \"image\":\ \"([^\"]*)\" ]]
image=${BASH_REMATCH[1]}

# The model of models/internvl3-nano.json with few tiles, so that a run takes a minute or two.
sed -E "s/(\"max_dynamic_patch\": *)[0-9]+/\1${TILES:-2}/" "$root/models/internvl3-nano.json" > "$out/config.json"

stage init init --config "$out/config.json" --tokenizer "$tokenizer" --out "$out/model" --seed 1
stage inspect inspect --model "$out/model" --tokens 2048 > "$out/inspect.txt"
stage tiles tiles --image "$image" --out "$out/tiles"
stage score score --model "$out/model" --data "$out/gold.jsonl" --out "$out/scores.jsonl"
stage generate generate --model "$out/model" --data "$out/questions.jsonl" --max-new-tokens 16 --temperature 1 --seed 1 --out "$out/generated.jsonl"
stage caption caption --model "$out/model" --data "$out/questions.jsonl" --out "$out/store" --captions $captions --max-new-tokens 16 --seed 1

# A server that speaks chat completions, for the same captions.
if command -v python3 > /dev/null; then
    cp -r "$out/store" "$out/store-http"
    coproc SERVER { exec python3 -u - "$out/answers.jsonl" <<'PYTHON'
import http.server, json, sys

answers = [json.loads(line)["response"] for line in open(sys.argv[1], encoding="utf-8")]
served = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global served
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert request["messages"][0]["content"], "a prompt"
        answer = answers[served % len(answers)]
        served += 1
        body = json.dumps({"choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port)
server.serve_forever()
PYTHON
    }
    server=$SERVER_PID
    trap 'kill "$server" 2> /dev/null || true' EXIT
    read -r port <&"${SERVER[0]}"
    stage reason-http reason --store "$out/store-http" --captions $captions --answers $answers --seed 1 \
        --reasoner http --endpoint "http://127.0.0.1:$port/v1" --reasoner-model local --concurrency 4
    kill "$server"
    wait "$server" 2> /dev/null || true
    trap - EXIT
    stage reward-http reward --store "$out/store-http" --tokenizer "$out/model" --out "$out/trajectories-http.jsonl"
else
    echo "== reason-http: skipped, there is no python3 for the local server" >&2
    printf '%-14s %s\n' reason-http "skipped: no python3" >> "$out/summary.txt"
fi

stage reason reason --store "$out/store" --captions $captions --answers $answers --seed 1 --reasoner replay --replay "$out/answers.jsonl"
stage status rollout --store "$out/store" --status
stage reward reward --store "$out/store" --tokenizer "$out/model" --out "$out/trajectories.jsonl"
stage train train --model "$out/model" --data "$out/trajectories.jsonl" --recipe "$here/mathvision-nano.json" --out "$out/training" --seed 1
stage eval eval --model "$out/training/checkpoints/step-00000001" --data "$out/questions.jsonl" --max-new-tokens 16 --out "$out/evaluation.jsonl"

echo
cat "$out/summary.txt"
cat "$out/training/metrics.jsonl"
