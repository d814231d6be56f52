"""Every tensor that folding put into a model of the corpus, by itself: equality of the models' outputs can hide a
wrong weight. Folded constants are what ONNX Runtime computes for the same name; a fused weight, bias or parameter is
composed anew in double from the original nodes; a computed shape is that of ONNX Runtime's result."""
import pathlib
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import numpy_helper

import oracle

LINEAR = ("Conv", "ConvTranspose", "Gemm", "MatMul")
AFFINE = ("BatchNormalization", "Mul", "Add", "Sub", "Div")
NO_OPS = ("Identity", "Dropout")


class Model:
    """A model with its constants, whichever way they are written."""

    def __init__(self, path):
        self.proto = onnx.load(path)
        graph = self.proto.graph
        self.inputs = {value.name for value in graph.input}
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output if name}
        self.cache = {}

    def is_constant(self, name):
        todo, seen = [name], set()
        while todo:
            at = todo.pop()
            if at in self.initializers or not at or at in seen:
                continue
            seen.add(at)
            if at not in self.producers or self.producers[at].op_type.startswith("Random"):
                return False
            todo.extend(self.producers[at].input)
        return True

    def constant(self, name):
        """The value, by ONNX Runtime from the nodes that make it."""
        if name in self.initializers:
            return numpy_helper.to_array(self.initializers[name])
        if name not in self.cache:
            needed, todo = set(), [name]
            while todo:
                at = todo.pop()
                if at in needed:
                    continue
                needed.add(at)
                if at in self.producers:
                    todo.extend(self.producers[at].input)
            graph = onnx.GraphProto(name="constants")
            graph.node.extend(node for node in self.proto.graph.node if set(node.output) & needed)
            graph.initializer.extend(tensor for n, tensor in self.initializers.items() if n in needed)
            graph.output.add().name = name
            model = onnx.ModelProto(ir_version=max(self.proto.ir_version, 4),
                                    opset_import=self.proto.opset_import, graph=graph)
            # ONNX Runtime wants the type of an output.
            model = onnx.shape_inference.infer_shapes(model)
            known = {value.name: value for value in model.graph.value_info}
            if not model.graph.output[0].HasField("type") and name in known:
                model.graph.output[0].CopyFrom(known[name])
            self.cache[name] = oracle.session_of(model).run([name], {})[0]
        return self.cache[name]


def channels(constant, rank, axis):
    """A constant that broadcasts along one axis only, as a vector or scalar, in double."""
    shape = (1,) * (rank - constant.ndim) + constant.shape
    if any(size != 1 for i, size in enumerate(shape) if i != axis):
        raise ValueError(f"{constant.shape} is not along axis {axis} of {rank}")
    return constant.astype(np.float64).reshape(-1)


def affine(model, node, rank, axis):
    """y = k·x + t of a node, along the channel axis."""
    if node.op_type == "BatchNormalization":
        scale, shift, mean, var = (model.constant(name).astype(np.float64) for name in node.input[1:5])
        k = scale / np.sqrt(var + np.float64(np.float32(oracle.attributes(node).get("epsilon", 1e-5))))
        return k, shift - mean * k
    first = model.is_constant(node.input[0])
    constant = channels(model.constant(node.input[0 if first else 1]), rank, axis)
    if node.op_type == "Mul":
        return constant, 0.0
    if node.op_type == "Div" and not first:
        return 1 / constant, 0.0
    if node.op_type == "Add":
        return 1.0, constant
    if node.op_type == "Sub":
        return (-1.0, constant) if first else (1.0, -constant)
    raise ValueError(f"{node.op_type} is not affine")


def chain(model, start, end):
    """The nodes from value `start` to value `end`, each with one input that is not constant. Where `start` is a new
    name (views before a linear node were composed), from the linear node on."""
    nodes = []
    while end != start:
        node = model.producers[end]
        if any(n.op_type in LINEAR for n in nodes) and node.op_type not in AFFINE + NO_OPS:
            break
        nodes.append(node)
        free = [name for name in node.input if name and not model.is_constant(name)]
        if len(free) != 1:
            raise ValueError(f"{node.op_type} {node.name} has {len(free)} free inputs")
        end = free[0]
    return nodes[::-1]


def output_axis(node, weight):
    """The weight's axis (or two with a group) of output channels, and the rank of the node's output."""
    if node.op_type == "Conv":
        return 0, weight.ndim
    if node.op_type == "ConvTranspose":
        return 1, weight.ndim
    if node.op_type == "Gemm":
        return (0 if oracle.attributes(node).get("transB", 0) else 1), 2
    return 1, 2


def scaled(node, weight, k, axis):
    k = np.asarray(k, dtype=np.float64)
    if k.size == 1:
        return weight * k
    if node.op_type == "ConvTranspose":
        group = oracle.attributes(node).get("group", 1)
        blocks = weight.reshape((group, weight.shape[0] // group) + weight.shape[1:])
        factors = k.reshape((group, 1, weight.shape[1]) + (1,) * (weight.ndim - 2))
        return (blocks * factors).reshape(weight.shape)
    shape = [1] * weight.ndim
    shape[axis] = k.size
    return weight * k.reshape(shape)


def after_affine(node, weight, k, t):
    """Weight and bias of the linear node that takes x in the place of k·x + t, per input channel."""
    if np.all(k == 1) and np.all(t == 0):
        return weight, np.float64(0)
    attributes = oracle.attributes(node)
    padded = any(attributes.get("pads", [])) or attributes.get("auto_pad", b"NOTSET").startswith(b"SAME")
    if node.op_type != "Conv" or (padded and np.any(t != 0)):
        raise ValueError(f"an affine function before {node.op_type} {node.name}")
    group = attributes.get("group", 1)
    blocks = weight.reshape((group, weight.shape[0] // group) + weight.shape[1:])
    shape = (group, 1, weight.shape[1]) + (1,) * (weight.ndim - 2)
    full = (group * weight.shape[1],)
    bias = (blocks * np.broadcast_to(t, full).reshape(shape)).reshape(weight.shape[0], -1).sum(axis=1)
    return (blocks * np.broadcast_to(k, full).reshape(shape)).reshape(weight.shape), bias


def compose(model, nodes):
    """The fused weight and bias of a chain with one linear node, or (None, k, t) of one without."""
    linear = next((node for node in nodes if node.op_type in LINEAR), None)
    weight, k, t = None, np.float64(1), np.float64(0)
    rank, axis = 4, 1
    if linear is not None:
        weight = model.constant(linear.input[1]).astype(np.float64)
        axis, rank = output_axis(linear, weight)
    for node in nodes:
        if node is linear:
            weight, t = after_affine(node, weight, k, t)
            k = np.float64(1)
            if len(node.input) > 2 and node.input[2]:
                beta = oracle.attributes(node).get("beta", 1.0)
                t = t + model.constant(node.input[2]).astype(np.float64) * beta
        elif node.op_type in AFFINE:
            k2, t2 = affine(model, node, rank, 1)
            k, t = k * k2, t * k2 + t2
        elif node.op_type not in NO_OPS:
            raise ValueError(f"{node.op_type} {node.name} in a fused chain")
    return (None if weight is None else scaled(linear, weight, k, axis)), k, t


class FoldedTensors(unittest.TestCase):
    """One test a model; they are added below."""

    def check(self, source):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        target = pathlib.Path(folder.name) / "folded.onnx"
        oracle.fold(source, target)
        before, after = Model(source), Model(target)
        checked = set()
        for node in after.proto.graph.node:
            if node.op_type in LINEAR + ("BatchNormalization",):
                self.check_fused(before, after, node, checked)
        for name, tensor in after.initializers.items():
            new = name not in before.initializers or before.initializers[name] != tensor
            if not new or name in checked:
                continue
            if name in before.producers and before.is_constant(name):
                self.same(before.constant(name), numpy_helper.to_array(tensor), name)
            else:
                self.check_shape(before, after, name, numpy_helper.to_array(tensor))

    def same(self, expected, actual, name):
        """Integers exactly; floats to the last place."""
        self.assertEqual(expected.shape, actual.shape, name)
        if expected.dtype.kind != "f" and actual.dtype.kind != "f":
            self.assertTrue(np.array_equal(expected, actual), name)
            return
        wide = expected.astype(np.float64)
        unit = np.finfo(actual.dtype).eps
        off = np.abs(wide - actual.astype(np.float64))
        self.assertTrue(np.all(off <= unit * np.abs(wide) + np.finfo(np.float32).tiny), name)

    def check_fused(self, before, after, node, checked):
        constants = [name for name in node.input[1:] if name and after.is_constant(name)]
        if not constants or not after.is_constant(node.input[1]):
            return
        original = before.producers[node.output[0]]
        if original.op_type == node.op_type and list(original.input[1:]) == list(node.input[1:]) and all(
                np.array_equal(before.constant(name), after.constant(name)) for name in constants):
            return
        weight, k, t = compose(before, chain(before, node.input[0], node.output[0]))
        if node.op_type == "BatchNormalization":
            k2, t2 = affine(after, node, 4, 1)
            np.testing.assert_allclose(k2, np.broadcast_to(k, k2.shape), rtol=1e-6)
            np.testing.assert_allclose(t2, np.broadcast_to(t, t2.shape), rtol=1e-6, atol=1e-6)
        else:
            self.same(weight, after.constant(node.input[1]), node.input[1])
            if len(node.input) > 2 and node.input[2]:
                bias = after.constant(node.input[2])
                # A sum that cancels keeps the error of its largest term.
                np.testing.assert_allclose(bias, np.broadcast_to(t, bias.shape), rtol=3e-7, atol=1e-9)
            else:
                self.assertTrue(np.all(t == 0), node.name)
        checked.update(constants)

    def check_shape(self, before, after, name, value):
        """A shape that stands for computed ones: of a Reshape, Expand or ConstantOfShape."""
        for node in after.proto.graph.node:
            if name not in node.input:
                continue
            self.assertIn(node.op_type, ("Reshape", "Expand", "ConstantOfShape"), name)
            model = onnx.ModelProto()
            model.CopyFrom(before.proto)
            del model.graph.output[:]
            info = onnx.shape_inference.infer_shapes(before.proto)
            known = [v for v in list(info.graph.value_info) + list(info.graph.output) if v.name == node.output[0]]
            self.assertTrue(known, name)
            model.graph.output.add().CopyFrom(known[0])
            session = oracle.session_of(model)
            result = session.run(None, oracle.inputs(session))[0]
            resolved = [result.shape[i] if size in (0, -1) else size for i, size in enumerate(value)]
            self.assertEqual(resolved, list(result.shape), name)


# ONNX Runtime refuses these two as they are (types of two inputs of a node differ).
INVALID = {"ezkl_nanoGPT.onnx", "ezkl_random_forest.onnx"}


def add_tests():
    for path in sorted(oracle.CORPUS.rglob("*.onnx")):
        if path.name not in INVALID:
            setattr(FoldedTensors, f"test_{path.stem}", lambda self, path=path: self.check(path))


add_tests()

if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
