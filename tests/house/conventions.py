#!/usr/bin/env python3
"""Checks what no compiler and no formatter does: length of files, header guards, forbidden names.

Usage: conventions.py. Prints one line for each finding; exit status 1 if there is one.
"""
import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
LIBRARY = re.compile(r"^(fold|circuit_estimate|slicer)/(?!cli/)")
MAX_LINES = 600

FORBIDDEN = [
    (re.compile(r""), re.compile(r"\b(TODO|FIXME|XXX)\b"), "left open"),
    (re.compile(r"\.(cc|h)$"), re.compile(r"\bstd::string_view\b"), "absl::string_view is the type of this tree"),
    (LIBRARY, re.compile(r"#include <iostream>|std::c(out|err)\b|\b(printf|puts|abort|exit)\("),
     "the library does not print or end the process"),
    (LIBRARY, re.compile(r"^\s*throw\b"), "the library does not throw"),
    (re.compile(r"\.(cc|h)$"), re.compile(r"#include <(ranges|format|source_location)>"),
     "not in both compilers' libraries"),
]


def findings(path, text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield 1, f"{len(lines)} lines, at most {MAX_LINES}"
    for where, pattern, why in FORBIDDEN:
        if where.search(path):
            for number, line in enumerate(lines, 1):
                if pattern.search(line):
                    yield number, why
    if path.endswith(".h"):
        guard = "DSPERSE_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield 1, f"header guard is not {guard}"


def main():
    names = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=TOP, check=True, capture_output=True, text=True)
    count = 0
    for path in names.stdout.split():
        full = os.path.join(TOP, path)
        if os.path.exists(full):
            with open(full, encoding="utf-8") as source:
                for number, why in findings(path, source.read()):
                    print(f"{path}:{number}: {why}")
                    count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
