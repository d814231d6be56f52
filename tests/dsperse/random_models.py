"""Small random computations out of what is lowered for DSperse's prover, and a model that holds several side by side.

A node is kept if all its values stay small and don't hang on the last digits of what it reads: what a witness says
otherwise is no matter of rounding.
"""
import dataclasses
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper, reference

from random_recipes import RECIPES

LARGEST = 900.0  # the default of --activation-range is 1,000
MOST_ELEMENTS = 48
RESOLUTION = 2.0 ** -18
SHAPES = [(1, 4, 3, 4), (1, 2, 4, 4), (2, 2, 3, 3), (1, 2, 6, 4), (1, 1, 4, 4), (1, 4, 6), (1, 8), (3, 8), (2, 6), (2, 3, 4), (1, 2, 3, 4),
          (1, 4, 1, 1), (6,), (1, 1), (1, 1, 8), (4, 1, 3), (3, 1, 2, 2)]


@dataclasses.dataclass
class Case:
    """Nodes over `starts` (parts of the model's input) and constants. `values` holds what each name is."""
    name: str
    opset: int
    starts: dict = dataclasses.field(default_factory=dict)
    nodes: list = dataclasses.field(default_factory=list)
    constants: dict = dataclasses.field(default_factory=dict)
    values: dict = dataclasses.field(default_factory=dict)

    def outputs(self):
        """What nobody reads, and nodes make."""
        read = {i for n in self.nodes for i in n.input}
        return [o for n in self.nodes for o in n.output if o not in read]

    def without(self, index):
        """The same with the results of one node given, or None where nothing is left."""
        gone = self.nodes[index]
        nodes = [n for n in self.nodes if n is not gone]
        read = {i for n in nodes for i in n.input}
        if not nodes:
            return None
        starts = {s: v for s, v in {**self.starts, **{o: self.values[o] for o in gone.output}}.items() if s in read}
        if not starts or any(self.values[s].dtype != np.float32 for s in starts):
            return None
        constants = {c: v for c, v in self.constants.items() if c in read}
        return dataclasses.replace(self, starts=starts, nodes=nodes, constants=constants)

    def text(self):
        lines = [f"{self.name}, opset {self.opset}: " + ", ".join(f"{s}{list(v.shape)} ≤ {np.abs(v).max():g}" for s, v in self.starts.items())]
        for node in self.nodes:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name != "value"}
            read = []
            for i in node.input:
                v = self.values.get(i)
                constant = i in self.constants or any(i in n.output and n.op_type == "Constant" for n in self.nodes)
                read.append(f"{i} = {np.array2string(v, precision=4, threshold=12, separator=',')}".replace("\n", "") + str(list(v.shape)) if constant else i)
            made = ", ".join(f"{o}{list(self.values[o].shape)} ≤ {np.abs(self.values[o]).max():g}" for o in node.output)
            lines.append(f"  {made} = {node.op_type}({', '.join(read)}) {attributes or ''}")
        return "\n".join(lines)


class Grower:
    """What recipes are given: draws, makes constants, and adds nodes."""

    def __init__(self, name, seed):
        self.random = np.random.default_rng(seed)
        self.case = Case(name, int(self.random.choice([11, 13, 17, 18, 20, 20, 20, 21])))
        self.opset = self.case.opset
        self.noisy = {}
        self.order = []  # values that may be read

    def choice(self, options):
        return options[int(self.random.integers(len(options)))]

    def chance(self, p):
        return self.random.random() < p

    def number(self):
        """A float32 of some magnitude."""
        return np.float32(self.choice([1, -1, 2, -2, 0.5, -0.5, 0.25, 3, 0.1, -0.3, 7, 0.7071, 1.5, -1.25, 10, 0.02]))

    def floats(self, *shape):
        """Weights: spread, or all of one value, or whole."""
        kind = self.random.random()
        if kind < 0.08:
            return np.zeros(shape, "float32")
        if kind < 0.16:
            return np.full(shape, self.number(), "float32")
        if kind < 0.22:
            return self.random.integers(-3, 4, shape).astype("float32")
        return (self.random.standard_normal(shape) * self.choice([0.05, 0.3, 0.3, 1, 3])).astype("float32")

    def start(self, shape=None):
        shape = shape or self.choice(SHAPES)
        size = self.choice([0.5, 1, 1, 4, 4, 30, 200])
        value = ((self.random.random(shape) * 2 - 1) * size).astype("float32")
        if self.chance(0.15):
            value = np.round(value)
        name = f"{self.case.name}_x{len(self.case.starts)}"
        self.case.starts[name] = self.case.values[name] = value
        self.noisy[name] = value.astype("float64")
        self.order.append(name)
        return name

    def constant(self, value):
        """An initializer or a Constant, at times one that is there already."""
        value = np.asarray(value)
        for name, other in self.case.constants.items():
            if other.dtype == value.dtype and other.shape == value.shape and self.chance(0.4):
                if value.dtype == np.float32 or np.array_equal(other, value):
                    return name
        name = f"{self.case.name}_c{len(self.case.values)}"
        self.case.values[name] = value
        if self.chance(0.2):
            self.case.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name)))
        else:
            self.case.constants[name] = value
        self.noisy[name] = value
        return name

    def read(self, test=lambda v: True):
        """A value to read: mostly a late one."""
        names = [n for n in self.order if test(self.case.values[n])]
        if not names:
            return None
        return names[-1] if self.chance(0.7) else self.choice(names)

    def value(self, name):
        return self.case.values[name]

    def add(self, op, inputs, outputs=1, /, **attributes):
        """The results of a node, or None where it isn't kept."""
        if any(i is None for i in inputs):
            return None
        made = [f"{self.case.name}_v{len(self.case.values)}_{k}" for k in range(outputs)]
        node = helper.make_node(op, inputs, made, name=f"{made[0]}_node", **{k: v for k, v in attributes.items() if v is not None})
        read = [i for i in inputs if i]
        exact = evaluate(node, {i: self.case.values[i] for i in read}, self.opset)
        if exact is None:
            return None
        noisy = evaluate(node, {i: np.asarray(self.noisy[i]).astype(self.case.values[i].dtype) for i in read}, self.opset)
        for v, w in zip(exact, noisy or [None] * len(exact)):
            if w is None or v.dtype != np.float32 or not 1 <= v.size <= MOST_ELEMENTS or v.ndim > 5:
                return None
            largest = float(np.abs(v).max())
            if not largest <= LARGEST or v.shape != w.shape or not np.abs(v - w).max() <= 1e-4 * max(largest, 0.1):
                return None
        for name, v, w in zip(made, exact, noisy):
            self.case.values[name] = v
            self.noisy[name] = w + ((self.random.random(v.shape) * 2 - 1) * 4 * RESOLUTION)
            self.order.append(name)
        self.case.nodes.append(node)
        return made if outputs > 1 else made[0]


def evaluate(node, inputs, opset):
    """The results by ONNX's reference implementation, or None."""
    known = {n: v for n, v in inputs.items() if v.dtype == np.int64 or node.op_type == "Resize" and n != node.input[0]}  # shapes hang on these
    inputs = {n: v for n, v in inputs.items() if n not in known}
    graph = helper.make_graph([node], "one", [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
                                              for n, v in inputs.items()],
                              [helper.make_empty_tensor_value_info(o) for o in node.output],
                              [numpy_helper.from_array(v, n) for n, v in known.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = [np.asarray(v) for v in reference.ReferenceEvaluator(model).run(None, inputs)]
    except Exception:  # whatever it can't do is not wanted
        return None
    for v, o in zip(results, inferred.graph.output):
        if [d.dim_value for d in o.type.tensor_type.shape.dim] != list(v.shape):
            return None
    return results


def grow(name, seed, only=None):
    """A case of one to eight recipes, mostly few; `only` names those to draw from."""
    g = Grower(name, seed)
    recipes = [r for r in RECIPES if only is None or r.__name__ in only]
    g.start()
    if g.chance(0.2):
        g.start(g.choice(SHAPES) if g.chance(0.3) else g.value(g.order[0]).shape)
    wanted, tries = 1 + int(g.random.integers(g.random.integers(1, 9))), 0
    made = 0
    while made < wanted and tries < 60:
        tries += 1
        made += g.choice(recipes)(g) is not None
    read = {i for n in g.case.nodes for i in n.input}
    g.case.nodes = [n for n in g.case.nodes if n.op_type != "Constant" or n.output[0] in read]
    g.case.constants = {n: v for n, v in g.case.constants.items() if n in read}
    g.case.starts = {n: v for n, v in g.case.starts.items() if n in read}
    return g.case if g.case.outputs() and g.case.starts else None


def build(cases):
    """The model, its input, and the names behind which each case has a slice of its own."""
    starts = {s: v for case in cases for s, v in case.starts.items()}
    total = sum(v.size for v in starts.values())
    nodes, initializers, outputs, cuts = [], [], [], []
    opset = cases[0].opset
    flat = [f"{s}_flat" for s in starts]
    sizes = [v.size for v in starts.values()]
    if len(starts) == 1:
        nodes.append(helper.make_node("Identity", ["input"], flat))
    elif opset < 13:
        nodes.append(helper.make_node("Split", ["input"], flat, axis=1, split=sizes))
    else:
        initializers.append(numpy_helper.from_array(np.array(sizes), "sizes"))
        nodes.append(helper.make_node("Split", ["input", "sizes"], flat, axis=1))
    for s, v in starts.items():
        initializers.append(numpy_helper.from_array(np.array(v.shape), f"{s}_shape"))
        nodes.append(helper.make_node("Reshape", [f"{s}_flat", f"{s}_shape"], [f"{s}_negative"]))
        nodes.append(helper.make_node("Neg", [f"{s}_negative"], [s]))  # or views of it would be joined with the Reshape
    cuts += list(starts)
    for case in cases:
        nodes += case.nodes
        initializers += [numpy_helper.from_array(v, n) for n, v in case.constants.items()]
        outputs += case.outputs()
        cuts += case.outputs()
    graph = helper.make_graph(nodes, "random", [helper.make_tensor_value_info("input", 1, [1, total])],
                              [helper.make_tensor_value_info(o, 1, None) for o in outputs], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    values = np.concatenate([-v.ravel() for v in starts.values()])
    return onnx.shape_inference.infer_shapes(model, strict_mode=True), values, cuts
