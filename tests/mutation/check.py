#!/usr/bin/env python3
"""Breaks each guard of the passes in turn and sees that a test notices.

A guard is an `if` of fold/passes/*.cc whose consequence declines: it returns NoMatch, No, a reason as text, or
records a refusal. Broken, its condition never holds. All are built at once into a copy of the tree, with a switch
that the environment variable DSPERSE_MUTANT turns; then the tests of the passes run once for each. Not in CI: the
build takes as long as that of the tree.

Usage: check.py [--only SUBSTRING] [--list] [--output FILE.json]
Exit status 1 if less than 95 % are caught.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DECLINES = re.compile(r"return\s+(NoMatch|No|no)\b|return\s+kNone\(\)|return\s+(absl::StrCat\(|\"[^\"])|\bRefuse(All)?\(|refusals_\.emplace\(")
IF = re.compile(r"^(\s*)(?:\} else )?if (constexpr )?\(")
PROGRAMS = ["fold_passes_test", "fold_test"]


def condition_end(text, start):
    """The index of the parenthesis that closes the one at `start`."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return -1


def guards(text):
    """(line, start, end) of each guard's condition, without its parentheses."""
    found = []
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        match = IF.match(line)
        if match and not match.group(2):
            start = offset + line.index("(")
            end = condition_end(text, start)
            after = text[end + 1:].lstrip()
            if after.startswith("{"):
                body = after[1:after.find("}") if "}" in after else None]
            else:
                body = after.split(";", 1)[0]
            if end > 0 and DECLINES.search(body) and len(body) < 600:
                found.append((number, start + 1, end))
        offset += len(line)
    return found


SWITCH = """// Written by check.py.
#pragma once
#include <cstdlib>
namespace dsperse_mutation {
inline bool Broken(int guard) {
  static const char* const chosen = std::getenv("DSPERSE_MUTANT");
  return chosen != nullptr && std::atoi(chosen) == guard;
}
}  // namespace dsperse_mutation
"""
DECLARATION = re.compile(r"^\s*(?:const\s+)?[\w:<>,*&\s]+?[\s*&](\w+)\s*=(?!=)")


def with_switch(condition, number):
    """The condition, false where the guard of that number is broken."""
    off = f"!::dsperse_mutation::Broken({number})"
    split = condition.rfind(";")
    if split >= 0:
        return f"{condition[:split + 1]} ({condition[split + 1:]}) && {off}"
    declared = DECLARATION.match(condition)
    if declared:
        return f"{condition}; ({declared.group(1)}) && {off}"
    return f"({condition}) && {off}"


def break_all(tree, sites):
    """Puts the switches in; returns the conditions in words."""
    with open(os.path.join(tree, "fold", "passes", "mutation_switch.h"), "w", encoding="utf-8") as file:
        file.write(SWITCH)
    conditions = {}
    for name in sorted({site[0] for site in sites}):
        path = os.path.join(tree, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        # From the end, so that places before stay where they are.
        for number, (site, _, start, end) in reversed(list(enumerate(sites))):
            if site == name:
                conditions[number] = " ".join(text[start:end].split())
                text = text[:start] + with_switch(text[start:end], number) + text[end:]
        with open(path, "w", encoding="utf-8") as file:
            file.write('#include "fold/passes/mutation_switch.h"\n' + text)
    return conditions


def test(build, number):
    """The first failure with that guard broken, or ''."""
    environment = dict(os.environ, DSPERSE_MUTANT=str(number))
    for program in PROGRAMS:
        try:
            run = subprocess.run([os.path.join(build, "bin", program)], capture_output=True, text=True, timeout=120,
                                 env=environment)
        except subprocess.TimeoutExpired:
            return "time"
        if run.returncode != 0:
            failed = re.search(r"\[  FAILED  \] (\S+)", run.stdout)
            return failed.group(1) if failed else f"exit code {run.returncode}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="files and lines that contain this: no_ops.cc:12")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--output")
    arguments = parser.parse_args()
    sites = []
    for path in sorted(glob.glob(os.path.join(TOP, "fold", "passes", "*.cc"))):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        name = os.path.relpath(path, TOP)
        sites += [(name, *guard) for guard in guards(text) if arguments.only in f"{name}:{guard[0]}"]
    if arguments.list:
        for name, line, start, end in sites:
            print(f"{name}:{line}")
        print(f"{len(sites)} guards")
        return 0
    results = []
    with tempfile.TemporaryDirectory() as work:
        tree = os.path.join(work, "tree")
        build = os.path.join(tree, "build", "dev")
        shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns("build", ".git"))
        conditions = break_all(tree, sites)
        subprocess.run(["cmake", "--preset", "dev", "-DDSPERSE_WERROR=OFF"], cwd=tree, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "dev", "-t", *PROGRAMS, "--", "-j2"], cwd=tree, check=True,
                       stdout=subprocess.DEVNULL)
        if reason := test(build, -1):
            sys.exit(f"the tests fail before anything is broken: {reason}")
        for number, (name, line, _, _) in enumerate(sites):
            by = test(build, number)
            results.append({"guard": f"{name}:{line}", "condition": conditions[number], "caught_by": by})
            print(f"{'caught' if by else 'MISSED'}  {name}:{line}  {by or conditions[number]}", flush=True)
    count = sum(1 for result in results if result["caught_by"])
    print(f"{count} of {len(results)} guards caught, {100 * count / max(1, len(results)):.1f} %")
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return 0 if count >= 0.95 * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
