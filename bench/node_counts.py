#!/usr/bin/env python3
"""Counts nodes before and after `dsperse-slice fold`, and how its time grows; writes docs/benchmarks/passes.md.

The models are un-fused opset-17 exports of torchvision 0.14 (bench/torchvision_export.py) and, where they are
there, those of the ONNX light model zoo. Nodes count those of bodies; Constant and ConstantOfShape don't count.
`best peer` is the least that onnxsim, OnnxSlim, onnxoptimizer, onnxscript or ONNX Runtime's basic level reach
with a correct result. Exit status 1 if a count is above it, or the time does not grow linearly.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Model: nodes of the best correct peer.
TORCHVISION = {
    "resnet18": 49, "resnet50": 122, "resnet152": 360, "efficientnet_b0": 239, "efficientnet_b4": 476,
    "mobilenet_v2": 100, "mobilenet_v3_large": 140, "densenet121": 368, "googlenet": 139, "inception_v3": 215,
    "regnet_y_400mf": 217, "shufflenet_v2_x1_0": 186, "swin_t": 480, "vit_b_16": 404, "convnext_tiny": 256,
}
LIGHT = {"light_densenet121": 367, "light_inception_v2": 154, "light_resnet50": 123, "light_shufflenet": 154}
BATCH_NORMS = {"densenet121": 62, "light_densenet121": 62}  # before a Relu: none can be folded
PASSES = {"vit_b_16": "+fuse_matmul_add"}
BLOCKS = [1000, 10000]


def fold(program, model, out, *flags):
    command = [program, "fold", model, "-o", out, "--json", *flags]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def nodes(counts):
    return counts["nodes"] - counts["constant_nodes"]


def count(program, folder, bars, out):
    rows = []
    for name, bar in bars.items():
        path = os.path.join(folder, name + ".onnx")
        if not os.path.exists(path):
            print(f"node_counts: {path} is missing, left out", file=sys.stderr)
            continue
        flags = ["--passes", PASSES[name]] if name in PASSES else []
        report = fold(program, path, out, *flags)
        after = nodes(report["after"])
        left = report["after"]["batch_normalizations"]
        again = fold(program, out, out + ".again", *flags)
        rows.append({
            "name": name + (f" (`--passes {PASSES[name]}`)" if name in PASSES else ""),
            "before": nodes(report["before"]), "after": after, "bar": bar, "batch_norms": left,
            "held": after <= bar and left <= BATCH_NORMS.get(name, 0) and not again["changed"],
        })
    return rows


def growth(bin_folder, work, rounds):
    """Seconds of the whole process by number of Conv-BatchNormalization-Relu blocks: the least of `rounds`."""
    paths = {}
    for blocks in BLOCKS:
        paths[blocks] = os.path.join(work, f"chain_{blocks}.onnx")
        subprocess.run([os.path.join(bin_folder, "make_model"), "conv_bn_relu_chain", paths[blocks], "--blocks",
                        str(blocks), "--width", "0.25", "--size", "8"], check=True)
    least = dict.fromkeys(BLOCKS, float("inf"))
    out = os.path.join(work, "out.onnx")
    for _ in range(rounds):
        for blocks in BLOCKS:
            begin = time.monotonic()
            fold(os.path.join(bin_folder, "dsperse-slice"), paths[blocks], out)
            least[blocks] = min(least[blocks], time.monotonic() - begin)
    return least


def page(rows, least):
    lines = ["# Node counts", "",
             "Written by `bench/node_counts.py`; Constant and ConstantOfShape don't count, nodes of bodies do. `best peer`:",
             "the least that onnxsim, OnnxSlim, onnxoptimizer, onnxscript or ONNX Runtime's basic level reach with a",
             "correct result. Each model folded again stays as it is.", "",
             "| model | before | after | best peer | BatchNormalizations left |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        lines.append(f"| {row['name']} | {row['before']} | {row['after']} | {row['bar']} | {row['batch_norms']} |"
                     + ("" if row["held"] else " falls short"))
    lines += ["", "The BatchNormalizations left are DenseNet's before a Relu that reads a Concat: no Conv comes before them, and",
              "a Relu stands between them and the next.", "", "# Growth", "",
              "`dsperse-slice fold --json` as a whole process on chains of Conv, BatchNormalization and Relu:", "",
              "| blocks | seconds |", "|---:|---:|"]
    lines += [f"| {blocks:,} | {seconds:.3f} |" for blocks, seconds in least.items()]
    lines += ["", f"Ten times the blocks take {least[BLOCKS[1]] / least[BLOCKS[0]]:.1f} times as long.", ""]
    return "\n".join(lines)


def main():
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "dsperse-slice")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(TOP, "build", "release", "bin"))
    parser.add_argument("--torchvision", default=os.path.join(cache, "torchvision"))
    parser.add_argument("--light", default=os.path.join(TOP, "..", "shared", "corpus", "light"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", default=os.path.join(TOP, "docs", "benchmarks", "passes.md"))
    arguments = parser.parse_args()
    program = os.path.join(arguments.bin, "dsperse-slice")
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "out.onnx")
        rows = count(program, arguments.torchvision, TORCHVISION, out) + count(program, arguments.light, LIGHT, out)
        least = growth(arguments.bin, work, arguments.rounds)
    text = page(rows, least)
    os.makedirs(os.path.dirname(arguments.output), exist_ok=True)
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    linear = least[BLOCKS[1]] <= 10 * least[BLOCKS[0]] and max(least.values()) < 2
    sys.exit(0 if linear and all(row["held"] for row in rows) else 1)


if __name__ == "__main__":
    main()
