"""The real dsperse takes over our slices: compile, run, prove, verify, with every arithmetic slice proven."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import msgpack

BIN = pathlib.Path(os.environ["DSPERSE_BIN_DIR"])
SHARED = pathlib.Path(os.environ["DSPERSE_SHARED_DIR"])
ZK = SHARED / "corpus" / "zk"


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def accept(slices, *flags):
    done = run(sys.executable, SHARED / "tools" / "accept.py", "--slices", slices, *flags)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"accept.py printed no verdict: {done.stdout}{done.stderr}") from None


class AcceptTest(unittest.TestCase):
    def check(self, model):
        with tempfile.TemporaryDirectory() as folder:
            slices = pathlib.Path(folder) / "slices"
            done = run(BIN / "dsperse-slice", "slice", model, "-o", slices)
            self.assertEqual(done.returncode, 0, done.stderr)
            verdict = accept(slices, "--prove", "--require-coverage", "--reference", model, "--tolerance", "1e-5")
            self.assertTrue(verdict["accepted"], json.dumps(verdict, indent=1)[-4000:])
            self.assertEqual(verdict["slice_files_rewritten_by_dsperse"], [])

    def test_net(self):
        self.check(ZK / "dsperse_net.onnx")

    def test_lenet(self):
        self.check(ZK / "jstprove_lenet.onnx")

    def test_mini_resnet(self):
        self.check(ZK / "jstprove_mini_resnet.onnx")

    def test_small_resnet18(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "resnet18.onnx"
            done = run(BIN / "make_model", "resnet18", model, "--size", "16", "--width", "0.125")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check(model)


class PolicyTest(unittest.TestCase):
    """`--policy dsperse` cuts where the real `dsperse slice` did."""

    def test_slice_points(self):
        samples = json.loads((SHARED / "dsperse_samples" / "slice_lists.json").read_text())
        for name in ("dsperse_net", "dsperse_doom", "jstprove_lenet", "jstprove_mini_resnet"):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                slices = pathlib.Path(folder) / "slices"
                done = run(BIN / "dsperse-slice", "slice", ZK / f"{name}.onnx", "-o", slices, "--policy", "dsperse")
                self.assertEqual(done.returncode, 0, done.stderr)
                metadata = msgpack.unpackb((slices / "metadata.msgpack").read_bytes())
                self.assertEqual(metadata["slice_points"], samples[name]["slice_points"])


if __name__ == "__main__":
    unittest.main()
