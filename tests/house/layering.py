#!/usr/bin/env python3
"""Checks every #include of ours against the table of docs/ARCHITECTURE.md.

Usage: layering.py [TOP]. Prints one line for each include that the table forbids; exit status 1 if there is one.
"""
import os
import re
import sys

# The longest prefix that fits a file decides what it may include: prefixes again, of which the longest that
# fits the included path must be one of those listed.
LAYERS = [
    ("fold/ir/", ["fold/ir/"]),
    ("fold/ops/", ["fold/ir/", "fold/ops/"]),
    ("fold/", ["fold/ir/", "fold/ops/", "fold/"]),
    ("circuit_estimate/", ["fold/ir/", "fold/ops/", "circuit_estimate/"]),
    ("slicer/prepare", None),
    ("slicer/cli/", None),
    ("slicer/", ["fold/ir/", "fold/ops/", "slicer/"]),
    ("bench/models/", ["fold/ir/", "bench/models/"]),
    ("bench/", None),
    ("tests/", None),
]
# Only tests may include these.
TESTS_ONLY = ("tests/", "gtest/", "gmock/")

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def layer(path):
    fits = [entry for entry in LAYERS if path.startswith(entry[0])]
    return max(fits, key=lambda entry: len(entry[0])) if fits else None


def violations(path, lines):
    here = layer(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        included = match.group(1)
        if included.startswith(TESTS_ONLY) and not path.startswith("tests/"):
            yield number, included, "only tests may include it"
        target = layer(included)
        if target is None or here[1] is None or included.startswith("tests/"):
            continue
        if target[0] not in here[1]:
            yield number, included, f"{here[0]} may include only {', '.join(here[1])}"


def self_test():
    """A check that cannot fail is a defect: these must be found, those must not."""
    bad = [("fold/ir/a.cc", "fold/ops/b.h"), ("fold/ops/a.cc", "fold/pass.h"), ("fold/pass.cc", "slicer/plan.h"),
           ("fold/passes/a.cc", "circuit_estimate/estimate.h"), ("circuit_estimate/a.cc", "fold/pass.h"),
           ("circuit_estimate/a.cc", "slicer/plan.h"), ("slicer/a.cc", "circuit_estimate/estimate.h"),
           ("slicer/a.cc", "fold/fold.h"), ("slicer/a.cc", "slicer/cli/main.h"), ("slicer/a.cc", "gtest/gtest.h"),
           ("slicer/a.cc", "slicer/prepare.h"), ("fold/ir/a.cc", "tests/support/x.h")]
    good = [("fold/ir/a.cc", "fold/ir/b.h"), ("fold/passes/a.cc", "fold/pass.h"), ("fold/pass.cc", "fold/passes/a.h"),
            ("slicer/prepare.cc", "circuit_estimate/estimate.h"), ("slicer/cli/fold.cc", "fold/fold.h"),
            ("tests/fold/a_test.cc", "gtest/gtest.h"), ("fold/ir/a.cc", "onnx/onnx_pb.h")]
    for path, included in bad:
        assert list(violations(path, [f'#include "{included}"'])), (path, included)
    for path, included in good:
        assert not list(violations(path, [f'#include "{included}"'])), (path, included)


def main():
    self_test()
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    found = files = 0
    for folder in ("fold", "circuit_estimate", "slicer", "bench", "tests"):
        for where, _, names in sorted(os.walk(os.path.join(top, folder))):
            for name in sorted(names):
                if not name.endswith((".cc", ".h")):
                    continue
                path = os.path.relpath(os.path.join(where, name), top)
                files += 1
                with open(os.path.join(top, path), encoding="utf-8") as source:
                    for number, included, why in violations(path, source):
                        print(f'{path}:{number}: includes "{included}": {why}')
                        found += 1
    print(f"{files} files looked at, {found} includes against the table")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
