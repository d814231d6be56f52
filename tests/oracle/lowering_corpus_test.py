"""Lowers every model of the shared corpus and small builders, for each target: ONNX Runtime must compute the same
before and after, and lowering what is lowered must not change a byte."""
import pathlib
import sys
import tempfile
import unittest

import oracle
from corpus_test import INVALID

# Most rewrites round anew: fused weights, means as sums, Mul by a reciprocal.
TOLERANCE = 1e-4
BUILDERS = {"resnet18": "16", "mobilenet_v2": "16", "efficientnet_b0": "16", "densenet121": "32", "conv1d_net": "16",
            "transformer_block": "16"}
# Its thousand logits are all 6.8e9: whether they stay equal to the last bit decides what Softmax makes of them.
DECIDED_BY_ROUNDING = {"light_squeezenet.onnx"}


class LoweringCorpus(unittest.TestCase):
    """One test a model and target; they are added below."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def lower(self, source, target):
        lowered, again = self.folder / "lowered.onnx", self.folder / "again.onnx"
        oracle.fold(source, lowered, "--target", target)
        oracle.fold(lowered, again, "--target", target)
        self.assertEqual(lowered.read_bytes(), again.read_bytes())
        if source.name in DECIDED_BY_ROUNDING:
            return
        runs = [oracle.session(source), oracle.session(lowered)]
        feeds = oracle.inputs(runs[0])
        outputs = [output.name for output in runs[0].get_outputs()]
        for name, expected, actual in zip(outputs, *(session.run(outputs, feeds) for session in runs)):
            self.assertLessEqual(oracle.difference(expected, actual), TOLERANCE, name)

    def lower_built(self, name, target):
        model = self.folder / f"{name}.onnx"
        oracle.run("make_model", name, model, "--size", BUILDERS[name], "--width", "0.125")
        self.lower(model, target)


def add_tests():
    for target in ("jstprove", "ezkl"):
        for path in sorted(oracle.CORPUS.rglob("*.onnx")):
            if path.name not in INVALID:
                setattr(LoweringCorpus, f"test_{path.stem}_{target}",
                        lambda self, path=path, target=target: self.lower(path, target))
        for name in BUILDERS:
            setattr(LoweringCorpus, f"test_{name}_{target}",
                    lambda self, name=name, target=target: self.lower_built(name, target))


add_tests()

if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
