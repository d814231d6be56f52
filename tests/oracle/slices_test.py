"""Slices of the shared corpus and of every builder, judged by ONNX's checker, ONNX Runtime and a MessagePack reader."""
import copy
import json
import pathlib
import sys
import tempfile
import unittest

import oracle
import slices


class SlicesTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Models(SlicesTest):
    """One test a model; they are added below. The rest runs in slices_full_test.py."""


class Formats(SlicesTest):
    model = oracle.CORPUS / "zk" / "jstprove_mini_resnet.onnx"

    def test_two_runs_write_the_same_bytes(self):
        for name in ("a", "b"):
            slices.slice_model(self.model, self.folder / name)
        self.assertEqual(slices.tree(self.folder / "a"), slices.tree(self.folder / "b"))

    def test_account_keeps_to_its_schema(self):
        schema = slices.schema()
        for flags in ((), ("--budget", "20000", "--circuit-ops", "Conv,Max,Gemm"), ("--policy", "dsperse")):
            slices.slice_model(self.model, self.folder / "s", *flags)
            account = slices.Slices(self.folder / "s").account
            self.assertEqual(slices.schema_errors(schema, account), [])
            for part in (account, account["totals"], account["slices"][0], account["slices"][0]["inputs"][0]):
                for key in list(part):
                    if key in ("circuit_ops", "reason"):
                        continue
                    broken = part.pop(key)
                    if key not in ("bound", "bound_source", "narrowed"):  # where there are any
                        self.assertNotEqual(slices.schema_errors(schema, account), [], key)
                    part[key] = {"no": "such"} if not isinstance(broken, dict) else 1
                    self.assertNotEqual(slices.schema_errors(schema, account), [], key)
                    part[key] = broken
        self.assertEqual(slices.schema_errors(schema, copy.deepcopy(account)), [])

    def test_dsperse_policy_cuts_as_dsperse_does(self):
        """But for Pads that pad by nothing, which DSperse keeps: dsperse_age has five, a slice each."""
        samples = json.loads((oracle.SHARED / "dsperse_samples" / "slice_lists.json").read_text())
        for name in ("dsperse_age", "dsperse_doom", "dsperse_net", "jstprove_lenet", "jstprove_mini_resnet"):
            slices.slice_model(oracle.CORPUS / "zk" / f"{name}.onnx", self.folder / name, "--policy", "dsperse")
            ours = [" ".join(node.op_type for node in model.graph.node)
                    for model in slices.Slices(self.folder / name).models]
            theirs = samples[name]["ops"]
            self.assertEqual(ours, [ops for ops in theirs if ops != "Pad"], name)
            self.assertEqual(len(theirs) - len(ours), 5 if name == "dsperse_age" else 0)

    def test_a_lazy_directory_holds_no_slices(self):
        slices.slice_model(self.model, self.folder / "s", "--lazy")
        self.assertEqual(sorted(slices.tree(self.folder / "s")),
                         ["metadata.msgpack", "model.onnx", "receipt.json", "slices.json"])


slices.add_tests(Models, ("budget", "dsperse"), lambda name: name not in slices.LARGE, lambda name: True)

if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
