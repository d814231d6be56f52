"""Reports as JSON are what docs/report.schema.json says, for every model of the corpus; a broken one is found."""
import copy
import json
import pathlib
import sys
import unittest

import oracle

try:
    import jsonschema
except ImportError:
    print("skipped: no jsonschema in this environment", file=sys.stderr)
    sys.exit(77)

SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
# Planning these for every backend takes minutes.
LARGE = {"light_shufflenet", "light_densenet121"}


class ReportSchema(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        cls.validator = jsonschema.Draft202012Validator(SCHEMA)

    def report(self, *arguments):
        return json.loads(oracle.run("dsperse-slice", "report", *arguments, "--json").stdout)

    def errors(self, report):
        return [f"{error.json_path}: {error.message}" for error in self.validator.iter_errors(report)]

    def test_corpus(self):
        seen = 0
        for path in sorted(oracle.CORPUS.rglob("*.onnx")):
            backend = "jstprove_expander" if path.stem in LARGE else "all"
            with self.subTest(path.stem):
                report = self.report(path, "--backend", backend)
                self.assertEqual(self.errors(report), [])
                for entry in report["models"][0]["backends"]:
                    for column in entry["columns"].values():
                        self.assertNotIn("error", column)
                seen += 1
        self.assertGreater(seen, 0)

    def test_timings_and_several_models(self):
        paths = sorted((oracle.CORPUS / "zk").glob("jstprove_*.onnx"))
        report = self.report(*paths, "--timings", "--policy", "dsperse")
        self.assertEqual(self.errors(report), [])
        self.assertEqual(len(report["models"]), len(paths))

    def test_broken_reports_are_found(self):
        report = self.report(oracle.CORPUS / "zk" / "jstprove_lenet.onnx")
        column = report["models"][0]["backends"][0]["columns"]["fused"]
        self.assertEqual(self.errors(report), [])
        for break_it in (lambda c: c.pop("complete"), lambda c: c["totals"].update(constraints=-1),
                         lambda c: c.update(surprise=1), lambda c: c.update(error="no")):
            broken = copy.deepcopy(report)
            break_it(broken["models"][0]["backends"][0]["columns"]["fused"])
            self.assertNotEqual(self.errors(broken), [])
        self.assertTrue(column["complete"])


if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
