#!/usr/bin/env python3
"""Measures `dsperse-slice fold` against `cp` and writes docs/benchmarks/fold.md.

Whole processes, started by a launcher of a few hundred KB (process_cost) so that peak memory is their own.
Files are in the page cache, targets are absent, runs of fold and cp alternate, nothing is synced. Every
figure is the minimum over the rounds: what the work takes when nothing else disturbs it.
"""

import argparse
import json
import math
import mmap
import os
import platform
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIB, MIB = 1 << 10, 1 << 20
LARGE = 64 * KIB
BLOCKS = [16, 64, 256, 1024, 4096, 16384]


class Bench:
    def __init__(self, bin_folder, work, rounds):
        self.launcher = os.path.join(bin_folder, "process_cost")
        self.fold = os.path.join(bin_folder, "dsperse-slice")
        self.make_model = os.path.join(bin_folder, "make_model")
        self.work = work
        self.rounds = rounds

    def model(self, name, *options):
        path = os.path.join(self.work, "-".join([name, *options]).replace("--", "") + ".onnx")
        if not os.path.exists(path):
            subprocess.run([self.make_model, name, path, *options], check=True)
        with open(path, "rb") as file:  # into the page cache
            while file.read(16 * MIB):
                pass
        return path

    def run(self, command, target):
        if os.path.exists(target):
            os.unlink(target)
        result = subprocess.run([self.launcher, *command], check=True, capture_output=True, text=True)
        cost = json.loads(result.stdout)
        if cost["status"] != 0:
            sys.exit(f"{' '.join(command)}: exit code {cost['status']}\n{result.stderr}")
        cost["cpu"] = cost["user"] + cost["system"]
        return cost

    def measure(self, model, with_cp):
        """Minima of fold and, interleaved, of cp."""
        target = os.path.join(self.work, "out.onnx")
        runs = {"fold": [], "cp": []}
        for _ in range(self.rounds):
            if with_cp:
                runs["cp"].append(self.run(["cp", "--reflink=never", model, target], target))
            runs["fold"].append(self.run([self.fold, "fold", model, "-o", target, "--quiet"], target))
        os.unlink(target)
        return {
            who: {key: min(run[key] for run in list_) for key in ("wall", "cpu", "peak_rss")}
            for who, list_ in runs.items() if list_
        }


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data, begin, end):
    """(number, begin, end) of the fields of bytes of a message."""
    while begin < end:
        tag, begin = varint(data, begin)
        if tag & 7 == 2:
            size, begin = varint(data, begin)
            yield tag >> 3, begin, begin + size
            begin += size
        elif tag & 7 == 0:
            _, begin = varint(data, begin)
        else:
            begin += 8 if tag & 7 == 1 else 4


def bytes_outside_large_payloads(path):
    """Of a generated model: its payloads are the raw_data of initializers."""
    large = 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        for number, begin, end in fields(data, 0, len(data)):
            if number != 7:  # ModelProto.graph
                continue
            for inner, b, e in fields(data, begin, end):
                if inner != 5:  # GraphProto.initializer
                    continue
                large += sum(pe - pb for n, pb, pe in fields(data, b, e) if n == 9 and pe - pb > LARGE)
        return len(data) - large


def slope(points):
    """Of the least-squares line through the logarithms."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def machine(work):
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            cpu = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kind = subprocess.run(["stat", "-f", "-c", "%T", work], capture_output=True, text=True).stdout.strip()
    return (f"{cpu}, {os.cpu_count()} processors, {memory / (1 << 30):.0f} GiB, Linux "
            f"{platform.release().split('-')[0]}, file system {kind or 'unknown'}")


def verdict(value, bar, aim=None):
    if aim is not None and value <= aim:
        return "aim reached"
    return "within the bar" if value <= bar else f"**{value / bar:.2f} x the bar**"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.path.join(TOP, "build/release/bin"), help="folder of the programs")
    parser.add_argument("--work", help="folder for models (removed afterwards unless given)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--build", default="release preset", help="what the programs were built with, for the page")
    parser.add_argument("--out", default=os.path.join(TOP, "docs/benchmarks/fold.md"), help="- for standard output")
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="fold_vs_cp-")
    os.makedirs(work, exist_ok=True)
    try:
        text = report(Bench(options.bin, work, options.rounds), options.rounds, options.build)
    finally:
        if options.work is None:
            shutil.rmtree(work)
    if options.out == "-":
        print(text, end="")
        return
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(options.out, "w") as out:
        out.write(text)
    print(text, end="")


def ms(seconds):
    return f"{1e3 * seconds:.1f}"


def mb(size):
    return f"{size / 1e6:.1f}"


def against_cp(bench, lines, memory):
    lines += [
        "## Against a copy of the file", "",
        "| model | file | fold wall / CPU | cp wall / CPU | ratio wall / CPU | bar, aim | |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, name, arguments, bar, aim in [
            ("ResNet-152: every weight is rewritten", "resnet152", [], 1.5, 1.1),
            ("VGG-16 with BatchNormalization, 1.4 times as wide: a tenth is", "vgg16_bn",
             ["--width", "1.4"], 1.2, 0.8)]:
        path = bench.model(name, *arguments)
        cost = bench.measure(path, True)
        fold, cp = cost["fold"], cost["cp"]
        ratio = fold["wall"] / cp["wall"]
        lines.append(f"| {label} | {mb(os.path.getsize(path))} MB | {ms(fold['wall'])} / {ms(fold['cpu'])} ms "
                     f"| {ms(cp['wall'])} / {ms(cp['cpu'])} ms | {ratio:.2f} / {fold['cpu'] / cp['cpu']:.2f} "
                     f"| {bar}, {aim} | {verdict(ratio, bar, aim)} |")
        memory.append((label.split(":")[0].split(",")[0], bytes_outside_large_payloads(path), fold["peak_rss"]))
        os.unlink(path)
    lines.append("")


def many_nodes(bench, lines, memory):
    lines += [
        "## Time for nodes", "",
        "Blocks of Conv, BatchNormalization and Relu in a row.", "",
        "| blocks | nodes | file | wall / CPU | peak memory |", "|---|---|---|---|---|",
    ]
    points = []
    costs = {}
    for blocks in sorted({3, 10000, *BLOCKS}):
        path = bench.model("conv_bn_relu_chain", "--blocks", str(blocks))
        fold = bench.measure(path, False)["fold"]
        costs[blocks] = fold
        lines.append(f"| {blocks:,} | {3 * blocks:,} | {mb(os.path.getsize(path))} MB "
                     f"| {ms(fold['wall'])} / {ms(fold['cpu'])} ms | {mb(fold['peak_rss'])} MB |")
        if blocks in BLOCKS:
            points.append((blocks, fold))
        if blocks == 10000:
            memory.append(("10,000 blocks", bytes_outside_large_payloads(path), fold["peak_rss"]))
        os.unlink(path)
    small, large = costs[3]["wall"], costs[10000]["wall"]
    all_wall = slope([(b, c["wall"]) for b, c in points])
    all_cpu = slope([(b, c["cpu"]) for b, c in points])
    upper = slope([(b, c["cpu"]) for b, c in points[-3:]])
    lines += [
        "",
        f"- 9 nodes: {ms(small)} ms; bar 4 ms, aim 2 ms: {verdict(small, 4e-3, 2e-3)}.",
        f"- 30,000 nodes: {ms(large)} ms; bar 150 ms, aim 60 ms: {verdict(large, 0.150, 0.060)}. Memory "
        f"{mb(costs[10000]['peak_rss'])} MB; bar 100 MB: {verdict(costs[10000]['peak_rss'], 100e6)}.",
        f"- Slope of the logarithms over {BLOCKS[0]} ... {BLOCKS[-1]:,} blocks: wall {all_wall:.2f}, CPU "
        f"{all_cpu:.2f}; over the upper three, CPU {upper:.2f}. Bar 1.1: "
        f"{verdict(max(all_wall, all_cpu, upper), 1.1)}.",
        "",
    ]


def report(bench, rounds, build):
    load = os.getloadavg()[0]
    lines = [
        "# Fold: time and memory", "",
        "Written by `./dev bench fold` (`bench/fold_vs_cp.py`). Whole processes, files in the page cache, target",
        f"absent, runs of `fold` and `cp --reflink=never` alternating, minimum of {rounds}, nothing synced. CPU is",
        "user and system time together; other work on the machine lengthens wall time before it does that.", "",
        f"Machine: {machine(bench.work)}. Load average before the first run: {load:.1f}. Build: {build}.", "",
    ]
    memory = []
    against_cp(bench, lines, memory)
    many_nodes(bench, lines, memory)
    lines += [
        "## Peak memory", "",
        "At most 16 MB and three times the bytes outside payloads above 64 KiB.", "",
        "| model | bytes outside | bar | peak | |", "|---|---|---|---|---|",
    ]
    for label, outside, peak in memory:
        bar = 16e6 + 3 * outside
        lines.append(f"| {label} | {mb(outside)} MB | {mb(bar)} MB | {mb(peak)} MB | {verdict(peak, bar)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
