"""The real dsperse takes over our slices: compile, run, prove, verify, with every arithmetic slice proven, and the
witness of each slice holds what ONNX Runtime computes."""
import json
import pathlib
import tempfile
import unittest

from chain import BIN, accept, run, witnessed


class AcceptCase(unittest.TestCase):
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
