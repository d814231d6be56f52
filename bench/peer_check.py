#!/usr/bin/env python3
"""peer_check.py ORIGINAL RESULT: counts of RESULT, and how near it is to ORIGINAL, as one JSON line. RESULT is a
model (run in the environment `peers` by bench/peers.py) or a folder of slices (in `dsperse`; then only counts: nodes
are those of the model that was cut, bytes those of all files).

  outputs  largest difference of an output, relative to its largest element, both run by ONNX Runtime without any
           optimisation on three seeded inputs
  words    of the weights of Conv that a BatchNormalization behind them was fused into, the share that equals the
           product in double precision, rounded once; null where no Conv can be matched. A BatchNormalization right
           between two Conv may join either, so those are left out"""
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def session(path):
    import onnxruntime  # not in every environment, and not needed for counts
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def outputs(original, result):
    runs = [session(original), session(result)]
    worst = 0.0
    for seed in range(3):
        random = np.random.default_rng(seed)
        feeds = {value.name: random.standard_normal([d if isinstance(d, int) else 1 for d in value.shape])
                 .astype(np.float32) for value in runs[0].get_inputs()}
        for expected, actual in zip(*(run.run(None, feeds) for run in runs)):
            scale = max(np.abs(expected).max(), np.finfo(np.float32).tiny)
            difference = np.abs(expected.astype(np.float64) - actual.astype(np.float64)).max() / scale
            worst = max(worst, float(difference)) if np.isfinite(difference) else float("inf")
    return worst


def fused_words(original, result):
    before, after = onnx.load(original).graph, onnx.load(result).graph
    old = {t.name: t for t in before.initializer}
    new = {t.name: t for t in after.initializer}
    readers, producers = {}, {name: node.op_type for node in before.node for name in node.output}
    for node in before.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    convs = [[n for n in graph.node if n.op_type == "Conv"] for graph in (before, after)]
    if len(convs[0]) != len(convs[1]):
        return None
    equal = words = 0
    for first, second in zip(*convs):
        norm = readers.get(first.output[0], [])
        if len(norm) != 1 or norm[0].op_type != "BatchNormalization" or first.input[1] not in old:
            continue
        behind = readers.get(norm[0].output[0], [])
        if producers.get(first.input[0], "") == "BatchNormalization" or (
                len(behind) == 1 and behind[0].op_type == "Conv"):
            continue
        if second.input[1] not in new:
            return None
        scale, _, _, variance = (numpy_helper.to_array(old[name]).astype(np.float64) for name in norm[0].input[1:5])
        epsilon = next((a.f for a in norm[0].attribute if a.name == "epsilon"), 1e-5)
        gain = scale / np.sqrt(variance + np.float64(np.float32(epsilon)))
        weight = numpy_helper.to_array(old[first.input[1]])
        want = (weight.astype(np.float64) * gain.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
        have = numpy_helper.to_array(new[second.input[1]])
        if have.shape != want.shape or np.array_equal(have, weight):
            continue  # not matched, or not fused
        equal += int((have.view(np.uint32) == want.view(np.uint32)).sum())
        words += want.size
    return equal / words if words else None


def counts(path):
    graph = onnx.load(path, load_external_data=False).graph
    return len(graph.node), sum(node.op_type == "BatchNormalization" for node in graph.node)


def main():
    original, result = map(pathlib.Path, sys.argv[1:])
    found = {}
    if result.is_dir():
        import msgpack
        metadata = msgpack.unpackb((result / "metadata.msgpack").read_bytes())
        found["slices"] = len(metadata["slices"])
        found["nodes"], found["norms"] = counts(result / "model.onnx")
        found["bytes"] = sum(path.stat().st_size for path in result.rglob("*") if path.is_file())
    else:
        found["nodes"], found["norms"] = counts(result)
        found["bytes"] = result.stat().st_size
        found["outputs"] = outputs(original, result)
        found["words"] = fused_words(original, result)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
