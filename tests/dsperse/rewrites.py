"""One small computation for each rewrite of the lowering, and a model that holds them side by side."""
import numpy as np
import onnx
from onnx import helper, numpy_helper

random = np.random.default_rng(7)


def weights(*shape):
    return (random.standard_normal(shape) / 4).astype("float32")


def scalar(value):
    return np.array(value, "float32")


def channels(*values):
    return np.array(values, "float32").reshape(1, -1, 1, 1)


# name: shape of its part of the input, nodes (op, inputs, attributes), where `x` is that part, a list chains and
# an array is an initializer.
IMAGE, ROWS = (1, 4, 4, 4), (2, 8)
CASES = {
    "relu": (IMAGE, [("Relu", ["x"], {})]),
    "abs": (IMAGE, [("Abs", ["x"], {})]),
    "prelu": (IMAGE, [("PRelu", ["x", weights(4, 1, 1)], {})]),
    "hard_sigmoid": (IMAGE, [("HardSigmoid", ["x"], {"alpha": 0.7, "beta": 0.4})]),
    "gelu": (IMAGE, [("Gelu", ["x"], {})]),
    "gelu_tanh": (IMAGE, [("Gelu", ["x"], {"approximate": "tanh"})]),
    "clip": (IMAGE, [("Clip", ["x", scalar(-0.25), scalar(0.5)], {})]),
    "pow_2": (IMAGE, [("Pow", ["x", scalar(2)], {})]),
    "pow_3": (IMAGE, [("Pow", ["x", scalar(3)], {})]),
    "div": (IMAGE, [("Div", ["x", scalar(2.5)], {})]),
    "mul_half": (IMAGE, [("Mul", ["x", scalar(0.5)], {})]),
    "mul_two": (IMAGE, [("Mul", ["x", scalar(2)], {})]),
    "mul_minus_one": (IMAGE, [("Mul", ["x", scalar(-1)], {})]),
    "mul_add": (IMAGE, [("Mul", ["x", scalar(0.3)], {}), ("Add", ["_", scalar(0.4)], {})]),
    "mul_channels": (IMAGE, [("Mul", ["x", channels(0.5, 1.5, -2, 0.3)], {})]),
    "mul_elements": (ROWS, [("Mul", ["x", weights(8)], {})]),
    "add_channels": (IMAGE, [("Add", ["x", channels(0.5, 1.5, -2, 0.3)], {})]),
    "subtract_from": (ROWS, [("Sub", [weights(8), "x"], {})]),
    "max": (ROWS, [("Max", ["x", scalar(0.2)], {})]),
    "min": (ROWS, [("Min", ["x", scalar(-0.2)], {})]),
    "concat": (ROWS, [("Concat", ["x", weights(1, 8)], {"axis": 0}), ("Mul", ["_", "_"], {})]),
    "batch_norm": (IMAGE, [("BatchNormalization", ["x", weights(4), weights(4), weights(4), abs(weights(4)) + 1], {})]),
    "conv_bare": (IMAGE, [("Conv", ["x", weights(4, 4, 3, 3)], {})]),
    "conv_same": (IMAGE, [("Conv", ["x", weights(4, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})]),
    "conv_depthwise": (IMAGE, [("Conv", ["x", weights(4, 1, 3, 3), weights(4)], {"group": 4, "pads": [1] * 4})]),
    "conv_dilated": (IMAGE, [("Conv", ["x", weights(2, 4, 2, 2)], {"dilations": [2, 2]})]),
    "conv_1d": ((1, 2, 8), [("Conv", ["x", weights(3, 2, 3), weights(3)], {"pads": [1, 1]})]),
    "conv_products": ((1, 16, 8, 8), [("Conv", ["x", weights(16, 16, 3, 3), weights(16)], {"pads": [1] * 4})]),
    "conv_points": ((1, 96, 4, 4), [("Conv", ["x", weights(8, 96, 1, 1), weights(8)], {})]),
    "gemm": (ROWS, [("Gemm", ["x", weights(8, 3)], {"alpha": 0.5})]),
    "matmul_add": ((1, 2, 8), [("MatMul", ["x", weights(8, 3)], {}), ("Add", ["_", weights(3)], {})]),
    "average_tiles": (IMAGE, [("AveragePool", ["x"], {"kernel_shape": [2, 2], "strides": [2, 2]})]),
    "average_overlaps": (IMAGE, [("AveragePool", ["x"], {"kernel_shape": [3, 3]})]),
    "global_average": (IMAGE, [("GlobalAveragePool", ["x"], {})]),
    "reduce_mean": (ROWS, [("ReduceMean", ["x", np.array([1])], {})]),
    "global_max": (IMAGE, [("GlobalMaxPool", ["x"], {})]),
    "pool_order": (IMAGE, [("Relu", ["x"], {}), ("MaxPool", ["_"], {"kernel_shape": [2, 2], "strides": [2, 2]})]),
    "sum": (IMAGE, [("Neg", ["x"], {}), ("Sum", ["_", "x", "x"], {})]),
    "scores": (ROWS, [("MatMul", ["x", weights(8, 4)], {}), ("MatMul", ["_", weights(4, 8)], {}), ("Transpose", ["_"], {"perm": [1, 0]}),
                      ("MatMul", ["x", "_"], {}), ("Mul", ["_", scalar(0.3)], {})]),
    "gelu_layers": ((1, 2, 8), [("MatMul", ["x", weights(8, 16)], {}), ("Gelu", ["_"], {}), ("MatMul", ["_", weights(16, 4)], {})]),
    "concat_features": ((1, 2, 8), [("Neg", ["x"], {}), ("Concat", ["x", "_"], {"axis": 2}), ("MatMul", ["_", weights(16, 3)], {})]),
    "mean_layer": ((1, 1, 32, 32), [("Relu", ["x"], {}), ("GlobalAveragePool", ["_"], {}), ("Conv", ["_", weights(8, 1, 1, 1)], {})]),
    # The compiler bounds a comparison by its first operand.
    "max_of_narrow": (ROWS, [("Sigmoid", ["x"], {}), ("Max", ["_", "x"], {})]),
    "min_of_narrow": (ROWS, [("Sigmoid", ["x"], {}), ("Min", ["_", "x"], {})]),
    "max_zero_first": (ROWS, [("Max", [scalar(0), "x"], {})]),
    # Its bounds pass 64 bits here; the values don't pass 20,000.
    "relu_layers": (ROWS, [step for _ in range(4) for step in (("MatMul", ["x" if _ == 0 else "_", 40 * weights(8, 8)], {}), ("Relu", ["_"], {}),
                                                               ("MatMul", ["_", weights(8, 8) / 40], {}))]),
    "max_wider": (ROWS, [("Mul", ["x", scalar(20)], {}), ("Max", ["x", "_"], {})]),
    "max_first": (ROWS, [("Max", [scalar(0.2), "x"], {})]),
    "min_zero_first": (ROWS, [("Min", [scalar(0), "x"], {}), ("Mul", ["x", "_"], {})]),
    "norm_epsilon": (ROWS, [("LayerNormalization", ["x", weights(8) + 1, weights(8)], {"epsilon": 1e-3})]),
    "norm_tiny_epsilon": (ROWS, [("LayerNormalization", ["x", weights(8) + 1, weights(8)], {"epsilon": 1e-12})]),
    "norm_one_constant": (ROWS, [("LayerNormalization", ["x", np.full(8, 0.75, "float32"), np.full(8, 0.75, "float32")], {})]),
    "bias_as_scale": ((1, 4, 2, 4), [("Conv", ["x", weights(4, 4, 1, 1), scalar([0.5, -1, 2, 3])], {}),
                                     ("LayerNormalization", ["_", scalar([0.5, -1, 2, 3]), weights(4)], {})]),
    "gemm_row": (ROWS, [("Gemm", ["x", weights(8, 3), weights(1, 3)], {})]),
    # It drops the first axis of what enters a slice, and gives a sum the shape of its first operand.
    "reshape_rows": (ROWS, [("Neg", ["x"], {}), ("Reshape", ["_", np.array([4, 4])], {}), ("Mul", ["_", "_"], {})]),
    "reshape_conv": (IMAGE, [("Conv", ["x", weights(4, 4, 3, 3)], {}), ("Reshape", ["_", np.array([1, 16])], {}), ("Mul", ["_", "_"], {})]),
    "smaller_first": (ROWS, [("Gather", ["x", np.array([1])], {"axis": 0}), ("Sub", ["_", "x"], {}), ("Reshape", ["_", np.array([4, 4])], {}),
                             ("Mul", ["_", "_"], {})]),
    "gather_from_behind": ((4, 4), [("Gather", ["x", np.array(2)], {"axis": -1}), ("Mul", ["_", "_"], {})]),
    "gemm_number": (ROWS, [("Gemm", ["x", weights(8, 3), scalar(0.3)], {})]),
}


def build(cases):
    """The model, and the names of the values behind which to cut."""
    nodes, initializers, outputs = [], [], []
    parts, sizes, shaped = [], [], []
    for name, (shape, steps) in cases.items():
        sizes.append(int(np.prod(shape)))
        parts.append(f"{name}_flat")
        initializers.append(numpy_helper.from_array(np.array(shape), f"{name}_shape"))
        nodes.append(helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [f"{name}_x"]))
        shaped.append(f"{name}_x")
    initializers.append(numpy_helper.from_array(np.array(sizes), "sizes"))
    nodes.insert(0, helper.make_node("Split", ["input", "sizes"], parts, axis=1))
    for name, (shape, steps) in cases.items():
        value = f"{name}_x"
        for i, (op, inputs, attributes) in enumerate(steps):
            read = []
            for j, source in enumerate(inputs):
                if isinstance(source, np.ndarray):
                    initializers.append(numpy_helper.from_array(source, f"{name}_{i}_{j}"))
                    read.append(f"{name}_{i}_{j}")
                else:
                    read.append(f"{name}_x" if source == "x" else value)
            made = f"{name}_y" if i + 1 == len(steps) else f"{name}_{i}"
            nodes.append(helper.make_node(op, read, [made], name=f"{name}_{i}", **attributes))
            value = made
        outputs.append(value)
    graph = helper.make_graph(
        nodes, "rewrites", [helper.make_tensor_value_info("input", 1, [1, sum(sizes)])],
        [helper.make_tensor_value_info(o, 1, None) for o in outputs], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True), shaped[-1:] + outputs[:-1]


def title(name):
    """What a case computes, for tables: `Mul` 0.3 · `Add` 0.4."""
    shape, steps = CASES[name]
    words = []
    for op, inputs, attributes in steps:
        constants = [i for i in inputs if isinstance(i, np.ndarray)]
        text = f"`{op}`"
        if constants and op not in ("Conv", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization"):
            text += " " + ", ".join(f"{c:g}" if c.ndim == 0 else f"[{','.join(map(str, c.shape))}]" for c in constants)
        text += "".join(f" {k}={v}" for k, v in attributes.items())
        words.append(text)
    return f"{' · '.join(words)} on {'×'.join(map(str, shape))} ({name})"
