"""Ours against OpenBLAS and PyTorch on the CPU, in turn, in one run: matrix products, the head with its objective, a training step and decoding of a model of 60 M parameters, single operations.

    dotnet build -c Release bench/Sophia.Native.Benchmarks
    python3 bench/peers/cpu.py [--rounds 3] [--threads 2] [--parts gemm,head,step,decode,operations] [--out FILE]

Every measurement is a process of its own; ours and theirs alternate, so that both see the same clock and the same neighbors. A round's figure is the process's best (gemm) or median; the table gives the
median of the rounds, their spread, and the ratio of the medians. Memory is the peak resident size of the process. Needs numpy and torch (1.13 or newer; attention is scaled_dot_product_attention where
torch has it) and libopenblas.so.0. The peers' side runs alone as: cpu.py peer NAME ...
"""

import argparse
import ctypes
import datetime
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCHMARKS = os.path.join(ROOT, "bench/Sophia.Native.Benchmarks/bin/Release/net10.0/Sophia.Native.Benchmarks.dll")

# M x N x K of Y = X W^T: squares, and the linear layers of the 60 M model, of InternVL3-1B at 512 tokens, and decoding.
SHAPES = ["1024x1024x1024", "2048x2048x2048", "512x4864x896", "512x896x4864", "2000x128x384", "1024x5632x512", "64x896x896", "16x896x896", "1x16384x4096"]
# The interpreter of the peers' side.
PYTHON = [sys.executable]
LAYOUTS = ["NormalNormal", "NormalTransposed", "TransposedNormal"]
MEDIUM = ["--config", "medium"]
HEAD = (4096, 512, 32768)


# ---- the peers' side: each function prints lines "name<TAB>seconds<TAB>bytes" ----

def emit(name, seconds, extra=0.0):
    print(f"{name}\t{seconds:.9f}\t{extra:.0f}", flush=True)


def resident():
    """Bytes of this process in memory."""
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def openblas(shapes):
    import numpy as np

    library = ctypes.CDLL("libopenblas.so.0")
    library.openblas_set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    row_major, normal, transposed = 101, 111, 112
    floats = ctypes.POINTER(ctypes.c_float)
    library.cblas_sgemm.argtypes = [ctypes.c_int] * 6 + [ctypes.c_float, floats, ctypes.c_int, floats, ctypes.c_int, ctypes.c_float, floats, ctypes.c_int]
    random = np.random.default_rng(1)
    for shape in shapes:
        m, n, k = map(int, shape.split("x"))
        a, b, c = (random.random(size, dtype=np.float32) - 0.5 for size in (m * k, n * k, m * n))
        pointers = [x.ctypes.data_as(floats) for x in (a, b, c)]
        for layout in LAYOUTS:
            first = transposed if layout == "TransposedNormal" else normal
            second = transposed if layout == "NormalTransposed" else normal

            def run():
                library.cblas_sgemm(row_major, first, second, m, n, k, 1.0, pointers[0], m if first == transposed else k, pointers[1], k if second == transposed else n,
                                    1.0 if layout == "TransposedNormal" else 0.0, pointers[2], n)

            best = float("inf")
            for _ in range(7):
                begin = time.perf_counter()
                count = 0
                while count < 2 or time.perf_counter() - begin < 0.02:
                    start = time.perf_counter()
                    run()
                    best = min(best, time.perf_counter() - start)
                    count += 1
            emit(f"{shape} {layout}", best)


def median_of(work, rounds=5):
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def torch_head(what):
    """What reinforcement-learning code does in eager mode: all logits, log-softmax, the chosen log-probability, the entropy, the clipped ratio, backward."""
    import torch

    tokens, channels, vocabulary = HEAD
    torch.manual_seed(1)
    hidden = torch.rand(tokens, channels).mul_(2).sub_(1).requires_grad_()
    weight = torch.rand(vocabulary, channels).mul_(2).sub_(1).requires_grad_()
    targets = torch.randint(vocabulary, (tokens,))
    behavior = torch.full((tokens,), -10.4)
    rewards = torch.rand(tokens)

    def loss():
        logp = (hidden @ weight.t()).log_softmax(-1)
        entropy = -(logp.exp() * logp).sum(-1).detach()
        chosen = logp.gather(-1, targets[:, None])[:, 0]
        ratio = (chosen.detach() - behavior).exp().clamp(0.8, 1.28)
        return -(ratio * rewards * chosen).mean(), entropy

    def cross_entropy():
        hidden.grad = weight.grad = None
        torch.nn.functional.cross_entropy(hidden @ weight.t(), targets).backward()

    def objective():
        hidden.grad = weight.grad = None
        loss()[0].backward()

    def scores():
        with torch.no_grad():
            loss()

    # Hidden states, weight and their gradients are there before; what comes on top is the method's.
    hidden.grad, weight.grad = torch.ones_like(hidden), torch.ones_like(weight)
    before = resident()
    name, work = {"cross_entropy": ("HeadObjective", cross_entropy), "objective": ("HeadObjective", objective), "forward": ("HeadForward", scores)}[what]
    seconds = median_of(work, 3)
    emit(name, seconds, peak() - before)


def medium_model():
    """The model of bench/Sophia.Native.Benchmarks `--config medium`, written as its transformers counterpart is: modules, autograd, no fusion."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    vision_size, vision_layers, vision_heads, patch = 384, 6, 6, 14
    size, layers, heads, key_heads, head, features, vocabulary = 512, 8, 8, 2, 64, 2816, 8192

    def attend(q, k, v, causal):
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal and q.shape[2] > 1)
        scores = q @ k.transpose(2, 3) * head**-0.5
        if causal and q.shape[2] > 1:
            scores = scores + torch.full(scores.shape[2:], float("-inf")).triu(1)
        return scores.softmax(-1) @ v

    class VisionLayer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(vision_size, 1e-6), nn.LayerNorm(vision_size, 1e-6)
            self.qkv, self.proj = nn.Linear(vision_size, 3 * vision_size), nn.Linear(vision_size, vision_size)
            self.fc1, self.fc2 = nn.Linear(vision_size, 4 * vision_size), nn.Linear(4 * vision_size, vision_size)
            self.scale1, self.scale2 = nn.Parameter(torch.full((vision_size,), 0.1)), nn.Parameter(torch.full((vision_size,), 0.1))

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, vision_heads, head).permute(2, 0, 3, 1, 4)
            x = x + self.scale1 * self.proj(attend(q, k, v, False).transpose(1, 2).reshape(b, t, c))
            return x + self.scale2 * self.fc2(F.gelu(self.fc1(self.norm2(x))))

    class RmsNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(size))

        def forward(self, x):
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    def rotate(x, cos, sin):
        return x * cos + torch.cat((-x[..., head // 2:], x[..., : head // 2]), -1) * sin

    class TextLayer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = RmsNorm(), RmsNorm()
            self.q, self.k, self.v = nn.Linear(size, heads * head), nn.Linear(size, key_heads * head), nn.Linear(size, key_heads * head)
            self.o = nn.Linear(heads * head, size, bias=False)
            self.gate, self.up, self.down = nn.Linear(size, features, bias=False), nn.Linear(size, features, bias=False), nn.Linear(features, size, bias=False)

        def forward(self, x, cos, sin, cache=None, at=0):
            b, t, _ = x.shape
            h = self.norm1(x)
            q = rotate(self.q(h).view(b, t, heads, head).transpose(1, 2), cos, sin)
            k = rotate(self.k(h).view(b, t, key_heads, head).transpose(1, 2), cos, sin)
            v = self.v(h).view(b, t, key_heads, head).transpose(1, 2)
            if cache is not None:
                cache[0][:, :, at: at + t], cache[1][:, :, at: at + t] = k, v
                k, v = cache[0][:, :, : at + t], cache[1][:, :, : at + t]
            k, v = k.repeat_interleave(heads // key_heads, 1), v.repeat_interleave(heads // key_heads, 1)
            x = x + self.o(attend(q, k, v, True).transpose(1, 2).reshape(b, t, heads * head))
            h = self.norm2(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, vision_size, patch, patch)
            self.cls, self.position = nn.Parameter(torch.zeros(1, 1, vision_size)), nn.Parameter(torch.randn(1, 1025, vision_size) * 0.02)
            self.vision = nn.ModuleList(VisionLayer() for _ in range(vision_layers))
            self.project = nn.Sequential(nn.LayerNorm(4 * vision_size), nn.Linear(4 * vision_size, size), nn.GELU(), nn.Linear(size, size))
            self.embedding = nn.Embedding(vocabulary, size)
            self.text = nn.ModuleList(TextLayer() for _ in range(layers))
            self.norm, self.head = RmsNorm(), nn.Linear(size, vocabulary, bias=False)
            angle = torch.arange(4096)[:, None] * 1e6 ** -(torch.arange(0, head, 2) / head)
            self.cos, self.sin = torch.cat((angle.cos(),) * 2, -1), torch.cat((angle.sin(),) * 2, -1)

        def see(self, pixels):
            x = self.patch(pixels).flatten(2).transpose(1, 2)
            x = torch.cat((self.cls.expand(len(x), -1, -1), x), 1) + self.position
            for layer in self.vision:
                x = layer(x)
            x = x[:, 1:].reshape(-1, 32, 16, 2 * vision_size).permute(0, 2, 1, 3).reshape(-1, 16, 16, 4 * vision_size).permute(0, 2, 1, 3).reshape(-1, 256, 4 * vision_size)
            return self.project(x)

        def forward(self, ids, pixels=None, caches=None, at=0):
            x = self.embedding(ids)
            if pixels is not None:
                x = torch.cat((self.see(pixels), x[:, 256:]), 1)
            cos, sin = self.cos[at: at + ids.shape[1]], self.sin[at: at + ids.shape[1]]
            for i, layer in enumerate(self.text):
                x = layer(x, cos, sin, None if caches is None else caches[i], at)
            return self.norm(x)

    torch.manual_seed(1)
    return Model()


def torch_step():
    import torch

    model = medium_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05)
    ids, pixels = torch.randint(1, 8192, (2, 512)), torch.rand(2, 3, 448, 448) * 4 - 2
    trained = slice(306, 511)

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = model.head(model(ids, pixels)[:, trained])
        chosen = logits.log_softmax(-1).gather(-1, ids[:, 307:512, None])[..., 0]
        behavior = torch.full_like(chosen, -9.0)
        ratio = (chosen.detach() - behavior).exp().clamp(0.8, 1.28)
        loss = -(ratio * chosen).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    emit(f"step of {sum(p.numel() for p in model.parameters()):,} parameters", median_of(step, 3))


def torch_decode():
    import torch

    model = medium_model().eval()
    prompt = torch.randint(1, 8192, (1, 64))

    def generate(tokens):
        caches = [[torch.empty(1, 2, 192, 64) for _ in range(2)] for _ in model.text]
        with torch.no_grad():
            hidden = model(prompt, caches=caches)
            for at in range(64, 64 + tokens):
                chosen = torch.multinomial(model.head(hidden[:, -1]).softmax(-1), 1)
                if at + 1 < 64 + tokens:
                    hidden = model(chosen, caches=caches, at=at)

    generate(2)
    one, many = median_of(lambda: generate(1), 3), median_of(lambda: generate(128), 3)
    emit("decoding, a token", (many - one) / 127)


def torch_operations():
    """The operations of `operations --config medium --tokens 4096 --sequence 512 --tiles 4`, eager."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(1)

    def values(*shape):
        return torch.rand(*shape).mul_(2).sub_(1).requires_grad_()

    def both(name, kind, function, inputs):
        emit(f"{name}Forward{kind}", median_of(lambda: function(*inputs)))
        output = function(*inputs)
        gradient = torch.rand_like(output)
        emit(f"{name}Backward{kind}", median_of(lambda: torch.autograd.grad(output, inputs, gradient, retain_graph=True)))

    def attend(q, k, v, causal):
        k, v = k.repeat_interleave(q.shape[1] // k.shape[1], 1), v.repeat_interleave(q.shape[1] // v.shape[1], 1)
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        scores = q @ k.transpose(2, 3) * 0.125
        if causal:
            scores = scores + torch.full(scores.shape[2:], float("-inf")).triu(1)
        return scores.softmax(-1) @ v

    tokens, rows = 4096, 4 * 1025
    both("RmsNorm", "", lambda x, w: w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)), (values(tokens, 512), values(512)))
    both("LayerNorm", "", lambda x, w, b: F.layer_norm(x, (384,), w, b, 1e-6), (values(rows, 384), values(384), values(384)))
    both("SwiGlu", "", lambda g, u: F.silu(g) * u, (values(tokens, 2816), values(tokens, 2816)))
    both("Gelu", "", F.gelu, (values(rows, 1536),))
    both("Attention", " causal", lambda q, k, v: attend(q, k, v, True), (values(8, 8, 512, 64), values(8, 2, 512, 64), values(8, 2, 512, 64)))
    both("Attention", " full", lambda q, k, v: attend(q, k, v, False), (values(4, 6, 1025, 64), values(4, 6, 1025, 64), values(4, 6, 1025, 64)))
    count = 8 * 512 * (512 + 256 + 512 + 3 * 2816)
    parameter = torch.nn.Parameter(torch.rand(count))
    parameter.grad = torch.rand(count)
    emit("AdamW", median_of(torch.optim.AdamW([parameter], lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05).step))
    emit("GradientNorm", median_of(lambda: torch.linalg.vector_norm(parameter.grad)))


def peer(arguments):
    name, *rest = arguments
    if name == "openblas":
        return openblas(rest)
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if name == "about":
        processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "CPU")
        capability = next((line.split(":")[1].strip() for line in torch.__config__.show().splitlines() if "CPU capability" in line), "")
        return print(f"{processor}; torch {torch.__version__} ({capability}), Python {platform.python_version()}")
    return {"head": torch_head, "step": torch_step, "decode": torch_decode, "operations": torch_operations}[name](*rest)


# ---- the driver ----

def run(command, threads):
    """Standard output and the peak resident bytes of a process."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), DOTNET_TieredPGO="1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return output, usage.ru_maxrss * 1024


def theirs(threads, *arguments):
    output, memory = run([*PYTHON, os.path.abspath(__file__), "peer", *arguments], threads)
    rows = {}
    for line in output.splitlines():
        name, seconds, extra = line.split("\t")
        rows[name] = float(seconds)
        rows[name, "bytes"] = float(extra)
    return rows, memory


def cells(output):
    """Rows of a Markdown table: name and the number in each column."""
    for line in output.splitlines():
        if line.startswith("| ") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("| \n").split("|")]


def our_operations(threads, *arguments):
    output, memory = run(["dotnet", BENCHMARKS, "operations", *MEDIUM, *arguments], threads)
    return {row[0]: (float(row[2]) * 1e-6, row[6], float(row[7]) * 1e6) for row in cells(output) if re.fullmatch(r"[0-9.]+", row[2])}, memory


def our_gemm(threads, shapes):
    rows = {}
    for shape in shapes:
        output, _ = run(["dotnet", BENCHMARKS, "gemm", "--threads", str(threads), "--rounds", "7", "--shape", shape], threads)
        for line in output.splitlines()[2:]:
            parts = re.split(r"\s{2,}", line.strip())
            rows[f"{shape} {parts[1]}"] = (float(parts[-1]) * 1e-6, parts[3])
    return rows


def column(output, name):
    table = list(cells(output))
    return float(table[1][table[0].index(name)])


def summary(values):
    middle = statistics.median(values)
    return middle, (max(values) - min(values)) / middle


class Report:
    def __init__(self, path):
        self.path = path
        self.lines = []

    def line(self, text=""):
        print(text, flush=True)
        self.lines.append(text)
        if self.path:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write("\n".join(self.lines) + "\n")

    def compare(self, name, ours, others, scale, extra=""):
        (a, a_spread), (b, b_spread) = summary(ours), summary(others)
        self.line(f"| {name} | {a * scale:.3g} | {a_spread:.0%} | {b * scale:.3g} | {b_spread:.0%} | {b / a:.2f} |{extra}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--parts", default="gemm,head,step,decode,operations")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has torch, with what goes before it")
    parser.add_argument("--out")
    options = parser.parse_args()
    PYTHON[:] = options.python.split()
    threads, rounds, parts = options.threads, range(options.rounds), options.parts.split(",")
    report = Report(options.out)
    about = run([*PYTHON, os.path.abspath(__file__), "peer", "about"], threads)[0].strip()
    report.line("# Ours beside OpenBLAS and PyTorch on the CPU")
    report.line()
    report.line(f"{datetime.date.today()}, {threads} threads; {about}; `python3 bench/peers/cpu.py --rounds {options.rounds} --parts {options.parts}`; {options.rounds} rounds, ours and theirs in turn; "
                "medians, spread = (largest - smallest) / median; ratio = theirs / ours in time.")

    if "gemm" in parts:
        ours, others = [], []
        for _ in rounds:
            ours.append(our_gemm(threads, SHAPES))
            others.append(theirs(threads, "openblas", *SHAPES)[0])
        report.line("\n## Matrix products against OpenBLAS\n\nNormalNormal is dX = dY W, NormalTransposed Y = X W^T, TransposedNormal dW += dY^T X; GFLOP/s of the median round's best.\n")
        report.line("| M x N x K, layout | ours, GFLOP/s | share of the multiply-add peak, rounds | OpenBLAS, GFLOP/s | ratio |\n|---|---|---|---|---|")
        for name in ours[0]:
            m, n, k = map(int, name.split()[0].split("x"))
            mine = statistics.median(r[name][0] for r in ours)
            shares = ", ".join(r[name][1] for r in ours)
            # A weight in BFloat16 has no counterpart.
            their = statistics.median(r[name] for r in others) if name in others[0] else None
            beside = "- | -" if their is None else f"{2e-9 * m * n * k / their:.1f} | {their / mine:.2f}"
            report.line(f"| {name} | {2e-9 * m * n * k / mine:.1f} | {shares} | {beside} |")

    if "head" in parts:
        arguments = ["--tokens", str(HEAD[0]), "--vocabulary", str(HEAD[2]), "--filter", "Head", "--rounds", "3", "--anchors", "no"]
        ours, others, memory = [], {"objective": [], "cross_entropy": [], "forward": []}, {"objective": [], "cross_entropy": [], "forward": []}
        for _ in rounds:
            ours.append(our_operations(threads, *arguments)[0])
            for what in others:
                rows, _ = theirs(threads, "head", what)
                others[what].append(next(iter(rows.values())))
                memory[what].append(next(value for name, value in rows.items() if name[-1] == "bytes"))
        given = 4.0 * 2 * HEAD[1] * (HEAD[0] + HEAD[2])
        report.line(f"\n## Head and objective, {HEAD[0]} tokens x {HEAD[1]} channels x vocabulary {HEAD[2]}, milliseconds\n")
        report.line("Memory is what comes on top of hidden states, weight and their gradients: ours all other operands, the workspace among them, theirs the growth of the process.\n")
        report.line("| | ours | spread | PyTorch eager | spread | ratio | memory, ours / theirs, MB |\n|---|---|---|---|---|---|---|")
        for label, mine, what in [("log-probability and entropy", "HeadForward", "forward"), ("objective, forward and backward", "HeadObjective", "objective"), ("against cross-entropy alone, forward and backward", "HeadObjective", "cross_entropy")]:
            extra = ours[0][mine][2] - (given if mine == "HeadObjective" else given / 2)
            report.compare(label, [r[mine][0] for r in ours], others[what], 1e3, f" {extra / 1e6:.0f} / {statistics.median(memory[what]) / 1e6:.0f} |")

    if "step" in parts:
        variants = [("step", []), ("with recomputation", ["--recompute", "yes"]), ("with recomputation and moments in bf16", ["--recompute", "yes", "--moments", "bf16"])]
        ours, memory = {name: [] for name, _ in variants}, {name: [] for name, _ in variants}
        others, their_memory = [], []
        for _ in rounds:
            for name, extra in variants:
                output, used = run(["dotnet", BENCHMARKS, "steps", *MEDIUM, "--tokens", "1024", "--sequence", "512", "--tiles", "2", "--rounds", "3", *extra], threads)
                ours[name].append(column(output, "seconds a step"))
                memory[name].append(used)
            rows, used = theirs(threads, "step")
            others.append(next(iter(rows.values())))
            their_memory.append(used)
        report.line("\n## A training step of the 60 M model (two samples of 512 tokens, one tile of 448 pixels each, fp32; forward, backward of every group, clipping, AdamW), seconds\n")
        report.line("| | ours | spread | PyTorch | spread | ratio | peak memory of the process, ours / theirs, GB |\n|---|---|---|---|---|---|---|")
        for name, _ in variants:
            report.compare(name, ours[name], others, 1, f" {statistics.median(memory[name]) / 1e9:.2f} / {statistics.median(their_memory) / 1e9:.2f} |")

    if "decode" in parts:
        variants = [("fp32", ["--precision", "fp32"]), ("weights in bf16", ["--precision", "bf16"])]
        ours, shares, others = {name: [] for name, _ in variants}, {name: [] for name, _ in variants}, []
        for _ in rounds:
            for name, arguments in variants:
                output, _ = run(["dotnet", BENCHMARKS, "decode", *MEDIUM, *arguments, "--new-tokens", "128", "--rounds", "3"], threads)
                ours[name].append(column(output, "milliseconds a step") * 1e-3)
                shares[name].append(list(cells(output))[1][-1])
            others.append(next(iter(theirs(threads, "decode")[0].values())))
        report.line("\n## Decoding one sequence of the 60 M model, milliseconds a token\n")
        report.line("| | ours | spread | PyTorch fp32 | spread | ratio | weights' bytes over time, share of the read bandwidth, rounds |\n|---|---|---|---|---|---|---|")
        for name, _ in variants:
            report.compare(name, ours[name], others, 1e3, f" {', '.join(shares[name])} |")

    if "operations" in parts:
        ours, others = [], []
        for _ in rounds:
            ours.append(our_operations(threads, "--tokens", "4096", "--sequence", "512", "--tiles", "4", "--rounds", "5")[0])
            others.append(theirs(threads, "operations")[0])
        report.line("\n## Single operations of the 60 M model (4096 tokens in sequences of 512, 4 tiles), microseconds\n")
        report.line("| operation | ours | spread | PyTorch eager | spread | ratio | ours, share of the bound, rounds |\n|---|---|---|---|---|---|---|")
        for name in ours[0]:
            share = f" {', '.join(r[name][1] for r in ours)} |"
            other = next((peer_name for peer_name in others[0] if isinstance(peer_name, str) and name.startswith(peer_name)), None)
            if other is None:
                middle, spread = summary([r[name][0] for r in ours])
                report.line(f"| {name} | {middle * 1e6:.3g} | {spread:.0%} | - | - | - |{share}")
            else:
                report.compare(name, [r[name][0] for r in ours], [r[other] for r in others], 1e6, share)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        peer(sys.argv[2:])
    else:
        main()
