"""Larger networks through the real dsperse, in its own time (label `full`).

Coverage and the model's output only: a slice is bound to inputs within ±1, and what these networks hand from slice to
slice goes beyond, so that the witness of some slices holds other values (a ResNet-18 of 16x16: 990 of 1,000).
"""
import json
import pathlib
import tempfile
import unittest

from chain import BIN, accept, run


class AcceptFullTest(unittest.TestCase):
    def check(self, name, size):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / f"{name}.onnx"
            slices = pathlib.Path(folder) / "slices"
            done = run(BIN / "make_model", name, model, "--size", size, "--width", "0.125")
            self.assertEqual(done.returncode, 0, done.stderr)
            done = run(BIN / "dsperse-slice", "slice", model, "-o", slices)
            self.assertEqual(done.returncode, 0, done.stderr)
            verdict = accept(slices, "--prove", "--require-coverage", "--reference", model, "--tolerance", "1e-5")
            self.assertTrue(verdict["accepted"], json.dumps(verdict, indent=1)[-4000:])

    def test_resnet18(self):
        self.check("resnet18", "16")

    def test_transformer_block(self):
        self.check("transformer_block", "16")


if __name__ == "__main__":
    unittest.main()
