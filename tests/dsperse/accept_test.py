"""The real dsperse takes over our slices: compile, run, prove, verify, with every arithmetic slice proven, and the
witness of each slice holds what ONNX Runtime computes."""
import json
import pathlib
import tempfile
import unittest

import msgpack

from chain import BIN, SHARED, accept, run, witnessed

ZK = SHARED / "corpus" / "zk"


class AcceptTest(unittest.TestCase):
    def check(self, model):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            slices = folder / "slices"
            done = run(BIN / "dsperse-slice", "slice", model, "-o", slices)
            self.assertEqual(done.returncode, 0, done.stderr)
            verdict = accept(slices, "--prove", "--require-coverage", "--reference", model, "--tolerance", "1e-5",
                             "--work", folder / "work")
            self.assertTrue(verdict["accepted"], json.dumps(verdict, indent=1)[-4000:])
            self.assertEqual(verdict["slice_files_rewritten_by_dsperse"], [])
            # A run doesn't look at what the circuit computed: the witness tells.
            rows = witnessed(folder / "work")
            self.assertEqual(len(rows), verdict["totals"]["verified"])
            for row in rows:
                self.assertEqual(row["wrong"], 0, row)

    def check_built(self, name, *flags):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / f"{name}.onnx"
            done = run(BIN / "make_model", name, model, *flags)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check(model)

    def test_net(self):
        self.check(ZK / "dsperse_net.onnx")

    def test_lenet(self):
        self.check(ZK / "jstprove_lenet.onnx")

    def test_mini_resnet(self):
        self.check(ZK / "jstprove_mini_resnet.onnx")

    def test_small_conv1d_net(self):
        self.check_built("conv1d_net", "--size", "16", "--width", "0.125")


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
