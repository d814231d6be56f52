"""Runs the real dsperse on a model of ours and looks at what the proofs say."""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import msgpack

import witness

BIN = pathlib.Path(os.environ["DSPERSE_BIN_DIR"])
SHARED = pathlib.Path(os.environ["DSPERSE_SHARED_DIR"])
HERE = pathlib.Path(__file__).resolve().parent


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def accept(slices, *flags):
    """The verdict of accept.py."""
    done = run(sys.executable, SHARED / "tools" / "accept.py", "--slices", slices, *flags)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"accept.py printed no verdict: {done.stdout}{done.stderr}") from None


def witnessed(work):
    """witness.compare of an accept.py work folder, in the environment that has ONNX Runtime."""
    done = run(os.environ.get("ORT_PYTHON", sys.executable), HERE / "witness.py", work)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def make_slices(model, slices, *flags):
    done = run(BIN / "dsperse-slice", "slice", model, "-o", slices, *flags)
    if done.returncode != 0:
        raise AssertionError(done.stderr)


def load_accept():
    """accept.py as a module: its launcher of dsperse and its reading of the compiler's log."""
    spec = importlib.util.spec_from_file_location("accept", SHARED / "tools" / "accept.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Chain:
    """compile, run, prove and verify of a slices directory, where slices may fail: `work` holds slices/ and
    input.msgpack. (accept.py judges; this measures what can be proven at all.)"""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.tool = load_accept()
        self.base = ["--model-dir", str(self.work), "--slices-dir", str(self.work / "slices")]
        self.metadata = msgpack.unpackb((self.work / "slices" / "metadata.msgpack").read_bytes(),
                                        strict_map_key=False)
        self.sizes = {}
        self.failed = {}
        self.seconds = {}  # of the last run of each stage, as a whole process

    def stage(self, name, *flags):
        state, log = self.tool.dsperse(name, self.base + [str(f) for f in flags], str(self.work), 3600)
        self.seconds[name] = state["seconds"]
        return state["rc"] == 0, log

    def compile(self):
        _, log = self.stage("compile", "--parallel", "1", "--weights-as-inputs", "true", "--proof-system", "expander",
                            "--proof-config", "bn254_raw")
        self.sizes = self.tool.gates(log)

    def circuit(self, index):
        folder = self.work / "slices" / f"slice_{index}" / "jstprove"
        return any("circuit.bin" in files for _, _, files in os.walk(folder))

    def witness(self):
        """Runs; a slice whose witness can't be made loses its circuit, and the run is done anew."""
        while True:
            done, log = self.stage("run", "--input-file", self.work / "input.msgpack", "--run-dir", self.work / "run",
                                   "--combined", "true")
            if done:
                return
            broken = re.search(r"failed at slice_(\d+)", log)
            if not broken or int(broken[1]) in self.failed:
                raise AssertionError(log[-1000:])
            self.failed[int(broken[1])] = "no witness"
            shutil.rmtree(self.work / "slices" / f"slice_{broken[1]}" / "jstprove")
            shutil.rmtree(self.work / "run", ignore_errors=True)

    def prove_once(self):
        """The proving time of each slice in seconds."""
        done, log = self.stage("prove", "--run-dir", self.work / "run")
        if not done:
            raise AssertionError(log[-1000:])
        return {index: total_seconds(result) for index, result in self.results("proof_execution").items()
                if result.get("success")}

    def verify(self):
        done, log = self.stage("verify", "--run-dir", self.work / "run")
        if not done:
            raise AssertionError(log[-1000:])

    def prove(self, times):
        """Medians by slice of the proving time in seconds; then verifies."""
        rounds = [self.prove_once() for _ in range(times)]
        self.verify()
        return {index: statistics.median(row[index] for row in rounds) for index in rounds[0]}

    def results(self, kind):
        metadata = msgpack.unpackb((self.work / "run" / "metadata.msgpack").read_bytes(), strict_map_key=False)
        return {int(e["slice_id"].removeprefix("slice_")): e.get(kind) or {}
                for e in metadata["execution_chain"]["execution_results"]}

    def verified(self):
        return {i for i, result in self.results("verification_execution").items() if result.get("success")}

    def proofs(self, index):
        return list((self.work / "run" / f"slice_{index}").rglob("proof.bin"))

    def committed(self, index):
        """How many numbers the proofs of a slice commit to, each proof's count rounded up to a power of two."""
        return sum(witness.read(w)[1] for w in (self.work / "run" / f"slice_{index}").rglob("witness.bin"))

    def proof_bytes(self, index):
        return sum(p.stat().st_size for p in self.proofs(index))


def total_seconds(result):
    for key in ("tile_exec_infos", "tiles", "tile_results"):
        if isinstance(result.get(key), list):
            return sum(tile.get("time_sec") or 0 for tile in result[key])
    return result.get("time_sec") or 0
