#!/usr/bin/env python3
"""Compares estimates with the counts of the real tools and writes the tables of docs/cost_models.md.

  cost_model_tables.py --program build/dev/bin/dsperse-slice --truth …/cost_truth/truth.json [--check] DOC

Without --check the text between the two marker lines of DOC is replaced; with it, DOC must hold that text already.
Either way a metric that is called exact and is not equal to the tool's count is an error.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

BEGIN = "<!-- tables: written by bench/cost_model_tables.py -->"
END = "<!-- end of tables -->"
PARAMETERS = {"jstprove_expander": ["chunk_bits=12", "weights=constant"]}


def estimates(program, model, backend, truth):
    command = [program, "estimate", model, "--backend", backend, "--json", "--by", "total"]
    for parameter in PARAMETERS.get(backend, []):
        command += ["--param", parameter]
    bits = truth.get("observed_bits")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        if bits is not None:
            json.dump(bits, file)
            file.flush()
            command += ["--param", "observed_bits=@" + file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr}


class Tally:
    def __init__(self):
        self.equal = self.compared = self.exact = 0
        self.largest = 0.0

    def add(self, got, real, exact):
        self.compared += 1
        self.equal += got == real
        self.exact += exact
        if real:
            self.largest = max(self.largest, abs(got - real) / real)

    def short(self):
        return f"{self.equal} of {self.compared}"

    def row(self):
        error = f"{100 * self.largest:.1f} %" if self.largest else "0"
        return f"{self.equal} of {self.compared} | {self.exact} | {error}"


def measure(program, truth_path):
    with open(truth_path, encoding="utf-8") as file:
        truth = json.load(file)
    folder = os.path.dirname(os.path.abspath(truth_path))
    metrics, operators, refused, wrong, values = {}, {}, {}, [], {}
    for backend, about in truth["backends"].items():
        for name, model in truth["models"].items():
            real = model.get(backend)
            if real is None:
                continue
            got = estimates(program, os.path.join(folder, model["file"]), backend, real)
            listed = "failed" in got or bool(got["unsupported"])
            if "error" in real:
                seen = refused.setdefault(backend, [0, 0])
                seen[0] += listed
                seen[1] += 1
                continue
            for metric in about["metrics"]:
                if metric not in real or listed or metric not in got["totals"]:
                    continue
                exact = got["exactness"][metric] == "exact"
                mine = got["totals"][metric]
                values[backend, name, metric] = mine
                metrics.setdefault((backend, metric), Tally()).add(mine, real[metric], exact)
                if metric == about["required"][0]:
                    operators.setdefault((backend, model["operator"]), Tally()).add(mine, real[metric], exact)
                if exact and mine != real[metric]:
                    wrong.append(f"{backend} {name}: {metric} {mine}, called exact, is {real[metric]}")
    savings = {}
    for (backend, name, metric), mine in values.items():
        twin = truth["models"][name].get("fused_twin")
        if twin is None or (backend, twin, metric) not in values:
            continue
        if metric not in truth["backends"][backend]["required"]:
            continue
        real = truth["models"]
        same = mine - values[backend, twin, metric] == real[name][backend][metric] - real[twin][backend][metric]
        seen = savings.setdefault((backend, metric), [0, 0])
        seen[0] += same
        seen[1] += 1
    return truth, metrics, operators, refused, savings, wrong


def text(truth, metrics, operators, refused, savings):
    out = [BEGIN, "", "Equal to the tool's own count, called exact, and the largest error of the others:", "",
           "| backend | metric | equal | called exact | largest error | difference by fusion equal |",
           "|---|---|---|---|---|---|"]
    for (backend, metric), tally in metrics.items():
        saving = savings.get((backend, metric))
        out.append(f"| `{backend}` | {metric} | {tally.row()} | "
                   f"{f'{saving[0]} of {saving[1]}' if saving else ''} |")
    out += ["", "Of the models that a tool refuses, so many are listed as unsupported:", "",
            "| backend | recognised |", "|---|---|"]
    out += [f"| `{backend}` | {seen[0]} of {seen[1]} |" for backend, seen in refused.items()]
    backends = list(truth["backends"])
    units = [truth["backends"][backend]["required"][0] for backend in backends]
    out += ["", "By what the reference models are about, models equal in the first metric of each backend:", "",
            "| operators | " + " | ".join(f"`{backend}` {unit}" for backend, unit in zip(backends, units)) + " |",
            "|---|" + "---|" * len(backends)]
    for op in sorted({op for _, op in operators}):
        cells = [operators[backend, op].short() if (backend, op) in operators else "" for backend in backends]
        out.append(f"| {op} | " + " | ".join(cells) + " |")
    return "\n".join(out + ["", END])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("doc")
    options = parser.parse_args()
    truth, metrics, operators, refused, savings, wrong = measure(options.program, options.truth)
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    tables = text(truth, metrics, operators, refused, savings)
    with open(options.doc, encoding="utf-8") as file:
        before = file.read()
    begin, end = before.find(BEGIN), before.find(END)
    if begin < 0 or end < 0:
        print(f"{options.doc}: lacks the marker lines", file=sys.stderr)
        return 1
    after = before[:begin] + tables + before[end + len(END):]
    if options.check:
        if after != before:
            print(f"{options.doc}: its tables are out of date: run bench/cost_model_tables.py", file=sys.stderr)
            return 1
        return 0
    with open(options.doc, "w", encoding="utf-8") as file:
        file.write(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
