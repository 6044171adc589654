"""PyTorch on the operations of bench/Sophia.Native.Benchmarks `operations`, at the same sizes, for the same run.

    python3 operations.py --config models/internvl3-1b.json --tokens 16384 --sequence 4096 --tiles 8 --precision bf16 --device cuda --out table.md

Random operands, median of the rounds, launches back to back within a round. Attention is torch's scaled_dot_product_attention (it picks cuDNN or FlashAttention), the head is what
reinforcement-learning code runs: chunks of tokens, eager and under torch.compile; norms and SwiGLU under torch.compile. Needs torch 2.5 or later.
"""

import argparse
import datetime
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="models/internvl3-1b.json")
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--sequence", type=int, default=4096)
    parser.add_argument("--tiles", type=int, default=8)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--filter", default="")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--out")
    return parser.parse_args()


options = parse()
text = json.load(open(options.config))["llm_config"]
vision = json.load(open(options.config))["vision_config"]
dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
device = torch.device(options.device)
size = 2 if options.precision == "bf16" else 4
N, T = options.tokens, min(options.sequence, options.tokens)
C, features, V = text["hidden_size"], text["intermediate_size"], text["vocab_size"]
heads, key_heads = text["num_attention_heads"], text["num_key_value_heads"]
D = C // heads
torch.manual_seed(1)


def synchronize():
    if device.type == "cuda":
        torch.cuda.synchronize()


def measure(work):
    work()
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    runs = max(1, min(1000, int(0.03 / max(time.perf_counter() - start, 1e-9))))
    seconds = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        for _ in range(runs):
            work()
        synchronize()
        seconds.append((time.perf_counter() - start) / runs)
    seconds.sort()
    return statistics.median(seconds), seconds


def random(*shape, kind=None, gradient=False):
    values = torch.rand(*shape, device=device, dtype=torch.float32).mul_(2).sub_(1).to(kind or dtype)
    return values.requires_grad_() if gradient else values


def compiled(function):
    return function if options.no_compile else torch.compile(function)


def peak_memory(work):
    """Bytes above what is allocated before the work."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    synchronize()
    return torch.cuda.max_memory_allocated() - before


lines = []


def line(text_line):
    print(text_line, flush=True)
    lines.append(text_line)


def row(name, shape, work, moved=0.0, operations=0.0, note=""):
    if options.filter.lower() not in name.lower():
        return
    try:
        median, seconds = measure(work)
        memory = peak_memory(work)
    except (RuntimeError, torch.OutOfMemoryError) as error:
        line(f"| {name} | {shape} | failed: {str(error).splitlines()[0][:80]} | - | - | - | - |")
        return
    spread = (seconds[-1] - seconds[0]) / median
    rate = f"{operations / median / 1e12:.2f}" if operations else "-"
    used = "-" if memory is None else f"{memory / 1e9:.2f}"
    line(f"| {name}{note} | {shape} | {median * 1e6:.1f} | {spread:.0%} | {moved / median / 1e9:.0f} | {rate} | {used} |")


def linear():
    shapes = [("query, key, value", C + 2 * key_heads * D, C), ("attention output", C, C), ("gate, up", 2 * features, C), ("down", C, features)]
    for name, outputs, channels in shapes:
        x, y, w = random(N, channels), random(N, outputs), random(outputs, channels)
        cost = 2.0 * N * outputs * channels
        moved = size * (N * (outputs + channels) + outputs * channels)
        row(f"LinearForward {name}", f"{N} x {outputs} x {channels}", lambda: torch.matmul(x, w.t()), moved, cost)
        row(f"LinearBackwardInput {name}", f"{N} x {outputs} x {channels}", lambda: torch.matmul(y, w), moved, cost)
        row(f"LinearBackwardWeight {name}", f"{outputs} x {channels} x {N}", lambda: torch.matmul(y.t(), x), moved, cost)


def forward_and_backward(name, shape, function, inputs, forward_bytes, backward_bytes, forward_operations=0.0, backward_operations=0.0):
    """Backward alone is timed by itself on a kept graph."""
    row(f"{name}Forward", shape, lambda: function(*inputs), forward_bytes, forward_operations)
    output = function(*inputs)
    gradient = random(*output.shape, kind=output.dtype)
    leaves = [value for value in inputs if value.requires_grad]
    row(f"{name}Backward", shape, lambda: torch.autograd.grad(output, leaves, gradient, retain_graph=True), backward_bytes, backward_operations)


def norms():
    x, w = random(N, C, gradient=True), random(C, gradient=True)
    forward_and_backward("RmsNorm", f"{N} x {C}", compiled(lambda a, b: F.rms_norm(a, (C,), b, 1e-6)), (x, w), 2.0 * size * N * C, 3.0 * size * N * C)
    rows, channels = options.tiles * 1025, vision["hidden_size"]
    x, w, b = random(rows, channels, gradient=True), random(channels, gradient=True), random(channels, gradient=True)
    forward_and_backward("LayerNorm", f"{rows} x {channels}", compiled(lambda a, c, d: F.layer_norm(a, (channels,), c, d, 1e-6)), (x, w, b), 2.0 * size * rows * channels, 3.0 * size * rows * channels)
    gate_up = random(N, 2 * features, gradient=True)
    forward_and_backward("SwiGlu", f"{N} x {features}", compiled(lambda a: F.silu(a[:, :features]) * a[:, features:]), (gate_up,), 3.0 * size * N * features, 5.0 * size * N * features)
    x = random(rows, vision["intermediate_size"], gradient=True)
    forward_and_backward("Gelu", f"{rows} x {vision['intermediate_size']}", compiled(lambda a: F.gelu(a)), (x,), 2.0 * size * x.numel(), 3.0 * size * x.numel())


def attention(causal):
    h, k, d = (heads, key_heads, D) if causal else (vision["num_attention_heads"], vision["num_attention_heads"], vision["hidden_size"] // vision["num_attention_heads"])
    length = T if causal else 1025
    count = N // T if causal else options.tiles
    q, key, value = random(count, h, length, d, gradient=True), random(count, k, length, d, gradient=True), random(count, k, length, d, gradient=True)
    cost = 4.0 * count * length * length * h * d / (2 if causal else 1)
    grouped = {"enable_gqa": True} if h != k else {}
    name = f"Attention {'causal' if causal else 'full'} "
    forward_and_backward(name, f"{count} x {length}, heads {h}/{k} x {d}", lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=causal, **grouped), (q, key, value),
                         size * count * length * d * (2 * h + 2 * k), size * count * length * d * (4 * h + 4 * k), cost, 2.5 * cost)


def head():
    chunk = min(N, 1024)
    hidden, weight = random(N, C, gradient=True), random(V, C, gradient=True)
    targets = torch.randint(V, (N,), device=device)
    behavior = torch.full((N,), -math.log(V), device=device)
    weights = random(N, kind=torch.float32)

    def chunk_loss(h, w, target, mu, reward):
        logits = (h @ w.t()).float()
        log_probabilities = logits.log_softmax(-1)
        chosen = log_probabilities.gather(-1, target[:, None])[:, 0]
        entropy = -(log_probabilities.exp() * log_probabilities).sum(-1).detach()
        ratio = (chosen.detach() - mu).exp().clamp(0.8, 1.28)
        return -(ratio * reward * chosen).sum() / N, entropy

    def score(function):
        with torch.no_grad():
            for first in range(0, N, chunk):
                part = slice(first, first + chunk)
                function(hidden[part], weight, targets[part], behavior[part], weights[part])

    def step(function):
        hidden.grad = weight.grad = None
        for first in range(0, N, chunk):
            part = slice(first, first + chunk)
            loss, _ = function(hidden[part], weight, targets[part], behavior[part], weights[part])
            loss.backward()

    shape = f"{N} x {C} x {V}, chunks of {chunk}"
    cost = 2.0 * N * C * V
    for note, function in [(" eager", chunk_loss)] + ([] if options.no_compile else [(" compiled", torch.compile(chunk_loss))]):
        row("HeadForward", shape, lambda: score(function), 0, cost, note)
        row("HeadObjective", shape, lambda: step(function), 0, 3 * cost, note)


def optimizer():
    count = 8 * C * (C + 2 * key_heads * D + C + 3 * features)
    parameter = torch.nn.Parameter(random(count, kind=torch.float32))
    parameter.grad = random(count, kind=torch.float32)
    fused = {"fused": True} if device.type == "cuda" else {}
    adamw = torch.optim.AdamW([parameter], lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05, **fused)
    row("AdamW", str(count), adamw.step, 28.0 * count)
    row("GradientNorm", str(count), lambda: torch.linalg.vector_norm(parameter.grad), 4.0 * count)


name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
line(f"# PyTorch at the sizes of {options.config.split('/')[-1].removesuffix('.json')}, {options.precision}")
line("")
line(f"{datetime.date.today()}, {name}, torch {torch.__version__}, tokens {N}, sequence {T}, tiles {options.tiles}; median of {options.rounds} rounds.")
line("")
line("| operation | shape | microseconds | spread | GB/s | TFLOP/s | memory above the operands GB |")
line("|---|---|---|---|---|---|---|")
elements = 1 << (27 if device.type == "cuda" and N >= 1024 else 16)
source, destination = random(elements, kind=torch.float32), random(elements, kind=torch.float32)
row("copy", str(elements), lambda: destination.copy_(source), 8.0 * elements)
edge = 8192 if device.type == "cuda" and N >= 1024 else 64
a, b = random(edge, edge), random(edge, edge)
row("matrix product", f"{edge}^3", lambda: torch.matmul(a, b), 0, 2.0 * edge**3)
del source, destination, a, b
for part in (linear, norms, lambda: attention(True), lambda: attention(False), head, optimizer):
    part()
if options.out:
    with open(options.out, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
