#!/usr/bin/python3
"""Exports torchvision's own networks to un-fused ONNX, as reference input for the fold.

    apt-get install --no-install-recommends python3-torchvision python3-onnx
    /usr/bin/python3 bench/torchvision_export.py [NAME ...] [--out DIR] [--force] [--list]
                                                 [--compare MAKE_MODEL]

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

--compare runs the given make_model for each network that it knows and compares the two files node by
node: operator, name, inputs, outputs and attributes, and the dims of each initializer. Left out are what
the exporter adds: Identity (of equal biases), Constant (the bounds of Clip), a Pad by nothing, and the
attributes of an average pooling that have their default value. Exit code 1 when something differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
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


def structure(path):
    """The nodes as comparable tuples, and the dims of each initializer."""
    import onnx

    graph = onnx.load(path).graph
    padded = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Pad"}
    nodes = []
    for node in graph.node:
        if node.op_type in ("Identity", "Constant", "Pad"):
            continue
        inputs = [padded.get(name, name) for name in node.input]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Clip":
            inputs = inputs[:1]
        if node.op_type == "AveragePool":
            attributes = {k: v for k, v in attributes.items() if k != "ceil_mode" and k != "pads"}
        nodes.append((node.op_type, node.name, inputs, list(node.output), attributes))
    return nodes, {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def compare(path, name, make_model):
    """Number of differences between the export and what make_model writes; None if it knows no such name."""
    known = subprocess.run([make_model, "--list"], check=True, capture_output=True, text=True)
    if name not in known.stdout.split():
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "made.onnx")
        subprocess.run([make_model, name, made], check=True)
        our_nodes, our_dims = structure(made)
    nodes, dims = structure(path)
    differences = abs(len(nodes) - len(our_nodes))
    differences += sum(a != b for a, b in zip(nodes, our_nodes))
    # An initializer that the exporter replaced by an Identity of its equal is missing on its side.
    differences += sum(our_dims.get(key) != value for key, value in dims.items())
    return differences


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all when none is named")
    parser.add_argument("--out", default=default_folder(), metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--force", action="store_true", help="write files that exist again")
    parser.add_argument("--list", action="store_true", help="print the names and leave")
    parser.add_argument("--compare", metavar="MAKE_MODEL", help="compare with what this program writes")
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
    failed = False
    for name in arguments.names or NETWORKS:
        path = os.path.join(arguments.out, name + ".onnx")
        if arguments.force or not os.path.exists(path):
            export(name, path, arguments.seed)
        text = f"{name}: {describe(path)}"
        if arguments.compare:
            differences = compare(path, name, arguments.compare)
            if differences is not None:
                text += f"; {differences} differences from make_model"
                failed = failed or differences > 0
        print(text, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
