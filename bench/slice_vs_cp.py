#!/usr/bin/env python3
"""Measures `dsperse-slice slice` against `cp -r` of its result and writes docs/benchmarks/slice.md.

As fold_vs_cp.py does: whole processes, files in the page cache, targets absent, runs alternating, nothing synced,
minimum over the rounds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

from fold_vs_cp import TOP, bytes_outside_large_payloads, machine, mb, ms, verdict

MODELS = [("ResNet-152", "resnet152"), ("ResNet-50", "resnet50"), ("ResNet-18", "resnet18")]
PLANS = [("ResNet-152", "resnet152"), ("DenseNet-121", "densenet121"), ("MobileNetV2", "mobilenet_v2"),
         ("EfficientNet-B0", "efficientnet_b0")]


class Bench:
    def __init__(self, bin_folder, work, rounds):
        self.bin = bin_folder
        self.work = work
        self.rounds = rounds

    def model(self, name):
        path = os.path.join(self.work, f"{name}.onnx")
        if not os.path.exists(path):
            subprocess.run([os.path.join(self.bin, "make_model"), name, path], check=True)
        return path

    def run(self, *command):
        result = subprocess.run([os.path.join(self.bin, "process_cost"), *command], check=True, capture_output=True,
                                text=True)
        cost = json.loads(result.stdout)
        if cost["status"] != 0:
            sys.exit(f"{' '.join(command)}: exit code {cost['status']}\n{result.stderr}")
        cost["cpu"] = cost["user"] + cost["system"]
        return cost

    def slice(self, model, *flags):
        return self.run(os.path.join(self.bin, "dsperse-slice"), "slice", model, "--quiet", *flags)

    def against_cp(self, model):
        """Minima of slice and, interleaved, of cp -r of what it wrote; and how much that is."""
        target, copy = os.path.join(self.work, "slices"), os.path.join(self.work, "copy")
        costs = {"slice": [], "cp": []}
        for _ in range(self.rounds):
            shutil.rmtree(target, ignore_errors=True)
            costs["slice"].append(self.slice(model, "-o", target))
            costs["cp"].append(self.run("cp", "-r", "--reflink=never", target, copy))
            shutil.rmtree(copy)
        size = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(target) for name in names)
        with open(os.path.join(target, "slices.json"), encoding="utf-8") as file:
            slices = json.load(file)["totals"]["slices"]
        shutil.rmtree(target)
        least = {who: {key: min(run[key] for run in list_) for key in ("wall", "cpu", "peak_rss")}
                 for who, list_ in costs.items()}
        return least, size, slices


def report(bench, rounds):
    lines = [
        "# Slice: time and memory", "",
        "Written by `./dev bench slice` (`bench/slice_vs_cp.py`). Whole processes, files in the page cache, target absent, runs of `slice` and",
        f"`cp -r --reflink=never` of its result alternating, minimum of {rounds}, nothing synced. `slice` reads and hashes",
        "the model, folds, lowers, plans, writes model.onnx and every slice, and hashes what it wrote (receipt.json).", "",
        f"Machine: {machine(bench.work)}. Load average before the first run: {os.getloadavg()[0]:.1f}.", "",
        "| model | slices | result | slice wall / CPU | cp -r wall / CPU | ratio wall / CPU | bar | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    memory = []
    for label, name in MODELS:
        model = bench.model(name)
        cost, size, slices = bench.against_cp(model)
        ours, cp = cost["slice"], cost["cp"]
        ratio = ours["wall"] / cp["wall"]
        lines.append(f"| {label} | {slices} | {mb(size)} MB | {ms(ours['wall'])} / {ms(ours['cpu'])} ms "
                     f"| {ms(cp['wall'])} / {ms(cp['cpu'])} ms | {ratio:.2f} / {ours['cpu'] / cp['cpu']:.2f} | 2 "
                     f"| {verdict(ratio, 2)} |")
        memory.append((label, bytes_outside_large_payloads(model), ours["peak_rss"]))
    lines += ["", "## Peak memory", "", "At most 16 MB and three times the model's bytes outside payloads above 64 KiB.", "",
              "| model | bytes outside | bar | peak | |", "|---|---|---|---|---|"]
    for label, outside, peak in memory:
        bar = 16e6 + 3 * outside
        lines.append(f"| {label} | {mb(outside)} MB | {mb(bar)} MB | {mb(peak)} MB | {verdict(peak, bar)} |")
    lines += ["", "## Planning", "", "`slice --dry-run`: load, fold, lower, read the weights once for their bounds, plan.", "",
              "| model | nodes planned | policy budget wall / CPU | policy whole wall / CPU |", "|---|---|---|---|"]
    for label, name in PLANS:
        model = bench.model(name)
        account = subprocess.run([os.path.join(bench.bin, "dsperse-slice"), "slice", model, "--dry-run", "--json", "--quiet"],
                                 check=True, capture_output=True, text=True).stdout
        runs = [[bench.slice(model, "--dry-run", "--policy", policy) for _ in range(min(3, rounds))]
                for policy in ("budget", "whole")]
        cells = [f"{ms(min(r['wall'] for r in list_))} / {ms(min(r['cpu'] for r in list_))} ms" for list_ in runs]
        lines.append(f"| {label} | {json.loads(account)['totals']['nodes']:,} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.path.join(TOP, "build/release/bin"), help="folder of the programs")
    parser.add_argument("--work", help="folder for models (removed afterwards unless given)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", default=os.path.join(TOP, "docs/benchmarks/slice.md"), help="- for standard output")
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="slice_vs_cp-")
    os.makedirs(work, exist_ok=True)
    try:
        text = report(Bench(options.bin, work, options.rounds), options.rounds)
    finally:
        if options.work is None:
            shutil.rmtree(work)
    if options.out != "-":
        os.makedirs(os.path.dirname(options.out), exist_ok=True)
        with open(options.out, "w", encoding="utf-8") as out:
            out.write(text)
    print(text, end="")


if __name__ == "__main__":
    main()
