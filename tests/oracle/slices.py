"""What the tests of slices directories share: making one, and judging it with programs that are not ours."""
import json
import pathlib

import msgpack
import numpy as np
import onnx
from onnx import numpy_helper

import oracle

# ONNX Runtime refuses these two as they are in the corpus: types of two inputs of a node differ.
INVALID = {"ezkl_nanoGPT", "ezkl_random_forest"}
# Classifiers whose one fully connected layer takes longer than all other models together.
LARGE = {"light_vgg19", "light_bvlc_alexnet", "light_zfnet512"}
BUILDER_FLAGS = ("--size", "32", "--width", "0.125")

ROOT_KEYS = ["original_model", "model_type", "input_shape", "output_shapes", "output_names", "slice_points", "slices",
             "traced_shapes", "traced_types", "original_model_path"]
SLICE_KEYS = ["index", "filename", "path", "relative_path", "shape", "dependencies", "compilation"]


def slice_model(model, directory, *flags, expect=(0,)):
    return oracle.run("dsperse-slice", "slice", model, "-o", directory, *flags, expect=expect)


def tree(directory):
    """Content of every file, by relative path."""
    return {str(path.relative_to(directory)): path.read_bytes()
            for path in sorted(pathlib.Path(directory).rglob("*")) if path.is_file()}


def builders():
    return oracle.run("make_model", "--list").stdout.split()


def layer_tensors(model, count=3):
    """Some tensors to cut behind: results of nodes of the main graph that stay nodes, spread over it."""
    graph = onnx.load(model).graph
    maker = {name: node for node in graph.node for name in node.output}
    # Constants become initializers, and what only made their sizes goes with them.
    kept, work = set(), [output.name for output in graph.output]
    while work:
        node = maker.get(work.pop())
        if node is None or node.output[0] in kept or node.op_type in ("Constant", "ConstantOfShape"):
            continue
        kept.add(node.output[0])
        work += node.input
    results = [node.output[0] for node in graph.node if node.output[0] in kept and node.op_type != "Identity"]
    step = max(1, len(results) // (count + 1))
    return results[step::step][:count]


class Slices:
    """A directory as MessagePack, JSON and ONNX's own reader see it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        raw = (self.directory / "metadata.msgpack").read_bytes()
        self.metadata = msgpack.unpackb(raw, strict_map_key=True)
        self.account = json.loads((self.directory / "slices.json").read_text())
        self.whole = onnx.load(self.directory / "model.onnx")
        self.models = [onnx.load(self.directory / part["relative_path"]) for part in self.metadata["slices"]]

    def check(self, test):
        self.check_metadata(test)
        self.check_plan(test)
        weights = {tensor.name: tensor.SerializeToString() for tensor in self.whole.graph.initializer}
        known = {node.name for node in self.whole.graph.node}
        for model in self.models:
            onnx.checker.check_model(model, full_check=True)
            for tensor in model.graph.initializer:
                if tensor.name in weights:
                    test.assertEqual(tensor.SerializeToString(), weights[tensor.name], tensor.name)
                else:  # what zeros of narrowed values are cut out and expanded by
                    readers = {node.op_type for node in model.graph.node if tensor.name in node.input}
                    test.assertLessEqual(readers, {"Reshape", "Slice", "Expand"}, tensor.name)
                    test.assertFalse(known & {node.name for node in model.graph.node if tensor.name in node.input})
        onnx.checker.check_model(self.whole, full_check=True)

    def check_metadata(self, test):
        metadata = self.metadata
        test.assertEqual(list(metadata), ROOT_KEYS)
        names = {tensor.name for tensor in self.whole.graph.initializer}
        inputs = [value for value in self.whole.graph.input if value.name not in names]
        test.assertEqual(metadata["input_shape"], [shape(value) for value in inputs])
        test.assertEqual(metadata["output_names"], [value.name for value in self.whole.graph.output])
        for index, (part, model) in enumerate(zip(metadata["slices"], self.models)):
            test.assertEqual(list(part), SLICE_KEYS)
            test.assertEqual(part["index"], index)
            test.assertEqual(part["compilation"], {})
            dependencies = part["dependencies"]
            test.assertEqual(list(dependencies), ["input", "output", "filtered_inputs"])
            test.assertEqual([value.name for value in model.graph.input], dependencies["filtered_inputs"])
            test.assertEqual([value.name for value in model.graph.output], dependencies["output"])
            test.assertEqual(set(dependencies["input"]) - set(dependencies["filtered_inputs"]),
                             {tensor.name for tensor in model.graph.initializer})
            test.assertEqual(part["shape"]["tensor_shape"], {"input": [shape(v) for v in model.graph.input],
                                                             "output": [shape(v) for v in model.graph.output]})
            for value in [*model.graph.input, *model.graph.output]:
                test.assertEqual(metadata["traced_shapes"][value.name], shape(value))
                test.assertEqual(metadata["traced_types"][value.name], value.type.tensor_type.elem_type)

            # The compiler looks up the shapes of what a slice makes there, lifts included.
            known = {name for node in self.whole.graph.node for name in node.output}
            for name in {name for node in model.graph.node for name in node.output} - known:
                test.assertIn(name, metadata["traced_shapes"])
                test.assertIn(name, metadata["traced_types"])

    def check_plan(self, test):
        """Together the slices are model.onnx, node by node, but for lifts and narrowings, and none reads what is made later."""
        parts = [unlifted(test, model, part, self.whole) for model, part in zip(self.models, self.account["slices"])]
        nodes = [node.SerializeToString(deterministic=True) for part in parts for node in part]
        test.assertEqual(nodes, [node.SerializeToString(deterministic=True) for node in self.whole.graph.node])
        begins = np.cumsum([0] + [len(part) for part in parts])
        test.assertEqual(self.metadata["slice_points"], begins[:-1].tolist())
        test.assertEqual([len(part["nodes"]) for part in self.account["slices"]], np.diff(begins).tolist())
        known = {value.name for value in self.whole.graph.input}
        for model in self.models:
            test.assertLessEqual({value.name for value in model.graph.input}, known)
            known |= {value.name for value in model.graph.output}
        test.assertLessEqual({value.name for value in self.whole.graph.output}, known)

    def check_chain(self, test):
        """ONNX Runtime gives bit for bit the same, slice by slice and as a whole."""
        whole = oracle.session(self.directory / "model.onnx")
        feeds = oracle.inputs(whole)
        names = [output.name for output in whole.get_outputs()]
        expected = whole.run(names, feeds)
        values = dict(feeds)
        for part in self.metadata["slices"]:
            session = oracle.session(self.directory / part["relative_path"])
            outputs = [output.name for output in session.get_outputs()]
            results = session.run(outputs, {value.name: values[value.name] for value in session.get_inputs()})
            values.update(zip(outputs, results))
        for name, want in zip(names, expected):
            test.assertEqual(want.tobytes(), values[name].tobytes(), name)


def unlifted(test, model, part, whole):
    """A slice's nodes as model.onnx, `whole`, holds them: without those that widen the bound of its inputs to 1 + 2^m, as
    slices.json says, by x - 2^m (x - x), and those that tell their shape, and without the zeros that narrowed values are
    compared with."""
    nodes = list(model.graph.node)
    source = {}
    for tensor in part["inputs"]:
        name = original = tensor["name"]
        bound = tensor.get("bound", 1)
        if nodes[0].op_type == "Expand" and nodes[0].output[0].startswith(name + "_shaped"):
            test.assertEqual(nodes[0].input[0], name)
            sizes = next(t for t in model.graph.initializer if t.name == nodes[0].input[1])
            value = next(v for v in model.graph.input if v.name == name)
            test.assertEqual(numpy_helper.to_array(sizes).tolist(), shape(value))
            name, nodes = nodes[0].output[0], nodes[1:]
            source[name] = original
        if bound == 1:
            continue
        doublings = int(bound - 1).bit_length() - 1
        test.assertEqual(bound, 1 + 2 ** doublings)
        lift, nodes = nodes[:doublings + 1], nodes[doublings + 1:]
        zero = lift[0].output[0]
        test.assertEqual((lift[0].op_type, list(lift[0].input)), ("Sub", [name, name]))
        for node in lift[1:-1]:
            test.assertEqual((node.op_type, list(node.input)), ("Add", [zero, zero]))
            zero = node.output[0]
        test.assertEqual((lift[-1].op_type, list(lift[-1].input)), ("Sub", [name, zero]))
        source[lift[-1].output[0]] = original
    narrowed = {value["name"]: value["bound"] for value in part.get("narrowed", [])}
    bounds = {}
    if narrowed:
        bounds, nodes = zeros(test, model, part["inputs"][0]["name"], nodes, max(narrowed.values()))
    originals = {node.output[0]: node for node in whole.graph.node}
    out = []
    for node in nodes:
        test.assertFalse(set(node.input) & (set(source.values()) - set(source)), node.name)
        if node.op_type == "Expand" and node.input[0] in bounds:
            bounds[node.output[0]] = bounds[node.input[0]]
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [source.get(name, name) for name in node.input]
        if node.input[0] in bounds:
            zero, value = copy.input
            test.assertEqual(bounds[zero], narrowed[value])
            original = originals[node.output[0]]
            copy.input[:] = [value if name == value else zero_constant(test, whole, name) for name in original.input]
            test.assertIn(value, copy.input)
        out.append(copy)
    return out


def zeros(test, model, name, nodes, most):
    """The bounds 2, 4, 8, … up to `most` of zeros made of an element of `name`, by their names, and the nodes behind them."""
    constants = {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer
                 if tensor.data_type == onnx.TensorProto.INT64}
    flat, element, zero = nodes[:3]
    test.assertEqual((flat.op_type, flat.input[0], constants[flat.input[1]]), ("Reshape", name, [-1]))
    test.assertEqual((element.op_type, element.input[0], [constants[i] for i in element.input[1:]]),
                     ("Slice", flat.output[0], [[0], [1]]))
    test.assertEqual((zero.op_type, list(zero.input)), ("Sub", [element.output[0]] * 2))
    bounds, bound, nodes = {zero.output[0]: 2}, 2, nodes[3:]
    while bound < most:
        twice, nodes = nodes[0], nodes[1:]
        test.assertEqual((twice.op_type, list(twice.input)), ("Add", [zero.output[0]] * 2))
        bound, zero = 2 * bound, twice
        bounds[zero.output[0]] = bound
    return bounds, nodes


def zero_constant(test, whole, name):
    """`name`, a constant of zeros of `whole`."""
    constant = next(tensor for tensor in whole.graph.initializer if tensor.name == name)
    test.assertFalse(numpy_helper.to_array(constant).any(), name)
    return name


def shape(value):
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def judge(test, model, directory, policy, *flags):
    """Slices `model` with `policy`; ONNX's checker, ONNX Runtime and our interpreter must all agree."""
    if policy == "points":
        tensors = layer_tensors(model)
        if not tensors:
            return  # a single node
        flags = (*flags, "--no-fold", "--cut", ",".join(tensors))
    slice_model(model, directory, "--policy", policy, *flags)
    slices = Slices(directory)
    slices.check(test)
    slices.check_chain(test)
    oracle.run("dsperse-slice", "verify", model, directory, "--samples", "1")


def add_tests(case, policies, corpus, networks):
    """A test of `case` for every model of the corpus and every builder that is asked for, with all policies."""
    def body(self, path, flags):
        for policy in policies:
            with self.subTest(policy):
                judge(self, path(self), self.folder / policy, policy, *flags)

    for path in sorted(oracle.CORPUS.rglob("*.onnx")):
        if corpus(path.stem) and path.stem not in INVALID:
            setattr(case, f"test_{path.stem}", lambda self, path=path: body(self, lambda _: path, ()))
    for name in builders():
        if networks(name):
            def make(self, name=name):
                path = self.folder / f"{name}.onnx"
                if not path.exists():
                    oracle.run("make_model", name, path, *BUILDER_FLAGS)
                return path
            setattr(case, f"test_{name}", lambda self, make=make: body(self, make, ()))


def schema_errors(schema, value, root=None, where="$"):
    """What `value` breaks of a JSON Schema; knows the keywords that docs/slices.schema.json uses, no others."""
    root = root or schema
    if "$ref" in schema:
        target = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return schema_errors(target, value, root, where)
    unknown = set(schema) - {"$schema", "$defs", "title", "description", "type", "required", "properties", "items",
                             "enum", "const", "additionalProperties"}
    assert not unknown, f"{where}: keywords {unknown}"
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
             "number": (int, float)}
    errors = []
    if "type" in schema:
        wanted = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(isinstance(value, kinds[kind]) and not (kind == "integer" and isinstance(value, bool))
                   for kind in wanted):
            return [f"{where}: {value!r} is no {wanted}"]
    if "const" in schema and value != schema["const"]:
        errors.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        errors.append(f"{where}: {value!r} is none of {schema['enum']}")
    if isinstance(value, dict):
        errors += [f"{where}: lacks {key}" for key in schema.get("required", ()) if key not in value]
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            if inner is False:
                errors.append(f"{where}: has {key}")
            elif inner is not True:
                errors += schema_errors(inner, item, root, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            errors += schema_errors(schema["items"], item, root, f"{where}[{index}]")
    return errors


def schema():
    top = pathlib.Path(__file__).resolve().parents[2]
    return json.loads((top / "docs" / "slices.schema.json").read_text())
