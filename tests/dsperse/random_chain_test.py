"""Random models on the real chain. Others: random_chain.py."""
import tempfile
import unittest

import random_chain

# Those without look-up tables, which take a second each to compile.
QUICK = ["conv", "conv_transpose", "gemm", "matmul", "arithmetic", "pool", "reduce", "join", "split", "part", "pad", "turn", "reshape", "axes_of_one", "widen",
         "same"]


class RandomChainTest(unittest.TestCase):
    def test_witnesses_hold_what_onnx_computes(self):
        with tempfile.TemporaryDirectory() as folder:
            total, found = random_chain.check(range(3000, 3016), folder, size=16, only=QUICK, reduced=False, report=lambda text: None)
            self.assertGreaterEqual(total, 14)
            for case, failure in found:
                with self.subTest(case.name):
                    self.fail(f"{failure}\n{case.text()}")


if __name__ == "__main__":
    unittest.main()
