#!/usr/bin/env python3
"""Counts of every backend for a fixed set of small networks: as they come, folded, and lowered.

  constraint_table.py --programs build/dev/bin [--check] bench/constraint_table.json

Without --check the file is written; with it, the counts must be those of the file: a change of any of them is
to be looked at, and then written.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

# Name, and options of make_model: small, so that the table takes seconds.
MODELS = {
    "resnet18": ["--size", "32", "--width", "0.125"],
    "resnet50": ["--size", "32", "--width", "0.125"],
    "efficientnet_b0": ["--size", "32", "--width", "0.125"],
    "mobilenet_v2": ["--size", "32", "--width", "0.125"],
    "vgg16_bn": ["--size", "32", "--width", "0.125"],
    "densenet121": ["--size", "32", "--width", "0.125"],
    "conv1d_net": [],
    "transformer_block": [],
}
# What a backend's slices are lowered for.
TARGETS = {
    "jstprove_expander": "jstprove",
    "ezkl_halo2": "ezkl",
    "jstprove_remainder": None,
    "r1cs_circom": None,
    "dsperse_estimate": "jstprove",
}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def shown(estimate):
    counts = {}
    for metric, value in estimate["totals"].items():
        approximate = estimate["exactness"][metric] != "exact"
        counts[metric] = {"approximate": value} if approximate else value
    if estimate["unsupported"]:
        counts["unsupported_nodes"] = len(estimate["unsupported"])
    return counts


def by_backend(programs, model):
    text = run([os.path.join(programs, "dsperse-slice"), "estimate", model, "--backend", "all", "--by", "total",
                "--json"])
    return {estimate["backend"]: estimate for estimate in json.loads(text)["estimates"]}


def entry(programs, name, options, folder):
    program = os.path.join(programs, "dsperse-slice")
    model = os.path.join(folder, name + ".onnx")
    run([os.path.join(programs, "make_model"), name, model] + options)
    stages = {"as_it_came": (model, None)}
    for stage, target in (("folded", None), ("lowered", "jstprove"), ("lowered", "ezkl")):
        path = os.path.join(folder, f"{name}-{stage}-{target}.onnx")
        command = [program, "fold", model, "-o", path, "--json"]
        report = json.loads(run(command + (["--target", target] if target else [])))
        stages[stage if target is None else f"{stage} for {target}"] = (path, report)
    result = {"options": " ".join(options)}
    for stage, (path, report) in stages.items():
        target = stage.split(" for ")[1] if " for " in stage else None
        row = result[stage] = {}
        if report:
            row["nodes"] = report["after"]["nodes"]
            if target:
                proven = report["provable"]["after"]
                row["provable_nodes"] = f"{proven['provable_nodes']} of {proven['arithmetic_nodes']}"
        for backend, estimate in by_backend(programs, path).items():
            if target is None or TARGETS[backend] == target:
                row[backend] = shown(estimate)
    return result


def differences(old, new, where=""):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in list(old) + [key for key in new if key not in old]:
            yield from differences(old.get(key), new.get(key), f"{where}/{key}" if where else key)
    elif old != new:
        yield f"{where}: {old} → {new}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help="folder of make_model and dsperse-slice")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = {name: entry(options.programs, name, arguments, folder) for name, arguments in MODELS.items()}
    if not options.check:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        return 0
    with open(options.table, encoding="utf-8") as file:
        changes = list(differences(json.load(file), table))
    for change in changes:
        print(change, file=sys.stderr)
    if changes:
        print(f"{len(changes)} counts differ from {options.table}; if they are right, write it anew: "
              "bench/constraint_table.py without --check", file=sys.stderr)
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
