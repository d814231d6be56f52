#!/usr/bin/env python3
"""Real proofs of small networks, cut by DSperse and by us: writes docs/benchmarks/proofs.md.

  proofs.py [--models a,b] [--rounds 5] [--state FILE] [--out FILE]      (./dev bench proofs)

Runs in the Python environment of dsperse; DSPERSE_BIN_DIR, DSPERSE_SHARED_DIR and ORT_PYTHON are set. What is measured is
kept in FILE, and what accept.py did with our slices, circuits included, in a folder beside it, so that a run that was ended
goes on with the models, and the compiling, that it lacks.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import msgpack
import numpy as np
import onnx
from onnx import helper

import measure

TOP = measure.TOP
sys.path.insert(0, str(TOP / "tests" / "dsperse"))
import chain  # noqa: E402

ZK = chain.SHARED / "corpus" / "zk"
# Name, a file of the corpus or flags of make_model. The least size that the builder makes, an eighth of the channels.
MODELS = {
    "net": ZK / "dsperse_net.onnx",
    "lenet": ZK / "jstprove_lenet.onnx",
    "mini_resnet": ZK / "jstprove_mini_resnet.onnx",
    "conv1d_net": ("--size", "16", "--width", "0.125"),
    "transformer_block": ("--size", "16", "--width", "0.125"),
    "resnet18": ("--size", "16", "--width", "0.125"),
    "resnet50": ("--size", "16", "--width", "0.125"),
    "mobilenet_v2": ("--size", "16", "--width", "0.125"),
    "efficientnet_b0": ("--size", "16", "--width", "0.125"),
    "vgg16_bn": ("--size", "32", "--width", "0.125"),
    "densenet121": ("--size", "32", "--width", "0.125"),
}
HOLDS_CONSTANT, THEIRS, FUSING, UNFUSED, OURS = "constant", "DSperse", "DSperse, fusing", "unfused", "ours"
MOVES = chain.load_accept().MOVES


def model_file(name, folder):
    source = MODELS[name]
    path = folder / f"{name}.onnx"
    if isinstance(source, tuple):
        subprocess.run([chain.BIN / "make_model", name, path, *source], check=True)
    else:
        shutil.copyfile(source, path)
    return path


def has_constant(path):
    return any(node.op_type == "Constant" for node in onnx.load(path).graph.node)


def with_constant(path, target):
    """The same model with its smallest weight in a Constant node."""
    model = onnx.load(path)
    graph = model.graph
    weight = min((w for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT), key=lambda w: np.prod(w.dims))
    graph.node.insert(0, helper.make_node("Constant", [], [weight.name], name="made_constant", value=weight))
    graph.initializer.remove(weight)
    onnx.save(model, target)


def cut(path, slices, way):
    """Writes the slices directory of one way to cut."""
    if way in (THEIRS, FUSING):
        source = path
        if way == FUSING:
            source = path.with_suffix(".constant.onnx")
            with_constant(path, source)
        subprocess.run([sys.executable, TOP / "bench" / "peer_tools.py", "dsperse", source, slices], check=True,
                       capture_output=True)
    else:
        flags = ["--passes", "-fuse_conv_batchnorm,-fuse_affine"] if way == UNFUSED else []
        chain.make_slices(path, slices, *flags)


def inputs(path):
    graph = onnx.load(path).graph
    weights = {w.name for w in graph.initializer}
    dims = next(i for i in graph.input if i.name not in weights).type.tensor_type.shape.dim
    size = int(np.prod([d.dim_value or 1 for d in dims]))
    return (np.random.default_rng(3).random(size) * 1.8 - 0.9).tolist()


def arithmetic(run):
    """Slices that do more than move data."""
    out = []
    whole = onnx.load(run.work / "slices" / "model.onnx", load_external_data=False).graph.node
    points = run.metadata["slice_points"] + [len(whole)]
    for s in run.metadata["slices"]:
        file = run.work / "slices" / s["relative_path"]
        nodes = onnx.load(file).graph.node if file.is_file() else whole[points[s["index"]]:points[s["index"] + 1]]
        if any(node.op_type not in MOVES for node in nodes):
            out.append(s["index"])
    return out


def accepted(path, kept):
    """The verdict of accept.py on our slices; its work, with the circuits, stays in `kept`."""
    if not (kept / "verdict.json").exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        cut(path, kept / "cut", OURS)
        verdict = chain.accept(kept / "cut", "--prove", "--require-coverage", "--reference", path, "--tolerance", "1e-5",
                               "--work", kept / "work")
        (kept / "verdict.json").write_text(json.dumps(verdict, indent=1))
    return json.loads((kept / "verdict.json").read_text())


def proofs_of(path, way, rounds, kept):
    """What one way to cut gives, or why it gives nothing."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder) / "work"
        work.mkdir()
        out = {}
        if way == OURS:
            verdict = accepted(path, kept)
            out = {"accepted": verdict["accepted"], "problems": verdict["problems"],
                   "output_error": verdict.get("output_error_relative")}
            shutil.copytree(kept / "work" / "slices", work / "slices")
        else:
            try:
                cut(path, work / "slices", way)
            except (AssertionError, subprocess.CalledProcessError) as error:
                return {"failed": "no slices", "why": str(getattr(error, "stderr", "") or error)[-300:]}
        (work / "input.msgpack").write_bytes(msgpack.packb({"input_data": [inputs(path)]}))
        run = chain.Chain(work)
        todo = arithmetic(run)
        if way == OURS:
            run.sizes = run.tool.gates((kept / "work" / "compile.log").read_text())
            run.seconds["compile"] = verdict["stages"]["compile"]["seconds"]
        else:
            run.compile()
        out |= {"slices": len(run.metadata["slices"]), "arithmetic": len(todo), "compile_seconds": run.seconds["compile"]}
        try:
            run.witness()
            seconds = run.prove(rounds)
        except AssertionError as error:
            return {**out, "failed": "no run", "why": str(error)[-300:]}
        verified = run.verified()
        checks = run.results("verification_execution")
        tiled = {s["index"] for s in run.metadata["slices"] if s.get("tiling")}
        out["proven"] = len(verified & set(todo))
        out["tiled"] = len(verified & tiled)
        # A tiled slice has a witness for each tile: those aren't compared.
        out["wrong"] = sum(row["wrong"] for row in chain.witnessed(work) if row["index"] in verified)
        for key, part in (("", verified), ("whole_", verified - tiled)):
            out[key + "constraints"] = sum(run.sizes.get(i, {}).get("constraints") or 0 for i in part)
            out[key + "mul"] = sum(run.sizes.get(i, {}).get("mul") or 0 for i in part)
            out[key + "prove_seconds"] = sum(seconds.get(i, 0) for i in part)
            out[key + "verify_seconds"] = sum(chain.total_seconds(checks[i]) for i in part)
            out[key + "bytes"] = sum(run.proof_bytes(i) for i in part)
        return out


def measured(name, rounds, kept):
    with tempfile.TemporaryDirectory() as folder:
        path = model_file(name, pathlib.Path(folder))
        out = {HOLDS_CONSTANT: has_constant(path), "rounds": rounds}
        out["batch_norms"] = sum(node.op_type == "BatchNormalization" for node in onnx.load(path).graph.node)
        ways = [THEIRS, OURS]
        if out["batch_norms"]:
            ways = [THEIRS, *([] if out[HOLDS_CONSTANT] else [FUSING]), UNFUSED, OURS]
        for way in ways:
            out[way] = proofs_of(path, way, rounds, kept)
            print(name, way, json.dumps(out[way]), file=sys.stderr, flush=True)
        return out


def number(row, key, factor=1, digits=0):
    return f"{row[key] * factor:,.{digits}f}" if "failed" not in row else ""


def row_of(name, way, row):
    proven = f"{row['proven']} of {row['arithmetic']}" if "failed" not in row else row["failed"]
    return [name, way, row.get("slices", ""), proven, number(row, "wrong"), number(row, "constraints"), number(row, "mul"),
            f"{row['compile_seconds']:.1f}" if "compile_seconds" in row else "", number(row, "prove_seconds", 1000),
            number(row, "verify_seconds", 1000), number(row, "bytes")]


def better_of(model):
    """DSperse's way that proves more slices, then with the smaller proofs."""
    rows = [(way, model[way]) for way in (THEIRS, FUSING) if way in model]
    rows = [(way, row) for way, row in rows if "failed" not in row and row["proven"]]
    return max(rows, key=lambda r: (r[1]["proven"] / r[1]["arithmetic"], -r[1]["bytes"]), default=(None, None))


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if theirs else ""


def ratios(name, model):
    way, theirs = better_of(model)
    ours = model[OURS]
    constant = "no BatchNormalization" if not model["batch_norms"] else "yes" if model[HOLDS_CONSTANT] else "no"
    if theirs is None or "failed" in ours:
        return [name, constant, "proves nothing" if theirs is None else way, "", "", "", "", ""]
    return [name, constant, way, f"{theirs['proven']} of {theirs['arithmetic']}", ratio(ours["bytes"], theirs["bytes"]),
            ratio(ours["prove_seconds"], theirs["prove_seconds"]), ratio(ours["bytes"], theirs["whole_bytes"]),
            ratio(ours["prove_seconds"], theirs["whole_prove_seconds"])]


BYTES, PROVE = 0.3, 1.1


def verdict(models):
    """How many of the ratios keep to their bars."""
    compared = {name: ratios(name, model) for name, model in models.items()}
    compared = {name: row for name, row in compared.items() if row[4]}
    def kept(column, bar):
        good = [name for name, row in compared.items() if row[column] and float(row[column]) <= bar]
        over = [f"{name} {row[column]}" for name, row in compared.items() if row[column] and float(row[column]) > bar]
        return f"{len(good)} of {len(compared)}" + (f" (over: {', '.join(over)})" if over else "")
    taken = [name for name, model in models.items() if model[OURS].get("accepted")]
    refused = [name for name in models if name not in taken]
    return (f"Of ours the chain accepts {len(taken)} of {len(models)} models: each slice that does more than move data is "
            "proven and verified, chained slices give the model's output, and that is within 1e-5 of what ONNX Runtime "
            "computes of the file as it came" + (f" (not: {', '.join(refused)})" if refused else "") + ". "
            f"Proof bytes are at most {BYTES} of DSperse's in {kept(4, BYTES)}; proving takes at most {PROVE} of its time in "
            f"{kept(5, PROVE)}.")


def page(models):
    lines = [(TOP / "bench" / "proofs.md").read_text().rstrip(), "",
             f"Machine: {measure.machine()}. dsperse-slice {measure.version()}.", ""]
    rows = [row_of(name, way, model[way]) for name, model in models.items() for way in (THEIRS, FUSING, UNFUSED, OURS)
            if way in model]
    lines.append(measure.table(["model", "cut", ">slices", ">proven", ">wrong", ">constraints", ">mul gates", ">compile s",
                                ">prove ms", ">verify ms", ">proof bytes"], rows))
    by_rounds = {}
    for name, model in models.items():
        by_rounds.setdefault(model["rounds"], []).append(name)
    lines.append("Rounds: " + "; ".join(f"{n} for {', '.join(names)}" for n, names in sorted(by_rounds.items())) + ".")
    sizes = [f"{name} `{' '.join(MODELS[name])}`" for name in models if isinstance(MODELS[name], tuple)]
    if sizes:
        lines.append("Built by `make_model`: " + ", ".join(sizes) + ".")
    lines += ["", "## Ours over DSperse's better cut", "",
              "Sums of all that each proves; the last two columns without the slices that DSperse cuts into tiles, each of which "
              "has a proof of its own (ours stays whole in the comparison). *Constant* says whether the file holds a Constant "
              "node, so that DSperse fuses by itself.", "",
              measure.table(["model", "Constant", "compared with", ">it proves", ">bytes", ">prove time", ">bytes, untiled",
                             ">prove time, untiled"], [ratios(name, model) for name, model in models.items()]),
              verdict(models)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--state", type=pathlib.Path, default=TOP / "build" / "proofs.json")
    parser.add_argument("--out", type=pathlib.Path, default=TOP / "docs" / "benchmarks" / "proofs.md")
    arguments = parser.parse_args()
    names = arguments.models.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    state = json.loads(arguments.state.read_text()) if arguments.state.exists() else {}
    for name in names:
        if name not in state:
            state[name] = measured(name, arguments.rounds, arguments.state.parent / "proofs" / name)
            arguments.state.parent.mkdir(parents=True, exist_ok=True)
            arguments.state.write_text(json.dumps(state, indent=1))
    arguments.out.write_text(page({name: state[name] for name in MODELS if name in state}))


if __name__ == "__main__":
    main()
