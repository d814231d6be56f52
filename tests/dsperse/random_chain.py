"""Random models on the real chain of DSperse: is what slices.json calls proven compiled and run, and does each witness
hold what ONNX Runtime computes?

  random_chain.py SEEDS [--work DIR] [--batch N] [--only conv,pool,…] [--mode 'ends --exact'] [--whole]

SEEDS (`0-499`) are cases of random_models.py, which go through the chain a batch at a time, side by side in one model.
What fails is reduced to fewer nodes (not with --whole), printed, and kept under DIR with its model. The exit status is 1
then. Slices that slices.json says are not proven are left out. DSPERSE_BIN_DIR, DSPERSE_SHARED_DIR, DSPERSE_PYTHON and ORT_PYTHON as for the tests here.
"""
import argparse
import json
import pathlib
import re
import resource
import shutil
import sys
import tempfile

import msgpack
import numpy as np
import onnx

import chain
import random_models
import witness

# How cases are cut: `ends` one slice a case.
MODES = [("ends",), ("ends",), ("ends", "--exact"), (), ("--max-nodes", "6"), ("--max-nodes", "2"), ("--policy", "layer"), ("--minimize", "slices"),
         ("ends", "--no-fold")]


class Failure(Exception):
    """A case that the chain doesn't do as slices.json says."""

    def __init__(self, kind, detail, names):
        super().__init__(f"{kind}: {detail}")
        self.kind, self.names = kind, names


def run_chain(cases, mode, work, prove=False):
    """Failures of a batch, one for each slice."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    model, values, cuts = random_models.build(cases)
    onnx.save(model, work / "model.onnx")
    (work / "input.msgpack").write_bytes(msgpack.packb({"input_data": [values.tolist()]}))
    everything = [o for case in cases for o in case.outputs()]
    try:
        make_slices(work, mode, cuts)
    except AssertionError as error:
        return [Failure("not sliced", str(error).strip()[-300:], everything)]
    described = json.loads((work / "slices" / "slices.json").read_text())["slices"]
    outputs = {s["index"]: [o["name"] for o in s["outputs"]] for s in described}
    claimed = {s["index"] for s in described if s["provable"] and s["arithmetic"]}
    run = chain.Chain(work)
    run.compile()
    failures = [Failure("no circuit", reason(work / "compile.log", i), outputs[i]) for i in sorted(claimed) if not run.circuit(i)]
    try:
        run.witness()
        rows = compared(cases, work)
    except (AssertionError, ValueError) as error:
        return failures + [Failure("no run", str(error)[-300:], everything)]
    if prove:
        run.stage("prove", "--run-dir", work / "run")
        proven = {i for i, result in run.results("proof_execution").items() if result.get("success")}
        failures += [Failure("no proof", reason(work / "prove.log", i), outputs[i]) for i in sorted(claimed - proven - set(run.failed))
                     if run.circuit(i)]
    failures += [Failure("no witness", reason(work / "run.log", i), outputs[i]) for i in run.failed if i in claimed]
    for row in rows:
        if row["index"] not in claimed:
            continue  # it says why not
        if row["wrong"] or suspicious(row):
            failures.append(Failure("wrong" if row["wrong"] else "imprecise", json.dumps(row), row["wrong_outputs"] or outputs[row["index"]]))
    return failures


def make_slices(work, mode, cuts):
    """Folding may leave nothing of a value behind which to cut."""
    cuts = list(cuts)
    while True:
        flags = list(mode[1:]) + ["--policy", "points", "--cut", ",".join(cuts)] if mode[:1] == ("ends",) else list(mode)
        try:
            return chain.make_slices(work / "model.onnx", work / "slices", *flags)
        except AssertionError as error:
            gone = re.search(r"no node of the model produces the tensor '(.*)'", str(error))
            if not gone or gone[1] not in cuts:
                raise
            cuts.remove(gone[1])


def run_batch(cases, mode, work):
    """The same, with what keeps others from running on its own."""
    failures = run_chain(cases, mode, work)
    if len(cases) == 1 or not any(f.kind in ("no run", "not sliced") for f in failures):
        return failures
    half = len(cases) // 2
    return run_batch(cases[:half], mode, work) + run_batch(cases[half:], mode, work)


def compared(cases, work):
    """witness.compare with the reference's values; in doubt, with those of ONNX Runtime."""
    known = {name: value for case in cases for name, value in case.values.items()}
    try:
        rows = witness.compare(work, known)
        if not any(row["wrong"] or suspicious(row) for row in rows):
            return rows
    except ModuleNotFoundError:  # lowering named a value
        pass
    return chain.witnessed(work)


def suspicious(row):
    """Small values that are far off, for their size."""
    return row["error"] > 1e-3 * row["largest"] + 4e-4


def reason(log, index):
    lines = [line for line in log.read_text().splitlines()
             if re.search(rf"slice[=_]{index}\b", line) and re.search("fail|rror|WARN", line)]
    return lines[-1][-400:] if lines else "?"


def reduce(case, mode, kind, work):
    """The case with as few nodes as fail likewise."""
    smaller = True
    while smaller:
        smaller = False
        for index in range(len(case.nodes) - 1, -1, -1):
            candidate = case.without(index)
            if candidate is None or not candidate.outputs():
                continue
            try:
                failed = {f.kind for f in run_chain([candidate], mode, work)}
            except Exception:  # a candidate that isn't a model
                continue
            if kind in failed:
                case, smaller = candidate, True
                break
    return case


def examine(failures, cases, mode, work, reduced):
    """The failures of single cases, reduced."""
    found = []
    for case in cases:
        mine = [f for f in failures if any(n.startswith(case.name + "_") for n in f.names)]
        if not mine:
            continue
        if not reduced:
            found.append((case, mine[0], ""))
            continue
        alone = run_chain([case], mode, work)
        if not alone:
            found.append((case, mine[0], " (only beside others)"))
            continue
        failure = alone[0]
        case = reduce(case, mode, failure.kind, work)
        again = [f for f in run_chain([case], mode, work) if f.kind == failure.kind]
        failure = again[0] if again else failure
        found.append((case, failure, ""))
    return found


def batches(seeds, size, only):
    """Cases that grow from the seeds, those of one opset together."""
    waiting = {}
    for seed in seeds:
        case = random_models.grow(f"s{seed}", seed, only)
        if case is None:
            continue
        waiting.setdefault(case.opset, []).append(case)
        if len(waiting[case.opset]) == size:
            yield waiting.pop(case.opset)
    yield from waiting.values()


def check(seeds, work, size=20, only=None, reduced=True, report=print, mode=None):
    """Runs the cases of `seeds`; how many there were, and those that failed."""
    work, total, found = pathlib.Path(work), 0, []
    for number, cases in enumerate(batches(seeds, size, only)):
        total += len(cases)
        way = MODES[(cases[0].opset + number) % len(MODES)] if mode is None else mode
        failures = run_batch(cases, way, work / "batch")
        for case, failure, note in examine(failures, cases, way, work / "one", reduced) if failures else []:
            found.append((case, failure))
            report(f"== {failure.kind}{note} {' '.join(way)}\n{str(failure)[:700]}\n{case.text()}")
            if (work / "one").is_dir():
                shutil.rmtree(work / f"{case.name}", ignore_errors=True)
                shutil.copytree(work / "one", work / f"{case.name}", symlinks=True)
        spent = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        report(f"{total} cases, {len(found)} failed, {spent:.0f} s in the chain")
    return total, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds")
    parser.add_argument("--work")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--only")
    parser.add_argument("--mode", help="flags of slice, `ends` first for one slice a case")
    parser.add_argument("--whole", action="store_true", help="don't reduce what fails")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    work = given.work or tempfile.mkdtemp(prefix="random_chain_")
    total, found = check(range(int(first), int(last or first) + 1), work, given.batch, given.only and given.only.split(","), not given.whole,
                         lambda text: print(text, flush=True), None if given.mode is None else tuple(given.mode.split()))
    print(f"{total} cases, {len(found)} failed, kept in {work}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
