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
    def test_witness_holds_what_onnx_computes(self):
        model, cuts = rewrites.build(rewrites.CASES)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            onnx.save(model, folder / "model.onnx")
            size = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
            # Within ±0.9: values beyond a slice's own bound of ±1 at its inputs are a case of their own.
            values = (np.random.default_rng(3).random(size) * 1.8 - 0.9).astype("float32")
            (folder / "input.json").write_text(json.dumps({"input_data": [values.tolist()]}))
            chain.make_slices(folder / "model.onnx", folder / "slices", "--policy", "points", "--cut", ",".join(cuts))
            verdict = chain.accept(folder / "slices", "--prove", "--require-coverage", "--work", folder / "work",
                                   "--input", folder / "input.json")
            self.assertTrue(verdict["accepted"], json.dumps(verdict, indent=1)[-4000:])
            rows = chain.witnessed(folder / "work")
            self.assertGreaterEqual(len(rows), len(rewrites.CASES))
            for row in rows:
                with self.subTest(" ".join(row["operators"])):
                    self.assertEqual(row["wrong"], 0, row)


if __name__ == "__main__":
    unittest.main()
