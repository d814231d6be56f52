"""What the comparing tests share: where things are, running our programs, running ONNX Runtime."""
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnxruntime

BIN = pathlib.Path(os.environ["DSPERSE_BIN_DIR"])
SHARED = pathlib.Path(os.environ["DSPERSE_SHARED_DIR"])
CORPUS = SHARED / "corpus"

# Largest difference of an output, relative to its largest element.
TOLERANCE = 1e-5


def run(*command, expect=(0,)):
    """Runs a program of ours; its exit status must be one of `expect`."""
    command = [str(part) for part in command]
    command[0] = str(BIN / command[0])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in expect:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def fold(model, out, *flags, expect=(0,)):
    return run("dsperse-slice", "fold", model, "-o", out, *flags, expect=expect)


def session(path):
    """ONNX Runtime, every optimisation off: the model's own nodes are run, one by one."""
    return open_session(str(path))


def session_of(model):
    """The same for a ModelProto in memory."""
    return open_session(model.SerializeToString())


def open_session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


def inputs(of, seed=0, batch=1):
    """Seeded inputs for a session; dimensions without a number become `batch`."""
    random = np.random.default_rng(seed)
    feeds = {}
    for value in of.get_inputs():
        shape = [dim if isinstance(dim, int) else batch for dim in value.shape]
        dtype = TYPES[value.type]
        if np.issubdtype(dtype, np.floating):
            feeds[value.name] = random.standard_normal(shape).astype(dtype)
        else:
            feeds[value.name] = random.integers(0, 2, shape).astype(dtype)
    return feeds


def difference(expected, actual):
    """Largest difference relative to the largest element of `expected`; infinite where NaN or inf differ."""
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return float("inf")
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], actual[~finite], equal_nan=expected.dtype.kind == "f"):
        return float("inf")
    if not finite.any():
        return 0.0
    wide = expected[finite].astype(np.float64)
    off = np.abs(wide - actual[finite].astype(np.float64)).max()
    if not np.isfinite(off):
        return float("inf")
    return off / max(np.abs(wide).max(), np.finfo(np.float64).tiny) if off else 0.0


def interface(model):
    """Names, types and shapes of the inputs that are not initializers, and of the outputs."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return ([value.SerializeToString(deterministic=True) for value in model.graph.input
             if value.name not in constants],
            [value.SerializeToString(deterministic=True) for value in model.graph.output])


def recording(model, results):
    """A model with the interface of `model` whose outputs are `results`, whatever goes in."""
    constants = {tensor.name for tensor in model.graph.initializer}
    held = [onnx.numpy_helper.from_array(value, f"recorded {name}") for name, value in results.items()]
    nodes = [onnx.helper.make_node("Identity", [f"recorded {name}"], [name]) for name in results]
    graph = onnx.helper.make_graph(
        nodes, "recording", [value for value in model.graph.input if value.name not in constants],
        list(model.graph.output), held)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def count(model, op_type):
    return sum(node.op_type == op_type for node in model.graph.node)


def weights(model):
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def attributes(node):
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
