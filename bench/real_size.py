"""A model of real size on the CPU: init, inspect, score, generate and one training step, each a process of its own, with its seconds and the peak of its resident memory.

    dotnet build -c Release
    python3 bench/real_size.py --questions QUESTIONS --tokenizer TOKENIZER --work FOLDER [--config models/internvl3-1b.json] [--count 2] [--out FILE]

QUESTIONS is a folder with one JSON lines file of MathVision questions and its images, TOKENIZER one with Qwen2's vocab.json and merges.txt. Weights are random: what is generated is gibberish, what is shown
is that it works, how fast and in how much memory. The training step takes every question of --count as one trajectory whose response is its answer, trains the decoder (vision and projector frozen) and
recomputes activations. Decoding is stated against the time in which the decoder's weights could be read once.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOPHIA = ["dotnet", os.path.join(ROOT, "src/Sophia.Native.Cli/bin/Release/net10.0/sophia.dll")]
BENCHMARKS = ["dotnet", os.path.join(ROOT, "bench/Sophia.Native.Benchmarks/bin/Release/net10.0/Sophia.Native.Benchmarks.dll")]

lines = []


def line(text=""):
    print(text, flush=True)
    lines.append(text)


def run(command):
    """Standard output, seconds and peak resident bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    output, error = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{error[-3000:]}")
    return output, time.perf_counter() - start, usage.ru_maxrss * 1024


def stage(name, what, *arguments):
    output, seconds, memory = run([*SOPHIA, *arguments])
    line(f"| {name} | {what} | {seconds:.1f} | {memory / 1e9:.2f} |")
    return output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--work", required=True, help="new folder for the model and what is written")
    parser.add_argument("--config", default=os.path.join(ROOT, "models/internvl3-1b.json"))
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--out")
    options = parser.parse_args()
    if os.path.exists(options.work):
        sys.exit(f"{options.work}: expected a new folder, found something there")
    os.makedirs(options.work)
    work, questions = os.path.abspath(options.work), os.path.abspath(options.questions)
    files = [name for name in os.listdir(questions) if name.endswith(".jsonl")]
    if len(files) != 1:
        sys.exit(f"{questions}: expected one .jsonl file, found {len(files)}")
    data, trajectories, model = (os.path.join(work, name) for name in ("questions.jsonl", "trajectories.jsonl", "model"))
    with open(os.path.join(questions, files[0]), encoding="utf-8") as source, open(data, "w", encoding="utf-8") as asked, open(trajectories, "w", encoding="utf-8") as answered:
        for text in list(source)[: options.count]:
            record = json.loads(text)
            record["image"] = os.path.join(questions, record["image"])
            asked.write(json.dumps(record) + "\n")
            answered.write(json.dumps({"response": f"<think>I look at the picture and count once more.</think>\n\\boxed{{{record['answer']}}}", "reward": 1, **record}) + "\n")
    recipe = os.path.join(work, "recipe.json")
    with open(recipe, "w", encoding="utf-8") as file:
        json.dump({"freeze": ["vision", "projector"], "recompute": True, "steps": 1, "batch_sequences": options.count, "objective": {"ratio": "one"}, "save_dtype": "bf16"}, file)

    name = os.path.basename(options.config).removesuffix(".json")
    line(f"# {name} on the CPU")
    line()
    line(f"{datetime.date.today()}, `python3 bench/real_size.py --count {options.count}` with MathVision's first questions, dynamic tiling as configured, random weights.")
    line()
    line("| what | how | seconds | peak memory, GB |\n|---|---|---|---|")
    stage("init", "random weights, bf16 files", "init", "--config", options.config, "--tokenizer", options.tokenizer, "--out", model, "--save-dtype", "bf16", "--seed", "1")
    inspected = stage("inspect", "", "inspect", "--model", model)
    for precision in ("fp32", "bf16"):
        arguments = ["--model", model, "--precision", precision]
        score = os.path.join(work, f"scores-{precision}.jsonl")
        stage("score", f"{options.count} questions with their answers, {precision}", "score", *arguments, "--data", trajectories, "--out", score)
        tokens = [len(json.loads(text)["logprobs"]) for text in open(score, encoding="utf-8")]
        stage("generate", f"{options.count} questions, {options.new_tokens} tokens each, {precision}", "generate", *arguments, "--data", data, "--max-new-tokens", str(options.new_tokens), "--temperature", "1", "--seed", "1",
              "--out", os.path.join(work, f"generated-{precision}.jsonl"))
    stage("train", f"one step, {options.count} trajectories, decoder trained, recomputation, fp32", "train", "--model", model, "--data", trajectories, "--recipe", recipe, "--out", os.path.join(work, "training"), "--seed", "1")
    metrics = [json.loads(text) for text in open(os.path.join(work, "training/metrics.jsonl"), encoding="utf-8")][-1]
    line()
    line(f"Scored sequences have {', '.join(map(str, tokens))} tokens, images included. The step: `{json.dumps(metrics)}`")
    line()
    for precision in ("fp32", "bf16"):
        output, _, memory = run([*BENCHMARKS, "decode", "--config", options.config, "--precision", precision, "--new-tokens", str(options.new_tokens), "--rounds", "3"])
        line(f"Decoding, {precision} ({memory / 1e9:.2f} GB):\n")
        for row in output.splitlines():
            if row.startswith("|"):
                line(row)
        line()
    # The sums, without the list of every tensor.
    line("```\n" + "\n".join(row for row in inspected.strip().splitlines() if not re.match(r"    \S+ +\[", row)) + "\n```")
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
