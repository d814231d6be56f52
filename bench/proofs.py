#!/usr/bin/env python3
"""Real proofs of small networks, cut by DSperse and by us: writes docs/benchmarks/proofs.md.

  proofs.py [--models a,b] [--rounds 5] [--state FILE] [--out FILE]      (./dev bench proofs)

Runs in the Python environment of dsperse; DSPERSE_BIN_DIR, DSPERSE_SHARED_DIR and ORT_PYTHON are set. The ways to cut a
model take turns in each round, so that whatever else the machine does meets all alike. What is measured is kept in FILE, and
slices, circuits and witnesses in folders beside it: they serve until the files that they were made of change, so a run that
was ended goes on with the models, and the compiling, that it lacks. `--rounds 0` only compiles and makes the witnesses.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import statistics
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
WHOLE, FUSING_WHOLE = "DSperse, no tiles", "DSperse, fusing, no tiles"
# In the order of the page.
WAYS = (THEIRS, WHOLE, FUSING, FUSING_WHOLE, UNFUSED, OURS)
# What `dsperse slice` does unless told otherwise is to tile (any number does); its function takes None for no tiles.
TILE_SIZE = {THEIRS: 512, FUSING: 512, WHOLE: None, FUSING_WHOLE: None}
SLICE = "import dsperse, sys; dsperse.slice_model(sys.argv[1], sys.argv[2], eval(sys.argv[3]))"
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
    if way in TILE_SIZE:
        source = path
        if way in (FUSING, FUSING_WHOLE):
            source = path.with_suffix(".constant.onnx")
            with_constant(path, source)
        subprocess.run([sys.executable, "-c", SLICE, source, slices, str(TILE_SIZE[way])], check=True, capture_output=True)
    else:
        flags = ["--passes", "-fuse_conv_batchnorm,-fuse_affine"] if way == UNFUSED else []
        chain.make_slices(path, slices, *flags)


def inputs(path):
    graph = onnx.load(path).graph
    weights = {w.name for w in graph.initializer}
    dims = next(i for i in graph.input if i.name not in weights).type.tensor_type.shape.dim
    return (np.random.default_rng(3).random([d.dim_value or 1 for d in dims]) * 1.8 - 0.9).tolist()


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


def digest(files):
    out = hashlib.sha256()
    for file in files:
        out.update(file.read_bytes())
    return out.hexdigest()


class Cut:
    """One way to cut a model, compiled and run in `folder`; `note` is what is known of it before it is proven."""

    def __init__(self, path, way, folder):
        self.way = way
        self.folder = folder
        with tempfile.TemporaryDirectory() as temporary:
            slices = pathlib.Path(temporary) / "slices"
            if way in TILE_SIZE:  # its files differ from run to run
                self.of = digest([path])
            else:
                cut(path, slices, way)
                self.of = digest(sorted(slices.rglob("*.onnx")))
            self.note = json.loads(self.file().read_text()) if self.file().exists() else {}
            if self.note.get("of") == self.of:
                return
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self.note = {"of": self.of}
            try:
                if way in TILE_SIZE:
                    cut(path, slices, way)
                shutil.move(slices, folder / "slices")
            except (AssertionError, subprocess.CalledProcessError) as error:
                self.note |= {"failed": "no slices", "why": str(getattr(error, "stderr", "") or error)[-300:]}
                return
        (folder / "input.msgpack").write_bytes(msgpack.packb({"input_data": inputs(path)}))
        run = chain.Chain(folder)
        run.compile()
        self.note |= {"slices": len(run.metadata["slices"]), "arithmetic": arithmetic(run), "sizes": {str(i): size for i, size in run.sizes.items()},
                      "compile_seconds": run.seconds["compile"]}
        self.keep()
        try:
            run.witness()
            # A tiled slice has a witness for each tile: those aren't compared.
            self.note["wrong"] = {str(row["index"]): row["wrong"] for row in chain.witnessed(folder)}
            self.note["committed"] = {str(s["index"]): run.committed(s["index"]) for s in run.metadata["slices"]}
        except AssertionError as error:
            self.note |= {"failed": "no run", "why": str(error)[-300:]}
        self.keep()

    def file(self):
        return self.folder / "compiled.json"

    def keep(self):
        self.file().write_text(json.dumps(self.note, indent=1))

    def accept(self, path):
        """The verdict of accept.py on these slices, with the circuits they have."""
        if "verdict" not in self.note:
            self.note["verdict"] = chain.accept(self.folder / "slices", "--prove", "--require-coverage", "--reference", path,
                                                "--tolerance", "1e-5")
            self.keep()
        verdict = self.note["verdict"]
        return {"accepted": verdict["accepted"], "problems": verdict["problems"],
                "output_error": verdict.get("output_error_relative")}

    def row(self, rounds):
        """What `rounds`, the proving times by slice of each, gave."""
        known = {key: self.note[key] for key in ("failed", "why", "slices", "compile_seconds") if key in self.note}
        if "failed" in known:
            return known | {"arithmetic": len(self.note.get("arithmetic", []))}
        run = chain.Chain(self.folder)
        run.verify()
        verified = run.verified()
        checks = run.results("verification_execution")
        tiled = {s["index"] for s in run.metadata["slices"] if s.get("tiling")}
        proofs = {i: len(run.proofs(i)) for i in verified}
        todo = set(self.note["arithmetic"])
        out = known | {"arithmetic": len(todo), "proven": len(verified & todo), "tiled": len(verified & tiled),
                       "proofs": sum(proofs.values()),
                       "wrong": sum(wrong for i, wrong in self.note["wrong"].items() if int(i) in verified)}
        for key, part in (("", verified), ("whole_", verified - tiled)):
            # The compiler tells the size of one tile.
            for size in ("constraints", "mul"):
                out[key + size] = sum((self.note["sizes"].get(str(i), {}).get(size) or 0) * proofs[i] for i in part)
            times = [[taken.get(i, 0) for taken in rounds] for i in part]
            out[key + "prove_seconds"] = sum(map(statistics.median, times))
            out[key + "least_seconds"] = sum(map(min, times))
            out[key + "verify_seconds"] = sum(chain.total_seconds(checks[i]) for i in part)
            out[key + "bytes"] = sum(run.proof_bytes(i) for i in part)
            out[key + "committed"] = sum(self.note["committed"][str(i)] for i in part)
        return out


def ways_of(model, only):
    """The ways to cut that a model is compared in; the two that the bars are about come first."""
    if not model["batch_norms"]:
        ways = [OURS, THEIRS, WHOLE]
    elif model[HOLDS_CONSTANT]:
        ways = [OURS, THEIRS, WHOLE, UNFUSED]
    else:
        ways = [OURS, FUSING, FUSING_WHOLE, UNFUSED, THEIRS]
    return [way for way in ways if only is None or way in only]


def measure_model(name, model, only, rounds, kept):
    """Measures all ways in turns, unless all of them are in `model`, what is known of it, already."""
    with tempfile.TemporaryDirectory() as folder:
        path = model_file(name, pathlib.Path(folder))
        model[HOLDS_CONSTANT] = has_constant(path)
        model["batch_norms"] = sum(node.op_type == "BatchNormalization" for node in onnx.load(path).graph.node)
        ways = ways_of(model, only)
        if all(way in model for way in ways):
            return
        cuts = [Cut(path, way, kept / way.replace(",", "").replace(" ", "_")) for way in ways]
        judged = {one.way: one.accept(path) for one in cuts if one.way == OURS}
        if rounds == 0:
            return
        taken = {way: [] for way in ways}
        for _ in range(rounds):
            for one in cuts:
                if "failed" not in one.note:
                    taken[one.way].append(chain.Chain(one.folder).prove_once())
        for one in cuts:
            model[one.way] = one.row(taken[one.way]) | judged.get(one.way, {}) | {"rounds": rounds}
            print(name, one.way, json.dumps(model[one.way]), file=sys.stderr, flush=True)


def number(row, key, factor=1, digits=0):
    return f"{row[key] * factor:,.{digits}f}" if key in row else ""


def row_of(name, way, row):
    proven = f"{row['proven']} of {row['arithmetic']}" if "failed" not in row else row["failed"]
    return [name, way, row.get("slices", ""), proven,
            *(number(row, key) for key in ("proofs", "wrong", "constraints", "mul", "committed")),
            f"{row['compile_seconds']:.1f}" if "compile_seconds" in row else "", number(row, "prove_seconds", 1000),
            number(row, "least_seconds", 1000), number(row, "verify_seconds", 1000), number(row, "bytes")]


def better_of(model, ways):
    """The way of `ways` that proves the larger part of its slices, then with the smaller proofs, if any proves something."""
    rows = [(way, model[way]) for way in ways if way in model]
    rows = [(way, row) for way, row in rows if "failed" not in row and row["proven"]]
    return max(rows, key=lambda r: (r[1]["proven"] / r[1]["arithmetic"], -r[1]["bytes"]), default=(None, None))[0]


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if theirs else ""


def ratios(name, model, way):
    constant = "no BatchNormalization" if not model["batch_norms"] else "yes" if model[HOLDS_CONSTANT] else "no"
    theirs, ours = model.get(way), model.get(OURS)
    if theirs is None or ours is None or "failed" in ours:
        return [name, constant, "proves nothing" if theirs is None else way, "", "", "", "", "", ""]
    tiled = theirs["tiled"] > 0
    least = "least_seconds" in ours and "least_seconds" in theirs
    return [name, constant, way, f"{theirs['proven']} of {theirs['arithmetic']}",
            *(ratio(ours[key], theirs[key]) for key in ("bytes", "prove_seconds")),
            ratio(ours["least_seconds"], theirs["least_seconds"]) if least else "",
            *(ratio(ours[key], theirs["whole_" + key]) if tiled else "" for key in ("bytes", "prove_seconds"))]


BYTES, PROVE = 0.3, 1.1


def kept(rows, column, bar):
    """How many of the ratios keep to a bar, and which don't."""
    over = [f"{row[0]} {row[column]}" for row in rows if float(row[column]) > bar]
    return f"{len(rows) - len(over)} of {len(rows)}" + (f" (over: {', '.join(over)})" if over else "")


def verdict(models, ways, of):
    """How many of the ratios to the better of these ways keep to their bars."""
    rows = [ratios(name, model, better_of(model, ways)) for name, model in models.items()]
    rows = [row for row in rows if row[4]]
    return (f"Proof bytes are at most {BYTES} of those of {of} in {kept(rows, 4, BYTES)}; proving takes at most {PROVE} of its "
            f"time in {kept(rows, 5, PROVE)}.")


def acceptance(models):
    models = {name: model[OURS] for name, model in models.items() if OURS in model}
    refused = [name for name, row in models.items() if not row.get("accepted")]
    wrong = sum(row.get("wrong", 0) for row in models.values())
    return (f"Of ours the chain accepts {len(models) - len(refused)} of {len(models)} models" +
            (f" (not: {', '.join(refused)})" if refused else "") + ": each slice that does more than move data is proven and "
            "verified, chained slices give the model's output, and that is within 1e-5 of what ONNX Runtime computes of the "
            f"file as it came, for inputs drawn from a normal distribution. Values wrong in their witnesses: {wrong}.")


def page(models):
    lines = [(TOP / "bench" / "proofs.md").read_text().rstrip(), "",
             f"Machine: {measure.machine()}. dsperse-slice {measure.version()}.", "", acceptance(models), ""]
    rows = [row_of(name, way, model[way]) for name, model in models.items() for way in WAYS if way in model]
    lines.append(measure.table(["model", "cut", ">slices", ">proven", ">proofs", ">wrong", ">constraints", ">mul gates",
                                ">committed", ">compile s", ">prove ms", ">least", ">verify ms", ">proof bytes"], rows))
    by_rounds = {}
    for name, model in models.items():
        for way in WAYS:
            if way in model:
                by_rounds.setdefault(model[way]["rounds"], {})[name] = None
    lines.append("Rounds: " + "; ".join(f"{n} for {', '.join(names)}" for n, names in sorted(by_rounds.items())) + ".")
    sizes = [f"{name} `{' '.join(MODELS[name])}`" for name in models if isinstance(MODELS[name], tuple)]
    if sizes:
        lines.append("Built by `make_model`: " + ", ".join(sizes) + ".")
    compared = []
    for name, model in models.items():
        ways = [way for way in TILE_SIZE if way in model]
        proving = [way for way in ways if better_of(model, [way])]
        compared += [ratios(name, model, way) for way in proving or [None] * bool(ways)]
    lines += ["", "## Ours over DSperse's cuts", "",
              "Sums of all that each proves; the last two columns without the slices that DSperse cuts into tiles, each of which "
              "has a proof of its own (ours stays whole in the comparison). *Constant* says whether the file holds a Constant "
              "node, so that DSperse fuses by itself.", "",
              measure.table(["model", "Constant", "compared with", ">it proves", ">bytes", ">prove time",
                             ">least", ">bytes, tiled left out", ">prove time, tiled left out"], compared),
              verdict(models, (THEIRS, FUSING), "`dsperse slice`"), "",
              verdict(models, (WHOLE, FUSING_WHOLE), "its cut without tiles, which is not its default,")]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--ways", help=f"of {', '.join(WAYS)}, separated by semicolons; all unless given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--state", type=pathlib.Path, default=TOP / "build" / "proofs.json")
    parser.add_argument("--out", type=pathlib.Path, default=TOP / "docs" / "benchmarks" / "proofs.md")
    arguments = parser.parse_args()
    names = [name for name in arguments.models.split(",") if name]
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    only = arguments.ways.split(";") if arguments.ways else None
    if only and not set(only) <= set(WAYS):
        parser.error(f"--ways takes {'; '.join(WAYS)}")
    state = json.loads(arguments.state.read_text()) if arguments.state.exists() else {}
    arguments.state = arguments.state.resolve()
    arguments.state.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        measure_model(name, state.setdefault(name, {}), only, arguments.rounds, arguments.state.parent / "proofs" / name)
        arguments.state.write_text(json.dumps(state, indent=1))
    if arguments.rounds == 0:
        return
    arguments.out.write_text(page({name: state[name] for name in MODELS if state.get(name)}))


if __name__ == "__main__":
    main()
