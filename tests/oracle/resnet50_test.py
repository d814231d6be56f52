"""Folds a whole ResNet-50 and checks the result with programs that are not ours."""
import pathlib
import tempfile
import unittest

import numpy as np
import onnx

import oracle


class ResNet50(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        top = pathlib.Path(cls.folder.name)
        cls.source, cls.target = top / "resnet50.onnx", top / "folded.onnx"
        oracle.run("make_model", "resnet50", cls.source)
        oracle.fold(cls.source, cls.target)
        cls.before, cls.after = onnx.load(cls.source), onnx.load(cls.target)

    def test_is_a_valid_model(self):
        onnx.checker.check_model(str(self.target), full_check=True)

    def test_counts(self):
        self.assertEqual(oracle.count(self.before, "BatchNormalization"), 53)
        self.assertEqual(oracle.count(self.after, "BatchNormalization"), 0)
        self.assertEqual(len(self.before.graph.node), 175)
        self.assertEqual(len(self.after.graph.node), 122)
        # A weight and a bias for each of 53 Conv and the Gemm; nothing of the BatchNormalizations stays.
        self.assertEqual(len(self.after.graph.initializer), 2 * 54)
        self.assertEqual(oracle.interface(self.before), oracle.interface(self.after))

    def test_every_word(self):
        before, after = oracle.weights(self.before), oracle.weights(self.after)
        producer = {node.output[0]: node for node in self.before.graph.node}
        fused = 0
        for node in self.after.graph.node:
            if node.op_type != "Conv":
                continue
            norm = producer[node.output[0]]
            conv = producer[norm.input[0]]
            self.assertEqual((norm.op_type, conv.op_type), ("BatchNormalization", "Conv"))
            self.assertEqual(oracle.attributes(node), oracle.attributes(conv))

            scale, shift, mean, var = (before[name].astype(np.float64) for name in norm.input[1:5])
            epsilon = np.float64(np.float32(oracle.attributes(norm).get("epsilon", 1e-5)))
            bias = before[conv.input[2]].astype(np.float64) if len(conv.input) > 2 else np.zeros_like(mean)
            gain = scale / np.sqrt(var + epsilon)
            weight = (before[conv.input[1]].astype(np.float64) * gain[:, None, None, None]).astype(np.float32)
            bias = ((bias - mean) * gain + shift).astype(np.float32)
            np.testing.assert_array_equal(after[node.input[1]].view(np.uint32), weight.view(np.uint32))
            np.testing.assert_array_equal(after[node.input[2]].view(np.uint32), bias.view(np.uint32))
            fused += 1
        self.assertEqual(fused, 53)

    def test_classifier_is_untouched(self):
        before, after = oracle.weights(self.before), oracle.weights(self.after)
        for name in next(node for node in self.after.graph.node if node.op_type == "Gemm").input[1:]:
            np.testing.assert_array_equal(after[name].view(np.uint32), before[name].view(np.uint32))

    def test_outputs_agree(self):
        before, after = oracle.session(self.source), oracle.session(self.target)
        for seed in range(3):
            feeds = oracle.inputs(before, seed)
            (expected,), (actual,) = before.run(None, feeds), after.run(None, feeds)
            self.assertGreater(np.ptp(expected), 0, "the output does not depend on anything")
            self.assertLessEqual(oracle.difference(expected, actual), oracle.TOLERANCE)

    def test_folding_again_changes_nothing(self):
        again = self.target.with_name("again.onnx")
        oracle.fold(self.target, again)
        self.assertEqual(self.target.read_bytes(), again.read_bytes())


if __name__ == "__main__":
    unittest.main()
