"""Small networks through the real dsperse, and cuts where its own slicer cuts."""
import json
import pathlib
import tempfile
import unittest

import msgpack

from accept_case import AcceptCase
from chain import BIN, SHARED, run

ZK = SHARED / "corpus" / "zk"


class AcceptTest(AcceptCase):
    def test_net(self):
        self.check(ZK / "dsperse_net.onnx")

    def test_lenet(self):
        self.check(ZK / "jstprove_lenet.onnx")

    def test_mini_resnet(self):
        self.check(ZK / "jstprove_mini_resnet.onnx")

    def test_small_conv1d_net(self):
        self.check_built("conv1d_net", "--size", "16", "--width", "0.125")

    def test_small_resnet18(self):
        self.check_built("resnet18", "--size", "16", "--width", "0.125")


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
