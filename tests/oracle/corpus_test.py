"""Folds every model of the shared corpus; ONNX Runtime must compute the same before and after, and our interpreter
what ONNX Runtime does."""
import pathlib
import sys
import tempfile
import unittest

import onnx

import oracle

# ONNX Runtime refuses these two as they are in the corpus: types of two inputs of a node differ. They may be
# refused here as well, but with a message.
INVALID = {"ezkl_nanoGPT.onnx", "ezkl_random_forest.onnx"}


class Corpus(unittest.TestCase):
    """One test a model; they are added below."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.target = pathlib.Path(folder.name) / "folded.onnx"

    def fold_valid(self, source):
        oracle.fold(source, self.target)
        before, after = onnx.load(source), onnx.load(self.target)
        onnx.checker.check_model(after)
        self.assertEqual(oracle.interface(before), oracle.interface(after))
        self.assertLessEqual(len(after.graph.node), len(before.graph.node))

        runs = [oracle.session(source), oracle.session(self.target)]
        feeds = self.feeds(runs[0])
        outputs = [output.name for output in runs[0].get_outputs()]
        results = [session.run(outputs, feeds) for session in runs]
        for name, expected, actual in zip(outputs, *results):
            self.assertLessEqual(oracle.difference(expected, actual), oracle.TOLERANCE, name)
        self.interpret(source, feeds, dict(zip(outputs, results[0])))
        self.interpret(self.target, feeds, dict(zip(outputs, results[1])))

        again = self.target.with_name("again.onnx")
        oracle.fold(self.target, again)
        self.assertEqual(self.target.read_bytes(), again.read_bytes())

    def interpret(self, path, feeds, expected):
        """`verify` runs both of its models by our interpreter: the second one holds ONNX Runtime's results."""
        folder = self.target.with_name("feeds")
        folder.mkdir(exist_ok=True)
        for i, value in enumerate(feeds.values()):
            (folder / f"input_{i}.pb").write_bytes(onnx.numpy_helper.from_array(value).SerializeToString())
        answers = self.target.with_name("answers.onnx")
        onnx.save(oracle.recording(onnx.load(path), expected), answers)
        shapes = [f"{name}={','.join(map(str, value.shape))}" for name, value in feeds.items()]
        oracle.run("dsperse-slice", "verify", path, answers, "--inputs", folder, "--tolerance", "1e-4",
                   *(part for shape in shapes for part in ("--input-shape", shape)))

    def feeds(self, session):
        """Two samples where the model has a free batch and can do it, else one."""
        for batch in (2, 1):
            feeds = oracle.inputs(session, batch=batch)
            try:
                session.run(None, feeds)
                return feeds
            except Exception:  # ONNX Runtime has no narrower class for a shape that does not fit
                if batch == 1:
                    raise
        return None

    def fold_invalid(self, source):
        done = oracle.fold(source, self.target, expect=(0, 3, 4))
        if done.returncode == 0:
            onnx.checker.check_model(onnx.load(self.target))
        else:
            self.assertIn(source.name, done.stderr)
            self.assertFalse(self.target.exists())


def add_tests():
    for path in sorted(oracle.CORPUS.rglob("*.onnx")):
        name = f"test_{path.stem}"
        body = Corpus.fold_invalid if path.name in INVALID else Corpus.fold_valid
        setattr(Corpus, name, lambda self, path=path, body=body: body(self, path))


add_tests()

if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
