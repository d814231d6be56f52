#!/usr/bin/env python3
"""Breaks each guard of the passes, the lowering and what they ask in turn and sees that a test notices.

A guard is an `if` of the files below whose consequence declines: it returns NoMatch, No, a reason as text, nothing,
false, 0 or an error, goes on with the next, ends the search, or records a refusal. Broken, its condition never holds.
All are built at once into a copy of the tree, with a switch that the environment variable DSPERSE_MUTANT turns; then
the tests of its file run for each until one fails. What the release build has in the compiler's cache is not built
again: beside the broken files that is all of it.

With --operators single operators and numbers are broken too (operators.py says how), where scales and axes are
computed; with --sample so many of them, at random.

Not in CI. Some guards keep what can't be reached, or repeat another: equivalent.tsv beside this file lists each, with
the reason; they are not broken.

Usage: check.py [--operators [--sample N]] [--only SUBSTRING] [--list] [--work FOLDER] [--output FILE.json]
With --work the copy and its build stay there for the next run. With --output a run goes on where the last one stopped;
what was missed is tried again.
Exit status 1 if less than 95 % of the guards are caught.
"""

import argparse
import glob
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile

import operators

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DECLINES = re.compile(r"return\s+(NoMatch|No|no)\b|return\s+kNone\(\)|return\s+(absl::StrCat\(|\"[^\"]|OtherAxes\()"
                      r"|\bRefuse(All)?\(|refusals_\.emplace\(|^\s*(continue|break)\s*(;|$)"
                      r"|return\s+(std::nullopt|false|\{\}|-1|0|nullptr|(Interval|ValueId|NodeId)\(\))\s*(;|$)"
                      r"|return\s+absl::\w+Error\(")
IF = re.compile(r"^(\s*)(?:\} else )?if (constexpr )?\(")
OPS_TEST = "fold_ops_test --gtest_filter=*Range*:*Target*:*Conditions*"
# Each group of files with the tests that are to notice.
PROGRAMS = {
    "fold/passes/*.cc": ["fold_passes_test", "fold_test", "fold_lowering_test"],
    "fold/lowering/*.cc": ["fold_lowering_test"],
    "fold/ops/target.cc": [OPS_TEST, "fold_lowering_test"],
    "fold/ops/ezkl_rows.cc": [OPS_TEST, "fold_lowering_test", "circuit_estimate_test"],
    "fold/ops/fixed_point.cc": ["fold_lowering_test", OPS_TEST, "slicer_test"],
    "fold/ops/zero_comparison.cc": ["slicer_test", "circuit_estimate_test"],
    "fold/ops/range*.cc": ["fold_passes_test", OPS_TEST, "slicer_test"],
    "slicer/narrowing.cc": ["slicer_test"],
    "slicer/lift*.cc": ["slicer_test"],
}
# Where --operators breaks more than guards: what computes numbers, axes and scales.
ARITHMETIC = re.compile(r"passes/fuse_|lowering/lower_|ops/(range|fixed_point|target)|slicer/")
PRESET = "release"
HEADER = "fold/passes/mutation_switch.h"
# Where a node is asked for that is none the copy ends, instead of reading what lies there.
CHECKED = "fold/ir/graph_rep.h"


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


DECLARATION = re.compile(r"^\s*(?:const\s+)?[\w:<>,*&\s]+?[\s*&](\w+)\s*=(?!=)")


def last_outside(text, wanted):
    """The last index of that character outside parentheses and braces, or -1."""
    depth, last = 0, -1
    for i, character in enumerate(text):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if character == wanted and depth == 0:
            last = i
    return last


def breaks(text, start, end):
    """The edits by which the condition there never holds."""
    condition = text[start:end]
    off = "!::dsperse_mutation::Broken(@)"
    split = last_outside(condition, ";")
    declared = DECLARATION.match(condition)
    if split < 0 and declared:
        return [(end, end, (0, 1), f"; ({declared.group(1)}) && {off}")]
    return operators.around(start + split + 1, end, "(", f") && {off}")


class Site:
    """What is broken: `number` chooses it, `words` say it, `edits` are as in operators.py."""

    def __init__(self, number, name, kind, place, words, edits, programs):
        self.number, self.name, self.kind, self.place, self.words = number, name, kind, place, words
        self.programs = programs
        self.edits = [(start, end, order, text.replace("@", str(number))) for start, end, order, text in edits]


def sites_of(with_operators, only):
    sites = []
    paths = [(path, programs) for pattern, programs in PROGRAMS.items()
             for path in sorted(glob.glob(os.path.join(TOP, pattern)))]
    for file_number, (path, programs) in enumerate(paths):
        name = os.path.relpath(path, TOP)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        found = [("guard", str(line), " ".join(text[start:end].split()), breaks(text, start, end))
                 for line, start, end in guards(text)]
        if with_operators and ARITHMETIC.search(name):
            found += [("operator", f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}", words, edits)
                      for at, words, edits in operators.sites(text)]
        # Numbers that change in one file don't have all others built again.
        sites += [Site(10000 * file_number + i, name, *parts, programs) for i, parts in enumerate(found)
                  if only in f"{name}:{parts[1]}"]
    return sites


def break_all(sites):
    """{file: text with the switches in}"""
    edits = {}
    for site in sites:
        edits.setdefault(site.name, []).extend(site.edits)
    with open(os.path.join(TOP, CHECKED), encoding="utf-8") as file:
        checked = re.sub(r"\[(static_cast<size_t>\(id\.index\))\]", r".at(\1)", file.read())
    texts = {HEADER: operators.SWITCH, CHECKED: checked}
    for name in edits:
        with open(os.path.join(TOP, name), encoding="utf-8") as file:
            texts[name] = f'#include "{HEADER}"\n{operators.edited(file.read(), edits[name])}'
    return texts


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


def limit():
    """Without its guard a rewrite may take what a model claims, and go on without end."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def build_all(tree, sites, programs):
    """Builds the copy; the sites that compile (operators that stand where no other may are left out)."""
    while True:
        write_tree(tree, break_all(sites))
        subprocess.run(["cmake", "--preset", PRESET], cwd=tree, check=True, stdout=subprocess.DEVNULL)
        targets = sorted({program.split()[0] for program in programs})
        build = subprocess.run(["cmake", "--build", "--preset", PRESET, "-t", *targets, "--", "-j2", "-k0"], cwd=tree,
                               stdout=subprocess.PIPE, text=True)
        if build.returncode == 0:
            return sites
        # Lines stay as they are but for the one in front.
        wrong = {(name, str(int(line) - 1)) for name, line in re.findall(
            r"((?:fold|slicer)/[\w/]+\.cc):(\d+):\d+: +(?:error|required from here)", build.stdout)}
        kept = [site for site in sites if (site.name, site.place.split(":")[0]) not in wrong]
        if len(kept) == len(sites):
            sys.exit(build.stdout[-4000:])
        print(f"{len(sites) - len(kept)} sites don't compile, on {len(wrong)} lines", flush=True)
        sites = kept


def test(build, number, programs):
    """The first failure with that guard broken, or ''."""
    environment = dict(os.environ, DSPERSE_MUTANT=str(number), GTEST_FAIL_FAST="1")
    for program in programs:
        path, *arguments = program.split()
        try:
            run = subprocess.run([os.path.join(build, "bin", path), *arguments], capture_output=True, text=True,
                                 timeout=900, errors="replace", env=environment, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return "time"
        if run.returncode != 0:
            failed = re.search(r"\[  FAILED  \] ([^\s,]+)", run.stdout)
            return failed.group(1) if failed else f"exit code {run.returncode}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operators", action="store_true")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--only", default="", help="files and lines that contain this: no_ops.cc:12")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--work")
    parser.add_argument("--output")
    arguments = parser.parse_args()
    sites = sites_of(arguments.operators, arguments.only)
    single = [site.number for site in sites if site.kind == "operator"]
    if arguments.sample is not None and arguments.sample < len(single):
        single = random.Random(1).sample(single, arguments.sample)
    single = set(single)
    reasons = equivalents()
    unknown = set(reasons) - {(site.name, site.words) for site in sites}
    if unknown and not arguments.only:
        sys.exit(f"equivalent.tsv: no such guards: {sorted(unknown)}")
    sites = [site for site in sites if (site.number in single if site.kind == "operator" else
                                        (site.name, site.words) not in reasons)]
    if arguments.list:
        for site in sites:
            print(f"{site.name}:{site.place} {site.words}")
        print(f"{len(sites)} sites")
        return 0
    done = {}
    if arguments.output and os.path.exists(arguments.output):
        with open(arguments.output, encoding="utf-8") as file:
            done = {(result["at"], result["broken"]): result["caught_by"] for result in json.load(file)}
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        tree = os.path.abspath(os.path.join(arguments.work or temporary, "tree"))
        build = os.path.join(tree, "build", PRESET)
        programs = sorted({program for site in sites for program in site.programs})
        sites = build_all(tree, sites, programs)
        if reason := test(build, -1, programs):
            sys.exit(f"the tests fail before anything is broken: {reason}")
        for site in sites:
            key = (f"{site.name}:{site.place}", site.words)
            by = done.get(key) or test(build, site.number, site.programs)
            results[key] = by
            if not done.get(key):
                print(f"{'caught' if by else 'MISSED'}  {key[0]}  {by or site.words}", flush=True)
            if arguments.output:
                kept = {**{key: caught for key, caught in done.items() if caught}, **results}
                with open(arguments.output + ".new", "w", encoding="utf-8") as file:
                    json.dump([{"at": at, "broken": words, "caught_by": caught}
                               for (at, words), caught in kept.items()], file, indent=1)
                os.replace(arguments.output + ".new", arguments.output)
    shares = {}
    for kind in ("guard", "operator"):
        caught = [bool(results[f"{site.name}:{site.place}", site.words]) for site in sites if site.kind == kind]
        shares[kind] = sum(caught) / max(1, len(caught))
        if caught:
            print(f"{sum(caught)} of {len(caught)} {kind}s caught, {100 * shares[kind]:.1f} %")
    return 0 if shares["guard"] >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
