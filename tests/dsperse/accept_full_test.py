"""Larger networks through the real dsperse, in their own time (label `full`): compiling takes minutes for each."""
import unittest

from accept_case import AcceptCase


class AcceptFullTest(AcceptCase):
    def test_transformer_block(self):
        self.check_built("transformer_block", "--size", "16", "--width", "0.125")

    def test_mobilenet_v2(self):
        self.check_built("mobilenet_v2", "--size", "16", "--width", "0.125")

    def test_resnet50(self):
        self.check_built("resnet50", "--size", "16", "--width", "0.125")

    def test_efficientnet_b0(self):
        self.check_built("efficientnet_b0", "--size", "16", "--width", "0.125")

    def test_vgg16_bn(self):
        self.check_built("vgg16_bn", "--size", "32", "--width", "0.125")

    def test_densenet121(self):
        self.check_built("densenet121", "--size", "32", "--width", "0.125")


if __name__ == "__main__":
    unittest.main()
