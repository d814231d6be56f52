"""What a proof says: the values of each slice's witness, beside those of ONNX Runtime.

A run of dsperse takes activations from the ONNX model and doesn't look at what the circuit computed: an operator
that the circuit computes otherwise is proven and verified all the same. The witness ends with the public values
(inputs, weights, then the slice's outputs, the scale's base and exponent), as field elements.

  witness.py WORK    of an `accept.py --work WORK` run: prints for each slice the largest difference (JSON)
"""
import ctypes
import ctypes.util
import json
import pathlib
import struct
import sys

import msgpack
import numpy as np


def decompress(data):
    """One Zstandard frame, whose size it needn't tell."""
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    size = max(1 << 20, 64 * len(data))
    while size < 1 << 33:
        out = ctypes.create_string_buffer(size)
        made = library.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
        if not library.ZSTD_isError(ctypes.c_size_t(made)):
            return ctypes.string_at(out, made)
        size *= 4
    raise ValueError("not a Zstandard frame, or one of more than 8 GiB")


def read(path):
    """The bytes of a witness, and how many numbers of it are private: committed to, a power of two."""
    data = decompress(pathlib.Path(path).read_bytes())
    witnesses, private, public = struct.unpack_from("<QQQ", data)
    if witnesses != 1 or len(data) != 56 + 32 * (private + public):
        raise ValueError(f"{path}: not one witness of {private} + {public} values")
    return data, private


def public_values(path):
    """The public values of a witness as signed whole numbers, and the fixed-point scale."""
    data, private = read(path)
    modulus = int.from_bytes(data[24:56], "little")
    start = 56 + 32 * private
    values = [int.from_bytes(data[i:i + 32], "little") for i in range(start, len(data), 32)]
    values = [v - modulus if v > modulus // 2 else v for v in values]
    return values[:-2], float(values[-2]) ** values[-1]


def activations(model, inputs, names):
    """The named values of the model, by ONNX Runtime."""
    import onnx
    import onnxruntime
    proto = onnx.load(model)
    declared = {o.name for o in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in declared)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else 1 for d in source.shape]
    feed = {source.name: np.array(inputs, dtype="float32").reshape(shape)}
    return dict(zip(names, session.run(list(names), feed)))


def compare(work, known=None):
    """For each proven slice: index, operators, largest |witness − ONNX Runtime| and largest |value|. Where `known` has all
    values by name, they are compared with instead."""
    work = pathlib.Path(work)
    import onnx
    slices = msgpack.unpackb((work / "slices" / "metadata.msgpack").read_bytes(), strict_map_key=False)["slices"]
    inputs = next(iter(msgpack.unpackb((work / "input.msgpack").read_bytes()).values()))
    witnesses = {s["index"]: work / "run" / f"slice_{s['index']}" / "witness.bin" for s in slices}
    proven = [s for s in slices if witnesses[s["index"]].is_file()]
    files = {s["index"]: onnx.load(work / "slices" / s["relative_path"], load_external_data=False) for s in proven}
    names = sorted({o.name for f in files.values() for o in f.graph.output})
    values = known if known and all(n in known for n in names) else activations(work / "slices" / "model.onnx", inputs, names)
    rows = []
    for s in proven:
        model = files[s["index"]]
        names = [o.name for o in model.graph.output]
        wanted = np.concatenate([values[n].ravel() for n in names]).astype(float)
        public, scale = public_values(witnesses[s["index"]])
        got = np.array(public[len(public) - wanted.size:], dtype=float) / scale
        difference = np.abs(got - wanted)
        off = ~(difference <= 1e-3 * max(1.0, float(np.abs(wanted).max())))
        rows.append({
            "index": s["index"],
            "operators": sorted({n.op_type for n in model.graph.node}),
            "elements": int(wanted.size),
            "wrong": int(np.sum(off)),
            "wrong_outputs": [n for n, part in zip(names, np.split(off, np.cumsum([values[n].size for n in names])[:-1])) if part.any()],
            "error": float(difference.max()),
            "largest": float(np.abs(wanted).max()),
        })
    return rows


if __name__ == "__main__":
    json.dump(compare(sys.argv[1]), sys.stdout, indent=1)
