#!/usr/bin/env python3
"""What each rewrite of the lowering saves on the real chain: writes docs/benchmarks/lowering.md.

  lowering_savings.py [OUT.md]      (./dev bench lowering)

One small computation for each rewrite (tests/dsperse/rewrites.py), as exported and as lowered, each in a slice of
its own: compiled, run, proven and verified by DSperse. Proving times are medians of 5.
"""
import pathlib
import sys
import tempfile

import msgpack
import numpy as np
import onnx

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "dsperse"))
import chain  # noqa: E402
import rewrites  # noqa: E402


def measure(folder, model, cuts, *flags):
    """A row for each case: constraints, mul, milliseconds, bytes, and what is proven."""
    work = pathlib.Path(folder)
    work.mkdir()
    chain.make_slices(model, work / "slices", "--policy", "points", "--cut", ",".join(cuts), *flags)
    size = onnx.load(model).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    values = np.random.default_rng(3).random(size) * 1.8 - 0.9
    (work / "input.msgpack").write_bytes(msgpack.packb({"input_data": [values.tolist()]}))
    run = chain.Chain(work)
    run.compile()
    run.witness()
    seconds = run.prove(5)
    verified = run.verified()
    witnesses = {row["index"]: row for row in chain.witnessed(work)}
    rows = {}
    for s in run.metadata["slices"]:
        index = s["index"]
        for output in s["dependencies"]["output"]:
            name = output.removesuffix("_y")
            if name not in rewrites.CASES:
                continue
            row = {"state": "refused"}
            if index in run.failed:
                row["state"] = run.failed[index]
            elif index in verified:
                size = run.sizes.get(index, {})
                wrong = witnesses[index]["wrong"]
                row = {"state": "another function" if wrong else "proven", "constraints": size.get("constraints"),
                       "mul": size.get("mul"), "ms": 1000 * seconds[index], "bytes": run.proof_bytes(index)}
            rows[name] = row
    return rows


def cell(row):
    if row["state"] in ("refused", "no witness"):
        return row["state"]
    text = f"{row['constraints']:,} / {row['mul']:,}"
    return text if row["state"] == "proven" else f"*{text}*"


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "docs" / "benchmarks" / "lowering.md"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, cuts = rewrites.build(rewrites.CASES)
        onnx.save(model, folder / "model.onnx")
        before = measure(folder / "before", folder / "model.onnx", cuts, "--no-fold")
        after = measure(folder / "after", folder / "model.onnx", cuts)
    lines = [(TOP / "bench" / "lowering_savings.md").read_text().rstrip(), "",
             "| computation | as exported | lowered | change | prove ms | proof bytes |", "|---|--:|--:|--:|--:|--:|"]
    for name in rewrites.CASES:
        b, a = before[name], after[name]
        change = ""
        if b["state"] == "proven" and a["state"] == "proven":
            change = f"{100 * (a['constraints'] / b['constraints'] - 1):+.0f} %"
        ms = f"{a['ms']:.1f}" if "ms" in a else ""
        size = f"{a['bytes']:,}" if "bytes" in a else ""
        lines.append(f"| {rewrites.title(name)} | {cell(b)} | {cell(a)} | {change} | {ms} | {size} |")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
