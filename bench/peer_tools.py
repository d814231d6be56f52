#!/usr/bin/env python3
"""One optimizer of ONNX models on one file, as a program: peer_tools.py TOOL IN.onnx OUT. Run by bench/peers.py in
the tool's own Python environment, so that its process holds nothing else. `TOOL --version` prints versions."""
import importlib.metadata
import sys


def onnxruntime_basic(source, target):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = target
    options.log_severity_level = 3
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def onnxoptimizer(source, target):
    import onnx
    import onnxoptimizer as tool
    onnx.save(tool.optimize(onnx.load(source), tool.get_fuse_and_elimination_passes(), True), target)


def onnxsim(source, target):
    import onnx
    import onnxsim as tool
    model, checked = tool.simplify(onnx.load(source))
    if not checked:
        raise SystemExit("onnxsim: its own check of the result failed")
    onnx.save(model, target)


def onnxslim(source, target):
    import onnxslim as tool
    tool.slim(source, target)


def dsperse_slice(source, target):
    import dsperse
    dsperse.slice_model(source, target)


TOOLS = {"onnxruntime": onnxruntime_basic, "onnxoptimizer": onnxoptimizer, "onnxsim": onnxsim, "onnxslim": onnxslim,
         "dsperse": dsperse_slice}


def main():
    tool = sys.argv[1]
    if sys.argv[2] == "--version":
        print(importlib.metadata.version(tool))
        return
    TOOLS[tool](sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    # No module of this folder is to be taken for one of theirs.
    sys.path.pop(0)
    main()
