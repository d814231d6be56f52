"""What is proven of a lowered node is the node: the witness of each rewrite beside ONNX Runtime.

One model holds all of them side by side, each on its own part of the input, each cut into a slice of its own.
"""
import json
import pathlib
import tempfile
import unittest

import numpy as np
import onnx

import chain
import rewrites


class LoweringTest(unittest.TestCase):
    def rows(self, size, *flags):
        """What the witnesses of all slices hold for inputs within ±size."""
        model, cuts = rewrites.build(rewrites.CASES)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            onnx.save(model, folder / "model.onnx")
            elements = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
            values = ((np.random.default_rng(3).random(elements) * 2 - 1) * size).astype("float32")
            (folder / "input.json").write_text(json.dumps({"input_data": [values.tolist()]}))
            chain.make_slices(folder / "model.onnx", folder / "slices", "--policy", "points", "--cut", ",".join(cuts),
                              *flags)
            verdict = chain.accept(folder / "slices", "--prove", "--require-coverage", "--work", folder / "work",
                                   "--input", folder / "input.json")
            self.assertTrue(verdict["accepted"], json.dumps(verdict, indent=1)[-4000:])
            rows = chain.witnessed(folder / "work")
            self.assertGreaterEqual(len(rows), len(rewrites.CASES))
            return rows

    def test_witness_holds_what_onnx_computes(self):
        # The compiler takes inputs of a circuit to lie within ±1: slices lift theirs. Tables of wide values take minutes
        # to compile, hence 5 instead of the default's 1,000.
        for row in self.rows(4.5, "--activation-range", "5"):
            with self.subTest(" ".join(row["operators"])):
                self.assertEqual(row["wrong"], 0, row)

    def test_witness_tells_where_no_slice_is_lifted(self):
        wrong = [row for row in self.rows(4.5, "--activation-range", "1") if row["wrong"] > 0]
        self.assertGreaterEqual(len(wrong), 5)


if __name__ == "__main__":
    unittest.main()
