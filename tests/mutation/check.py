#!/usr/bin/env python3
"""Breaks each guard of the passes and of the lowering in turn and sees that a test notices.

A guard is an `if` of fold/passes/*.cc or fold/lowering/*.cc whose consequence declines: it returns NoMatch, No, a reason as text, or
records a refusal. Broken, its condition never holds. All are built at once into a copy of the tree, with a switch
that the environment variable DSPERSE_MUTANT turns; then the tests of its folder run for each until one fails. What the
release build has in the compiler's cache is not built again: beside the passes and their tests that is all of it.

Not in CI. Some guards keep what can't be reached, or repeat another: equivalent.tsv beside this file lists each, with
the reason; they are not broken.

Usage: check.py [--only SUBSTRING] [--list] [--work FOLDER] [--output FILE.json]
With --work the copy and its build stay there for the next run. With --output a run goes on where the last one stopped;
guards that were missed are tried again.
Exit status 1 if less than 95 % are caught.
"""

import argparse
import glob
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DECLINES = re.compile(r"return\s+(NoMatch|No|no)\b|return\s+kNone\(\)|return\s+(absl::StrCat\(|\"[^\"])|\bRefuse(All)?\(|refusals_\.emplace\(")
IF = re.compile(r"^(\s*)(?:\} else )?if (constexpr )?\(")
# Each folder with the tests that are to notice.
PROGRAMS = {
    "fold/passes": ["fold_passes_test", "fold_test"],
    "fold/lowering": ["fold_lowering_test"],
}
PRESET = "release"
HEADER = "fold/passes/mutation_switch.h"


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


def last_outside(text, wanted):
    """The last index of that character outside parentheses and braces, or -1."""
    depth, last = 0, -1
    for i, character in enumerate(text):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if character == wanted and depth == 0:
            last = i
    return last


def with_switch(condition, number):
    """The condition, false where the guard of that number is broken."""
    off = f"!::dsperse_mutation::Broken({number})"
    split = last_outside(condition, ";")
    if split >= 0:
        return f"{condition[:split + 1]} ({condition[split + 1:]}) && {off}"
    declared = DECLARATION.match(condition)
    if declared:
        return f"{condition}; ({declared.group(1)}) && {off}"
    return f"({condition}) && {off}"


def break_all(sites):
    """({file: text with the switches in}, conditions in words), numbers as in `sites`."""
    texts, conditions = {}, {}
    for number, name, _, start, end in reversed(sites):  # from the end, so that places before stay where they are
        if name not in texts:
            with open(os.path.join(TOP, name), encoding="utf-8") as file:
                texts[name] = file.read()
        text = texts[name]
        conditions[number] = " ".join(text[start:end].split())
        texts[name] = text[:start] + with_switch(text[start:end], number) + text[end:]
    texts = {name: f'#include "{HEADER}"\n{text}' for name, text in texts.items()}
    texts[HEADER] = SWITCH
    return texts, conditions


def write_tree(tree, texts):
    """The tree without what is built, with these files instead of its own. What is there already stays as it is, so
    that it isn't built again."""
    def write(name, content):
        target = os.path.join(tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    return
        with open(target, "wb") as file:
            file.write(content)

    for folder, folders, files in os.walk(TOP):
        folders[:] = [f for f in folders if f not in ("build", ".git")]
        for name in files:
            name = os.path.relpath(os.path.join(folder, name), TOP)
            if name != ".git" and name not in texts:
                with open(os.path.join(TOP, name), "rb") as file:
                    write(name, file.read())
    for name, text in texts.items():
        write(name, text.encode())


def equivalents():
    """{(file, condition): reason}"""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "equivalent.tsv"), encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return {(name, condition): reason for name, condition, reason in rows}


def limit_memory():
    """Without its guard a rewrite may take what a model claims."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def test(build, number, programs):
    """The first failure with that guard broken, or ''."""
    environment = dict(os.environ, DSPERSE_MUTANT=str(number), GTEST_FAIL_FAST="1")
    for program in programs:
        try:
            run = subprocess.run([os.path.join(build, "bin", program)], capture_output=True, text=True, timeout=900,
                                 env=environment, preexec_fn=limit_memory)
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
    parser.add_argument("--work")
    parser.add_argument("--output")
    arguments = parser.parse_args()
    sites = []
    paths = [path for folder in PROGRAMS for path in sorted(glob.glob(os.path.join(TOP, folder, "*.cc")))]
    for file_number, path in enumerate(paths):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        name = os.path.relpath(path, TOP)
        # Numbers that change in one file don't have all others built again.
        sites += [(1000 * file_number + i, name, *guard) for i, guard in enumerate(guards(text))
                  if arguments.only in f"{name}:{guard[0]}"]
    if arguments.list:
        for _, name, line, _, _ in sites:
            print(f"{name}:{line}")
        print(f"{len(sites)} guards")
        return 0
    done = {}
    if arguments.output and os.path.exists(arguments.output):
        with open(arguments.output, encoding="utf-8") as file:
            done = {(result["guard"], result["condition"]): result["caught_by"] for result in json.load(file)}
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        tree = os.path.abspath(os.path.join(arguments.work or temporary, "tree"))
        build = os.path.join(tree, "build", PRESET)
        texts, conditions = break_all(sites)
        reasons = equivalents()
        unknown = set(reasons) - {(name, conditions[number]) for number, name, *_ in sites}
        if unknown and not arguments.only:
            sys.exit(f"equivalent.tsv: no such guards: {sorted(unknown)}")
        write_tree(tree, texts)
        subprocess.run(["cmake", "--preset", PRESET], cwd=tree, check=True, stdout=subprocess.DEVNULL)
        programs = [program for of_folder in PROGRAMS.values() for program in of_folder]
        subprocess.run(["cmake", "--build", "--preset", PRESET, "-t", *programs, "--", "-j2"], cwd=tree, check=True,
                       stdout=subprocess.DEVNULL)
        if reason := test(build, -1, programs):
            sys.exit(f"the tests fail before anything is broken: {reason}")
        for number, name, line, _, _ in sites:
            if (name, conditions[number]) in reasons:
                continue
            key = (f"{name}:{line}", conditions[number])
            by = done.get(key) or test(build, number, PROGRAMS[os.path.dirname(name)])
            results.append({"guard": key[0], "condition": key[1], "caught_by": by})
            if not done.get(key):
                print(f"{'caught' if by else 'MISSED'}  {name}:{line}  {by or conditions[number]}", flush=True)
            if arguments.output:
                with open(arguments.output + ".new", "w", encoding="utf-8") as file:
                    json.dump(results + [{"guard": guard, "condition": condition, "caught_by": caught}
                                         for (guard, condition), caught in done.items()
                                         if caught and (guard, condition) not in
                                         {(r["guard"], r["condition"]) for r in results}], file, indent=1)
                os.replace(arguments.output + ".new", arguments.output)
    count = sum(1 for result in results if result["caught_by"])
    print(f"{count} of {len(results)} guards caught, {100 * count / max(1, len(results)):.1f} %")
    return 0 if count >= 0.95 * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
