"""Runs the real dsperse on a model of ours and looks at what the proofs say."""
import json
import os
import pathlib
import subprocess
import sys

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
