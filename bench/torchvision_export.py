#!/usr/bin/python3
"""Exports torchvision's own networks to un-fused ONNX, as reference input for the fold.

    apt-get install --no-install-recommends python3-torchvision python3-onnx
    /usr/bin/python3 bench/torchvision_export.py [NAME ...] [--out DIR] [--force] [--list]

The node counts that the fold is held to are counts on these files, so how they are made is fixed:
Debian 12's torch 1.13 and torchvision 0.14, the TorchScript exporter, evaluation mode,
`training=TrainingMode.PRESERVE` (EVAL would fuse Conv and BatchNormalization on the way out),
`do_constant_folding=False`, opset 17, batch 1, the input named `input` and the output `output`.

Weights are random with a fixed seed, no download. BatchNormalization gets a state as training leaves
it (variance 0.5 ... 2, scale 0.5 ... 1.5, mean and shift not 0): with torch's initial state (0, 1, 0, 1)
every fusion looks right. The structure of the files, and so every count, does not depend on the
weights; their bytes depend on torch's version.

A file that exists is left alone unless --force is given. Default DIR: ~/.cache/dsperse-slice/torchvision
(XDG_CACHE_HOME is respected).
"""

import argparse
import os
import sys
import warnings

# Name -> side of the square input (the published one).
NETWORKS = {
    "resnet18": 224,
    "resnet50": 224,
    "resnet152": 224,
    "efficientnet_b0": 224,
    "efficientnet_b4": 380,
    "mobilenet_v2": 224,
    "mobilenet_v3_large": 224,
    "densenet121": 224,
    "googlenet": 224,
    "inception_v3": 299,
    "regnet_y_400mf": 224,
    "shufflenet_v2_x1_0": 224,
    "swin_t": 224,
    "vit_b_16": 224,
    "convnext_tiny": 224,
    # Not held to a count; their structure is what the builders of bench/models are compared with.
    "vgg16_bn": 224,
    "resnet34": 224,
    "resnet101": 224,
    "efficientnet_b5": 456,
}

OPSET = 17


def default_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "dsperse-slice", "torchvision")


def build(name, seed):
    """The network in evaluation mode, with seeded weights and a trained-like BatchNormalization state."""
    import torch
    import torchvision

    torch.manual_seed(seed)
    options = {}
    if name in ("googlenet", "inception_v3"):
        # Their own initialisation draws from SciPy, minutes long; auxiliary heads exist in training only.
        options = {"init_weights": False}
    network = getattr(torchvision.models, name)(weights=None, **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.running_var.uniform_(0.5, 2.0, generator=generator)
                module.running_mean.uniform_(-0.5, 0.5, generator=generator)
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.5, 0.5, generator=generator)
    return network.eval()


def export(name, path, seed):
    import torch

    network = build(name, seed)
    side = NETWORKS[name]
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))
    partial = path + ".partial"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            image,
            partial,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
        )
    os.replace(partial, path)


def describe(path):
    import onnx

    graph = onnx.load(path).graph
    constants = sum(node.op_type in ("Constant", "ConstantOfShape") for node in graph.node)
    norms = sum(node.op_type == "BatchNormalization" for node in graph.node)
    return (
        f"{len(graph.node) - constants} nodes and {constants} constants, "
        f"{norms} BatchNormalizations, {os.path.getsize(path):,} bytes"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all when none is named")
    parser.add_argument("--out", default=default_folder(), metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--force", action="store_true", help="write files that exist again")
    parser.add_argument("--list", action="store_true", help="print the names and leave")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(NETWORKS))
        return 0
    unknown = [name for name in arguments.names if name not in NETWORKS]
    if unknown:
        parser.error(f"unknown network {unknown[0]!r}; --list names them")
    try:
        import onnx  # noqa: F401
        import torchvision  # noqa: F401
    except ImportError as error:
        print(
            f"{error}; run with Debian's Python after "
            "`apt-get install --no-install-recommends python3-torchvision python3-onnx`",
            file=sys.stderr,
        )
        return 3
    os.makedirs(arguments.out, exist_ok=True)
    for name in arguments.names or NETWORKS:
        path = os.path.join(arguments.out, name + ".onnx")
        if arguments.force or not os.path.exists(path):
            export(name, path, arguments.seed)
        print(f"{name}: {describe(path)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
