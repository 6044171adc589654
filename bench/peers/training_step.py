"""Training steps of transformers' InternVL on the work of bench/Sophia.Native.Benchmarks `steps`: random weights, tokens and pixels, the same shapes, for the same run.

    python3 training_step.py --config models/internvl3-1b.json --tokens 16384 --sequence 4096 --tiles 8 --device cuda --out table.md

Sequences are a batch without padding; parameters and moments in the given precision (ours keeps fp32 masters beside bf16); AdamW is torch's fused one; attention is scaled_dot_product_attention.
Needs transformers 4.52 or later.
"""

import argparse
import datetime
import json
import statistics
import time

import torch
import transformers
from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLVisionConfig, Qwen2Config

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="models/internvl3-1b.json")
parser.add_argument("--tokens", type=int, default=16384)
parser.add_argument("--sequence", type=int, default=4096)
parser.add_argument("--tiles", type=int, default=8)
parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
parser.add_argument("--device", default="cuda")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--compile", action="store_true")
parser.add_argument("--out")
options = parser.parse_args()

IMAGE = 0
ours = json.load(open(options.config))
text, vision = ours["llm_config"], ours["vision_config"]
dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
device = torch.device(options.device)
torch.manual_seed(1)

text_config = Qwen2Config(
    hidden_size=text["hidden_size"], num_hidden_layers=text["num_hidden_layers"], num_attention_heads=text["num_attention_heads"], num_key_value_heads=text["num_key_value_heads"],
    intermediate_size=text["intermediate_size"], vocab_size=text["vocab_size"], rms_norm_eps=text["rms_norm_eps"], max_position_embeddings=text["max_position_embeddings"], tie_word_embeddings=False)
tile = vision["image_size"]
vision_config = InternVLVisionConfig(
    hidden_size=vision["hidden_size"], num_hidden_layers=vision["num_hidden_layers"], num_attention_heads=vision["num_attention_heads"], intermediate_size=vision["intermediate_size"],
    image_size=[tile, tile], patch_size=[vision["patch_size"], vision["patch_size"]], attention_bias=vision["qkv_bias"], layer_norm_eps=vision["layer_norm_eps"])
config = InternVLConfig(vision_config=vision_config.to_dict(), text_config=text_config.to_dict(), image_token_id=IMAGE)
torch.set_default_dtype(dtype)
with device:
    model = InternVLForConditionalGeneration(config)
model.config._attn_implementation = "sdpa"
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05, **({"fused": True} if device.type == "cuda" else {}))

length = min(options.sequence, options.tokens)
count = max(1, options.tokens // length)
per_tile = (tile // vision["patch_size"]) ** 2 // 4
tiles = [options.tiles // count + (1 if i < options.tiles % count else 0) for i in range(count)]
ids = torch.randint(1, text["vocab_size"], (count, length))
for i, n in enumerate(tiles):
    ids[i, : n * per_tile] = IMAGE
labels = ids.clone()
labels[:, : length * 3 // 5] = -100
labels[ids == IMAGE] = -100
pixels = torch.rand(options.tiles, 3, tile, tile, device=device, dtype=dtype) * 4 - 2
ids, labels = ids.to(device), labels.to(device)
forward = torch.compile(model) if options.compile else model


def synchronize():
    if device.type == "cuda":
        torch.cuda.synchronize()


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = forward(input_ids=ids, pixel_values=pixels, labels=labels, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


first = step()
step()
seconds = []
for _ in range(options.rounds):
    synchronize()
    start = time.perf_counter()
    last = step()
    synchronize()
    seconds.append(time.perf_counter() - start)
median = statistics.median(seconds)
parameters = sum(p.numel() for p in model.parameters())
memory = f"{torch.cuda.max_memory_allocated() / 1e9:.2f}" if device.type == "cuda" else "-"
name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
lines = [
    f"# Training steps of transformers at the sizes of {options.config.split('/')[-1].removesuffix('.json')}, {options.precision}",
    "",
    f"{datetime.date.today()}, {name}, torch {torch.__version__}, transformers {transformers.__version__}{', compiled' if options.compile else ''}",
    "",
    "| parameters | tokens | tiles | seconds a step | spread | tokens/s | loss before | loss after | device memory GB |",
    "|---|---|---|---|---|---|---|---|---|",
    f"| {parameters:,} | {count * length} | {options.tiles} | {median:.4f} | {(max(seconds) - min(seconds)) / median:.0%} | {count * length / median:.0f} | {first:.4f} | {last:.4f} | {memory} |",
]
print("\n".join(lines))
if options.out:
    with open(options.out, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
