"""Loads a checkpoint that sophia saved with transformers and compares its predictions with those of `sophia score` on the same tokens and pixels.

    sophia init --config models/internvl3-nano.json --tokenizer TOKENIZER --out MODEL        (or a checkpoint of sophia train; the hf layout)
    sophia score --model MODEL --data raw.jsonl --out scores.jsonl
    python3 compare_checkpoint.py --model MODEL --data raw.jsonl --scores scores.jsonl

raw.jsonl holds raw records: {"id", "input_ids": [...], "pixel_values": "file.safetensors#name"?, "temperature"?}. transformers runs in fp32 with eager attention on the CPU; of its logits the
log-probability of every token and the entropy of every prediction are taken, as sophia score writes them (entry i belongs to the prediction of token i), and the largest differences printed.
Exit code 1 where a difference is beyond the tolerance, which is that of tests/golden for a log-probability. A checkpoint with rope_length is run with the base of dynamic NTK at that length.
Needs torch, safetensors and transformers 4.52 or later. What it said: bench/results/2026-11-23-other-readers.md.
"""

import argparse
import json
import os
import sys

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForImageTextToText


def fixed_rope(config):
    """Dynamic NTK at the length that the run fixed, instead of at the length of each sequence."""
    text = config.text_config
    length = getattr(text, "rope_length", None)
    if length is None:
        return
    parameters = dict(getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {})
    theta = parameters.get("rope_theta") or text.rope_theta
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    factor = parameters["factor"]
    base = theta * (factor * length / text.max_position_embeddings - (factor - 1)) ** (size / (size - 2))
    text.max_position_embeddings = length
    if getattr(text, "rope_parameters", None) is not None:
        text.rope_parameters = {"rope_type": "default", "rope_theta": base}
    else:
        text.rope_scaling = None
        text.rope_theta = base


def pixels(record, folder):
    if not record.get("pixel_values"):
        return None
    path, name = record["pixel_values"].rsplit("#", 1)
    with safe_open(os.path.join(folder, path), framework="pt") as file:
        return file.get_tensor(name).to(torch.float32)


def predictions(model, record, folder):
    ids = torch.tensor([record["input_ids"]])
    images = pixels(record, folder)
    arguments = {} if images is None else {"pixel_values": images}
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **arguments).logits[0, :-1]
    logp = torch.log_softmax(logits.double() / (record.get("temperature") or 1.0), dim=-1)
    return logp.gather(1, ids[0, 1:, None])[:, 0], -(logp.exp() * logp).sum(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="checkpoint folder in the hf layout")
    parser.add_argument("--data", required=True, help="raw records")
    parser.add_argument("--scores", required=True, help="what sophia score wrote of them")
    parser.add_argument("--tolerance", type=float, default=4e-5, help="largest absolute difference of a log-probability or an entropy")
    options = parser.parse_args()

    config = AutoConfig.from_pretrained(options.model)
    if config.model_type != "internvl":
        sys.exit(f"{options.model}: expected a checkpoint of model_type internvl (the hf layout), found {config.model_type}: write it with --layout hf")
    fixed_rope(config)
    model, report = AutoModelForImageTextToText.from_pretrained(options.model, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    model.eval()
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            sys.exit(f"{options.model}: expected transformers to find every tensor and no other, found {kind}: {sorted(report[kind])[:8]}")

    folder = os.path.dirname(os.path.abspath(options.data))
    records = [json.loads(line) for line in open(options.data, encoding="utf-8") if line.strip()]
    scores = [json.loads(line) for line in open(options.scores, encoding="utf-8") if line.strip()]
    if len(records) != len(scores):
        sys.exit(f"{options.scores}: expected a line for each of {len(records)} records, found {len(scores)}")
    worst = 0.0
    print("| record | tokens | log-probability, largest difference | entropy, largest difference |\n|---|---|---|---|")
    for record, ours in zip(records, scores):
        if len(ours["logprobs"]) != len(record["input_ids"]):
            sys.exit(f"{options.scores}: expected {len(record['input_ids'])} entries for record {record.get('id')}, found {len(ours['logprobs'])}")
        logp, entropy = predictions(model, record, folder)
        differences = [float((theirs - torch.tensor(ours[name][1:], dtype=torch.float64)).abs().max()) if len(theirs) else 0.0 for name, theirs in (("logprobs", logp), ("entropies", entropy))]
        worst = max(worst, *differences)
        print(f"| {record.get('id', '')} | {len(record['input_ids'])} | {differences[0]:.2e} | {differences[1]:.2e} |")
    print(f"\nlargest difference {worst:.2e}, tolerance {options.tolerance:.0e}: {'equal' if worst <= options.tolerance else 'NOT equal'}")
    return 0 if worst <= options.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
