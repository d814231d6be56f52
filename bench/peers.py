#!/usr/bin/env python3
"""Regenerates docs/benchmarks/peers.md: this project beside other programs that fold or slice ONNX models, each
as a process of its own, all in one run, rounds interleaved."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

import measure
from measure import Failed, mebibytes, seconds

MODELS = ["resnet50", "efficientnet_b0", "mobilenet_v2", "densenet121"]
PEERS = {"onnxruntime": "ONNX Runtime, basic", "onnxoptimizer": "onnxoptimizer", "onnxsim": "onnxsim",
         "onnxslim": "OnnxSlim"}
HERE = pathlib.Path(__file__).resolve().parent


def environment(name):
    """The interpreter of a Python environment of this project, or None with the reason on standard error."""
    done = subprocess.run([measure.TOP / "tests" / "oracle" / "setup", name], stdout=subprocess.PIPE, text=True,
                          check=False)
    return done.stdout.strip() if done.returncode == 0 else None


class Tool:
    def __init__(self, title, command, folder=False):
        self.title = title
        self.command = command  # (source, target) → list
        self.folder = folder    # the target is a directory of slices


def tools(bin_dir, peers, dsperse):
    ours = bin_dir / "dsperse-slice"
    folding = [Tool("dsperse-slice fold", lambda s, t: [ours, "--quiet", "fold", s, "-o", t]),
               Tool("cp", lambda s, t: ["cp", "--reflink=never", s, t])]
    if peers:
        for name, title in PEERS.items():
            folding.append(Tool(title, lambda s, t, name=name: [peers, HERE / "peer_tools.py", name, s, t]))
    slicing = [Tool("dsperse-slice slice", lambda s, t: [ours, "--quiet", "slice", s, "-o", t], True),
               Tool("dsperse-slice slice --policy dsperse",
                    lambda s, t: [ours, "--quiet", "slice", s, "-o", t, "--policy", "dsperse"], True)]
    if dsperse:
        slicing.append(Tool("DSperse slice", lambda s, t: [dsperse, HERE / "peer_tools.py", "dsperse", s, t], True))
    return folding, slicing


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def compare(bin_dir, model, tools_of, folder, rounds, timeout, check):
    """A row for each tool: cost and what its result holds. Rounds go over all tools, so noise meets them alike."""
    runs = {tool.title: [] for tool in tools_of}
    failed = {}
    for _ in range(rounds):
        for tool in tools_of:
            target = folder / ("out" if tool.folder else "out.onnx")
            if tool.title in failed:
                continue
            remove(target)
            try:
                runs[tool.title].append(measure.run(bin_dir, tool.command(model, target), timeout=timeout))
            except Failed as why:
                failed[tool.title] = str(why)
    rows = []
    for tool in tools_of:
        done = runs[tool.title]
        if not done or tool.title in failed:
            rows.append((tool, None, failed.get(tool.title, "no run"), None))
            continue
        walls = sorted(run["wall"] for run in done)
        cost = {"wall": walls[0], "median": walls[len(walls) // 2], "cpu": min(run["cpu"] for run in done),
                "peak": max(run["peak"] for run in done)}
        target = folder / ("out" if tool.folder else "out.onnx")
        remove(target)
        subprocess.run([str(part) for part in tool.command(model, target)], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        rows.append((tool, cost, "", check(model, target)))
        remove(target)
    return rows


def checker(python):
    def check(model, target):
        done = subprocess.run([python, HERE / "peer_check.py", model, target], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return {"failed": (done.stderr.strip() or "no message").splitlines()[-1][:120]}
        return json.loads(done.stdout)
    return check if python else lambda model, target: {"failed": "no environment to check it in"}


def costs(cost):
    return [seconds(cost["wall"]), seconds(cost["median"]), seconds(cost["cpu"]), mebibytes(cost["peak"])]


def fold_table(rows):
    lines = []
    for tool, cost, why, found in rows:
        if cost is None:
            lines.append([tool.title, *[""] * 9, why])
            continue
        if "failed" in found:
            lines.append([tool.title, *costs(cost), *[""] * 5, found["failed"]])
            continue
        words = "–" if found["words"] is None else f"{100 * found['words']:.3f} %"
        lines.append([tool.title, *costs(cost), f"{found['nodes']:,}", found["norms"], f"{found['bytes']:,}",
                      f"{found['outputs']:.1e}", words, ""])
    return measure.table(["program", ">wall, least", ">median", ">CPU", ">peak memory", ">nodes", ">BNs", ">bytes",
                          ">outputs differ by", ">fused words exact", "failed"], lines)


def slice_table(rows):
    lines = []
    for tool, cost, why, found in rows:
        if cost is None:
            lines.append([tool.title, *[""] * 8, why])
            continue
        if "failed" in found:
            lines.append([tool.title, *costs(cost), *[""] * 4, found["failed"]])
            continue
        lines.append([tool.title, *costs(cost), f"{found['slices']:,}", f"{found['nodes']:,}", found["norms"],
                      f"{found['bytes']:,}", ""])
    return measure.table(["program", ">wall, least", ">median", ">CPU", ">peak memory", ">slices", ">nodes of the cut model",
                          ">BNs", ">bytes", "failed"], lines)


def versions(peers, dsperse):
    lines = []
    for python, names in ((peers, list(PEERS)), (dsperse, ["dsperse"])):
        for name in names:
            if python is None:
                lines.append([name, "not installed here"])
                continue
            done = subprocess.run([python, HERE / "peer_tools.py", name, "--version"], capture_output=True, text=True,
                                  check=False)
            lines.append([name, done.stdout.strip() or "unknown"])
    return measure.table(["package", "version"], lines)


def lost(tables):
    """Where another program that does the work was better than ours, one line each."""
    lines = []
    for model, rows in tables:
        mine = next((row for row in rows if row[0].title.startswith("dsperse-slice")), None)
        if mine is None or mine[1] is None:
            lines.append(f"* {model}: ours failed: {mine[2] if mine else 'not run'}")
            continue
        for tool, cost, _, found in rows:
            if cost is None or tool is mine[0] or tool.title.startswith(("cp", "dsperse-slice")):
                continue
            for what, better in (("wall time", cost["wall"] < mine[1]["wall"]), ("CPU time", cost["cpu"] < mine[1]["cpu"]),
                                 ("peak memory", cost["peak"] < mine[1]["peak"])):
                if better:
                    lines.append(f"* {model}: {tool.title} in {what}")
            if "failed" in found or "failed" in mine[3]:
                continue
            for what, key in (("nodes", "nodes"), ("BatchNormalizations left", "norms")):
                if found[key] < mine[3][key]:
                    lines.append(f"* {model}: {tool.title} in {what} ({found[key]:,} against {mine[3][key]:,})")
            if found.get("outputs", 1) < mine[3].get("outputs", 0):
                lines.append(f"* {model}: {tool.title}'s outputs are nearer to the original's "
                             f"({found['outputs']:.1e} against {mine[3]['outputs']:.1e})")
    return "\n".join(lines) or "Nowhere."


def page(folds, slices, version_table, rounds, took):
    text = f"""# Beside other programs

Generated by `./dev bench peers`; not edited by hand. Every program runs as a process of its own on the same files,
un-fused networks of `make_model` at their published sizes; {rounds} rounds that go over all of them in turn. Wall is
the least and the median, CPU the least, peak memory the largest. `cp` is there for scale: it folds nothing.

Outputs are compared with those of the original, both run by ONNX Runtime without any optimisation: the largest
difference, relative to the largest element. *Fused words exact*: of the weights that a BatchNormalization was fused
into, the share that equals the product in double precision, rounded once; – where Conv nodes can't be matched.

DSperse writes the slices themselves later, when it compiles them; ours are written at once, lowered.

Other programs do other work too: ONNX Runtime plans for execution, onnxsim and OnnxSlim check and infer all shapes.
Nodes of different programs are comparable only as far as the same operators remain: some fuse what no prover knows.

{version_table}
"""
    for model, rows in folds:
        text += f"## Folding {model}\n\n{fold_table(rows)}\n"
    for model, rows in slices:
        text += f"## Slicing {model}\n\n{slice_table(rows)}\n"
    text += f"""## What others win

{lost(folds + slices)}

Machine: {measure.machine()}. Revision {measure.version()}. The page took {took:.0f} s.
"""
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=measure.TOP / "build" / "release" / "bin")
    parser.add_argument("--out", type=pathlib.Path, default=measure.TOP / "docs" / "benchmarks" / "peers.md")
    parser.add_argument("--models", type=pathlib.Path, help="where generated models are kept")
    parser.add_argument("--model", action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=120, help="seconds that one run may take")
    arguments = parser.parse_args()
    begin = time.monotonic()
    folder = arguments.models or arguments.bin.parent / "bench_models"
    work = folder / "peers"
    work.mkdir(parents=True, exist_ok=True)
    peers, dsperse = environment("peers"), environment("dsperse")
    folding, slicing = tools(arguments.bin, peers, dsperse)
    folds, slices = [], []
    for name in arguments.model or MODELS:
        model = measure.make_model(arguments.bin, name, folder)
        print(name, file=sys.stderr)
        folds.append((name, compare(arguments.bin, model, folding, work, arguments.rounds, arguments.timeout,
                                    checker(peers))))
        slices.append((name, compare(arguments.bin, model, slicing, work, 1, arguments.timeout,
                                     checker(dsperse))))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page(folds, slices, versions(peers, dsperse), arguments.rounds, time.monotonic() - begin))
    print(arguments.out, file=sys.stderr)


if __name__ == "__main__":
    main()
