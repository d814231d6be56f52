"""The steps of random_models: each draws an operator with operands and attributes and adds it (None where it can't)."""
import numpy as np


def rank(*ranks):
    return lambda v: v.ndim in ranks


def ints(values):
    return np.array(values, "int64")


def axes_of(g, v, most=None):
    """Some axes, at times counted from behind."""
    count = 1 + int(g.random.integers(min(v.ndim, most or v.ndim))) if v.ndim else 0
    axes = sorted(int(a) for a in g.random.permutation(v.ndim)[:count])
    return [a - v.ndim if g.chance(0.3) else a for a in axes]


def beside(g, shape):
    """A shape that broadcasts with another: fewer axes, ones, at times more axes."""
    shape = list(shape)
    kind = g.random.random()
    if kind < 0.2:
        return []
    if kind < 0.3:
        return [1] * int(g.random.integers(1, len(shape) + 1)) if shape else [1]
    out = [d if g.chance(0.6) else 1 for d in shape]
    out = out[int(g.random.integers(len(out))):] if out and g.chance(0.4) else out
    if kind > 0.92:
        out = [int(g.choice([1, 2]))] + [1] * (len(shape) - len(out)) + out
    return out


def conv(g):
    x = g.read(rank(3, 4))
    if x is None:
        return None
    v = g.value(x)
    axes, channels = v.ndim - 2, v.shape[1]
    groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0]) if g.chance(0.35) else 1
    made = groups * g.choice([1, 1, 2, 3])
    kernel = [int(g.random.integers(1, 4)) for _ in range(axes)]
    w = g.constant(g.floats(made, channels // groups, *kernel))
    inputs = [x, w] + ([g.constant(g.floats(made))] if g.chance(0.6) else [])
    attributes = {"group": groups if groups > 1 or g.chance(0.3) else None, "kernel_shape": kernel if g.chance(0.5) else None,
                  "strides": [int(g.random.integers(1, 4)) for _ in range(axes)] if g.chance(0.5) else None,
                  "dilations": [int(g.random.integers(1, 3)) for _ in range(axes)] if g.chance(0.3) else None}
    if g.chance(0.2):
        attributes["auto_pad"] = g.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    elif g.chance(0.6):
        attributes["pads"] = [int(g.random.integers(0, 3)) for _ in range(2 * axes)]
    return g.add("Conv", inputs, **attributes)


def conv_transpose(g):
    x = g.read(rank(3, 4))
    if x is None:
        return None
    v = g.value(x)
    axes, channels = v.ndim - 2, v.shape[1]
    groups = channels if g.chance(0.15) else 1
    made = g.choice([1, 2, 3])
    kernel = [int(g.random.integers(1, 4)) for _ in range(axes)]
    inputs = [x, g.constant(g.floats(channels, made, *kernel))] + ([g.constant(g.floats(made * groups))] if g.chance(0.5) else [])
    strides = [int(g.random.integers(1, 3)) for _ in range(axes)]
    attributes = {"group": groups if groups > 1 else None, "kernel_shape": kernel if g.chance(0.5) else None, "strides": strides if g.chance(0.7) else None,
                  "dilations": [int(g.random.integers(1, 3)) for _ in range(axes)] if g.chance(0.2) else None,
                  "pads": [int(g.random.integers(0, 2)) for _ in range(2 * axes)] if g.chance(0.5) else None,
                  "output_padding": [s - 1 for s in strides] if g.chance(0.2) else None}
    return g.add("ConvTranspose", inputs, **attributes)


def gemm(g):
    x = g.read(rank(2))
    if x is None:
        return None
    v = g.value(x)
    trans_a, trans_b = g.chance(0.2), g.chance(0.5)
    m, k = v.shape[::-1] if trans_a else v.shape
    n = int(g.random.integers(1, 6))
    w = g.floats(n, k) if trans_b else g.floats(k, n)
    inputs = [x, g.constant(w)]
    if g.chance(0.75):
        c = g.choice([[n], [n], [1, n], [m, n], [m, 1], [], [1]])
        inputs.append(g.constant(g.floats(*c)) if g.chance(0.85) else g.read(lambda u: list(u.shape) == c) or g.constant(g.floats(*c)))
    return g.add("Gemm", inputs, transA=int(trans_a) or None, transB=int(trans_b) or None, alpha=float(g.number()) if g.chance(0.3) else None,
                 beta=float(g.number()) if g.chance(0.3) else None)


def matmul(g):
    x = g.read(lambda v: v.ndim >= 1)
    if x is None:
        return None
    v = g.value(x)
    n, k = int(g.random.integers(1, 5)), v.shape[-1]
    kind = g.random.random()
    if kind < 0.45:
        shape = [k, n]
        if v.ndim > 2 and g.chance(0.25):
            shape = list(v.shape[:-2]) + shape
        elif g.chance(0.1):
            shape = [int(g.choice([1, 2]))] + shape
        return g.add("MatMul", [x, g.constant(g.floats(*shape))])
    if kind < 0.6 and v.ndim >= 2:
        return g.add("MatMul", [g.constant(g.floats(n, v.shape[-2])), x])
    if kind < 0.85 and v.ndim >= 2:
        perm = list(range(v.ndim - 2)) + [v.ndim - 1, v.ndim - 2]
        turned = g.add("Transpose", [x], perm=perm)
        return g.add("MatMul", [x, turned] if g.chance(0.5) else [turned, x])
    y = g.read(lambda u: u.ndim >= 2 and u.shape[-2] == k)
    return g.add("MatMul", [x, y])


def arithmetic(g):
    """Two operands, one of them constant or both computed."""
    x = g.read()
    v = g.value(x)
    op = g.choice(["Add", "Add", "Sub", "Mul", "Mul", "Div", "Max", "Min", "Sum", "Mean"])
    kind = g.random.random()
    if kind < 0.55:
        value = g.floats(*beside(g, v.shape))
        if op == "Div" and g.chance(0.9):
            value = np.where(np.abs(value) < 0.01, 1, value).astype("float32")
        operands = [x, g.constant(value)]
    else:
        y = g.read(lambda u: u.shape == v.shape or u.ndim <= v.ndim and all(a == b or 1 in (a, b) for a, b in zip(u.shape[::-1], v.shape[::-1])))
        operands = [x, y]
    if g.chance(0.3):
        operands.reverse()
    if op in ("Max", "Min", "Sum", "Mean") and g.chance(0.25):
        operands = operands + [g.read(lambda u: u.shape == v.shape)] if g.chance(0.7) else operands[:1]
    return g.add(op, operands)


def activation(g):
    x = g.read()
    op = g.choice(["Relu", "Relu", "LeakyRelu", "PRelu", "Clip", "Clip", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Abs", "Neg", "Gelu", "Elu", "Selu",
                   "Softplus", "Softsign", "ThresholdedRelu", "Celu", "Mish"])
    since = {"HardSwish": 14, "Gelu": 20, "Mish": 18, "Celu": 12}
    if g.opset < since.get(op, 1):
        return None
    if op == "PRelu":
        return g.add(op, [x, g.constant(g.floats(*beside(g, g.value(x).shape)))])
    if op == "Clip":
        low, high = sorted(float(g.number()) for _ in range(2))
        ends = [g.constant(np.float32(e)) if g.chance(0.75) else "" for e in (low, high)]
        return g.add(op, [x] + ends) if any(ends) else None
    attributes = {"LeakyRelu": {"alpha": float(g.choice([0.01, 0.2, 0.5, 1.5, -0.2]))}, "HardSigmoid": {"alpha": 0.3, "beta": float(g.choice([0.5, 0.2, -0.4]))},
                  "Gelu": {"approximate": g.choice(["none", "tanh"])}, "Elu": {"alpha": 0.7}, "ThresholdedRelu": {"alpha": 0.4}}.get(op, {})
    return g.add(op, [x], **(attributes if g.chance(0.8) else {}))


def function(g):
    op = g.choice(["Exp", "Log", "Sqrt", "Erf", "Pow", "Pow", "Pow", "Reciprocal", "Sin", "Cos", "Floor", "Sign", "Softmax", "Softmax", "LogSoftmax"])
    x = g.read((lambda v: v.min() > 0) if op in ("Log", "Sqrt") and g.chance(0.7) else (lambda v: v.ndim > 0))
    if x is None:
        return None
    if op == "Pow":
        return g.add(op, [x, g.constant(np.float32(g.choice([2, 2, 3, 4, 0.5, 5, 1, 0, 1.5, -1])).reshape(g.choice([(), (), (1,)])))])
    if op in ("Softmax", "LogSoftmax"):
        return g.add(op, [x], axis=int(g.random.integers(-g.value(x).ndim, g.value(x).ndim)) if g.chance(0.6) else None)
    return g.add(op, [x])


def sigmoid_gate(g):
    x = g.read()
    return g.add("Mul", [x, g.add("Sigmoid", [x])])


def pool(g):
    x = g.read(rank(3, 4))
    if x is None:
        return None
    axes = g.value(x).ndim - 2
    op = g.choice(["MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])
    if op.startswith("Global"):
        return g.add(op, [x])
    kernel = [int(g.random.integers(1, 4)) for _ in range(axes)]
    attributes = {"kernel_shape": kernel, "strides": g.choice([kernel, [1] * axes, [2] * axes]) if g.chance(0.8) else None}
    if g.chance(0.15):
        attributes["auto_pad"] = g.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    elif g.chance(0.4):
        attributes["pads"] = [int(g.random.integers(0, k)) for k in kernel * 2]
    attributes["ceil_mode"] = 1 if g.chance(0.15) else None
    if op == "AveragePool":
        attributes["count_include_pad"] = 1 if g.chance(0.3) else None
    if op == "MaxPool" and g.chance(0.1):
        attributes["dilations"] = [int(g.random.integers(1, 3)) for _ in range(axes)]
    return g.add(op, [x], **attributes)


def reduce(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    op = g.choice(["ReduceSum", "ReduceSum", "ReduceMean", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceL1", "ReduceSumSquare", "ReduceProd"])
    axes = axes_of(g, g.value(x)) if g.chance(0.9) else None
    keep = g.choice([None, 0, 1])
    if g.opset >= (13 if op == "ReduceSum" else 18):
        return g.add(op, [x] + ([g.constant(ints(axes))] if axes else []), keepdims=keep)
    return g.add(op, [x], axes=axes, keepdims=keep)


def normalize(g):
    x = g.read(lambda v: v.ndim >= 2)
    if x is None:
        return None
    v = g.value(x)
    epsilon = float(g.choice([1e-5, 1e-5, 1e-3, 1e-2]))
    if g.opset >= 17 and g.chance(0.55):
        axis = int(g.random.integers(1, v.ndim)) if g.chance(0.3) else v.ndim - 1
        shape = v.shape[axis:]
        return g.add("LayerNormalization", [x, g.constant(g.floats(*shape))] + ([g.constant(g.floats(*shape))] if g.chance(0.8) else []),
                     axis=axis - v.ndim if g.chance(0.5) else axis, epsilon=epsilon)
    c = v.shape[1]
    if g.chance(0.2):
        return g.add("InstanceNormalization", [x, g.constant(g.floats(c)), g.constant(g.floats(c))], epsilon=epsilon)
    return g.add("BatchNormalization", [x, g.constant(g.floats(c)), g.constant(g.floats(c)), g.constant(g.floats(c)),
                                        g.constant(np.abs(g.floats(c)) + np.float32(0.1))], epsilon=epsilon)


def join(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    v = g.value(x)
    axis = int(g.random.integers(v.ndim))
    others = lambda u: u.ndim == v.ndim and all(a == b for i, (a, b) in enumerate(zip(u.shape, v.shape)) if i != axis)
    parts = [x] + [g.read(others) for _ in range(int(g.random.integers(1, 3)))]
    if g.chance(0.25):
        parts.append(g.constant(g.floats(*[2 if i == axis else d for i, d in enumerate(v.shape)])))
    g.random.shuffle(parts)
    return g.add("Concat", [str(p) for p in parts], axis=axis - v.ndim if g.chance(0.3) else axis)


def split(g):
    x = g.read(lambda v: v.ndim > 0 and max(v.shape) > 1)
    if x is None:
        return None
    v = g.value(x)
    axis = g.choice([i for i, d in enumerate(v.shape) if d > 1])
    first = int(g.random.integers(1, v.shape[axis]))
    sizes = [first, v.shape[axis] - first]
    given = axis - v.ndim if g.chance(0.3) else axis
    if g.opset >= 13:
        return g.add("Split", [x, g.constant(ints(sizes))], 2, axis=given)
    return g.add("Split", [x], 2, axis=given, split=sizes)


def part(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    v = g.value(x)
    if g.chance(0.4):
        axis = int(g.random.integers(-v.ndim, v.ndim))
        size = v.shape[axis]
        shape = g.choice([(), (1,), (2,), (3,), (2, 2)])
        return g.add("Gather", [x, g.constant(g.random.integers(-size if g.chance(0.2) else 0, size, shape))], axis=axis if axis or g.chance(0.5) else None)
    axes = axes_of(g, v)
    starts, ends, steps = [], [], []
    for a in axes:
        d = v.shape[a]
        s = int(g.random.integers(d))
        e = int(g.random.integers(s + 1, d + 1))
        step = int(g.choice([1, 1, 1, 2, -1]))
        if step < 0:
            s, e = e - 1, (s - 1 if s > 0 else -d - 1)
        elif g.chance(0.2):
            s, e = s - d, 1 << 31
        starts.append(s), ends.append(e), steps.append(step)
    inputs = [x, g.constant(ints(starts)), g.constant(ints(ends)), g.constant(ints(axes))]
    return g.add("Slice", inputs + ([g.constant(ints(steps))] if any(s != 1 for s in steps) or g.chance(0.2) else []))


def pad(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    v = g.value(x)
    pads = g.random.integers(-1 if g.chance(0.1) else 0, 2, 2 * v.ndim)
    mode = g.choice(["constant"] * 5 + ["edge"])
    inputs = [x, g.constant(ints(pads))] + ([g.constant(np.float32(g.choice([0, 0, 1.5])))] if g.chance(0.5) else [])
    return g.add("Pad", inputs, mode=mode if mode != "constant" else None)


def turn(g):
    x = g.read(lambda v: v.ndim > 1)
    if x is None:
        return None
    return g.add("Transpose", [x], perm=[int(p) for p in g.random.permutation(g.value(x).ndim)] if g.chance(0.85) else None)


def reshape(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    v = g.value(x)
    kind = g.random.random()
    if kind < 0.2:
        return g.add("Flatten", [x], axis=int(g.random.integers(0, v.ndim + 1)) if g.chance(0.6) else None)
    dims, rest = [], v.size
    for _ in range(int(g.random.integers(0, 4))):
        d = g.choice([d for d in range(1, rest + 1) if rest % d == 0])
        dims.append(d)
        rest //= d
    dims.append(rest)
    if v.ndim > 1 and g.chance(0.3):
        dims = [v.shape[0]] + [v.size // v.shape[0]]
    dims = [int(d) for d in dims]
    if g.chance(0.3):
        dims[int(g.random.integers(len(dims)))] = -1
    if g.chance(0.2) and dims[0] == v.shape[0]:
        dims[0] = 0
    return g.add("Reshape", [x, g.constant(ints(dims))])


def axes_of_one(g):
    if g.chance(0.5):
        x = g.read(lambda v: 1 in v.shape)
        if x is None:
            return None
        axes = [i for i, d in enumerate(g.value(x).shape) if d == 1 and g.chance(0.7)]
        if not axes:
            return g.add("Squeeze", [x])
        return g.add("Squeeze", [x, g.constant(ints(axes))]) if g.opset >= 13 else g.add("Squeeze", [x], axes=axes)
    x = g.read(lambda v: v.ndim < 4)
    if x is None:
        return None
    axes = sorted({int(g.random.integers(0, g.value(x).ndim + 1))})
    return g.add("Unsqueeze", [x, g.constant(ints(axes))]) if g.opset >= 13 else g.add("Unsqueeze", [x], axes=axes)


def widen(g):
    x = g.read(lambda v: v.ndim > 0)
    if x is None:
        return None
    v = g.value(x)
    kind = g.random.random()
    if kind < 0.4:
        shape = [d if d > 1 else int(g.choice([1, 2, 3])) for d in v.shape]
        return g.add("Expand", [x, g.constant(ints([int(g.choice([1, 2]))] * int(g.chance(0.2)) + shape))])
    if kind < 0.6:
        return g.add("Tile", [x, g.constant(g.random.integers(1, 3, v.ndim))])
    if v.ndim != 4:
        return None
    if kind < 0.7:
        return g.add(g.choice(["DepthToSpace", "SpaceToDepth"]), [x], blocksize=2)
    scales = np.array([1, 1] + [g.choice([1, 2, 2, 3, 0.5]) for _ in range(2)], "float32")
    attributes = {"mode": g.choice(["nearest", "nearest", "linear"]), "coordinate_transformation_mode": g.choice([None, "asymmetric", "half_pixel", "align_corners"]),
                  "nearest_mode": g.choice([None, "floor", "round_prefer_ceil"])}
    if g.chance(0.5):
        return g.add("Resize", [x, "", "", g.constant(ints([int(s * d) for s, d in zip(scales, v.shape)]))] if g.opset >= 13 else
                     [x, g.constant(np.zeros(0, "float32")), g.constant(np.zeros(0, "float32")), g.constant(ints([int(s * d) for s, d in zip(scales, v.shape)]))],
                     **attributes)
    return g.add("Resize", [x, "" if g.opset >= 13 else g.constant(np.zeros(0, "float32")), g.constant(scales)], **attributes)


def same(g):
    op = g.choice(["Identity", "Cast", "Where", "Dropout"])
    x = g.read()
    if op == "Cast":
        return g.add(op, [x], to=1)
    if op == "Where":
        v = g.value(x)
        y = g.read(lambda u: u.shape == v.shape)
        condition = g.random.random(v.shape) < 0.5
        return g.add(op, [g.constant(condition), x, y if y != x else g.constant(g.floats(*v.shape))])
    return g.add(op, [x])


def attention(g):
    x = g.read(lambda v: v.ndim in (2, 3) and v.shape[-1] > 1)
    if x is None:
        return None
    k = g.value(x).shape[-1]
    q, key, value = (g.add("MatMul", [x, g.constant((g.random.standard_normal((k, 3)) * 0.3).astype("float32"))]) for _ in range(3))
    if None in (q, key, value):
        return None
    turned = g.add("Transpose", [key], perm=[1, 0] if g.value(key).ndim == 2 else [0, 2, 1])
    scores = g.add("MatMul", [q, turned])
    scaled = scores and g.add(*g.choice([("Mul", [scores, g.constant(np.float32(0.577))]), ("Div", [scores, g.constant(np.float32(1.732))])]))
    return scaled and g.add("MatMul", [g.add("Softmax", [scaled], axis=-1), value])


RECIPES = [conv, conv, conv, conv_transpose, gemm, gemm, gemm, matmul, matmul, arithmetic, arithmetic, arithmetic, arithmetic, activation, activation,
           function, sigmoid_gate, pool, pool, reduce, reduce, normalize, normalize, join, split, part, part, pad, turn, turn, reshape, reshape, axes_of_one,
           widen, same, attention]
