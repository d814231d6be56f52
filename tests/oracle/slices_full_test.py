"""What slices_test.py leaves out for time: every policy for every model."""
import pathlib
import sys
import tempfile
import unittest

import oracle
import slices


class AllPolicies(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


slices.add_tests(AllPolicies, ("budget", "dsperse", "layer", "points", "whole"), lambda name: True, lambda name: True)

if __name__ == "__main__":
    if not oracle.CORPUS.is_dir():
        print(f"skipped: no corpus in {oracle.CORPUS}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
