#!/usr/bin/env python3
"""Regenerates docs/benchmarks/{resnet,efficientnet}.{md,html}: what `dsperse-slice report` says about each network
at its published size, what each slicing policy makes of it, and what that took here.

A figure that could not be had in time stands as such on the page; it never stops the others."""
import argparse
import json
import os
import pathlib
import shutil
import sys
import time

import measure
from measure import Failed, mebibytes, percent, seconds

FAMILIES = {
    "resnet": ("ResNet", [f"resnet{n}" for n in (18, 34, 50, 101, 152)]),
    "efficientnet": ("EfficientNet", [f"efficientnet_b{n}" for n in range(8)]),
}
POLICIES = ["budget", "dsperse", "layer", "whole"]
BACKENDS = ["jstprove_expander", "ezkl_halo2"]


def number(value):
    return f"{value:,}"


def total(column, unit):
    """A total that is no price of the whole model says so."""
    if "error" in column:
        return "–"
    text = ("≈ " if unit in column["approximate"] else "") + number(column["totals"][unit])
    if column["complete"]:
        return text
    missing = column["circuit_nodes"] - column["priced_nodes"]
    if missing:
        return f"not provable; {missing} of {number(column['circuit_nodes'])} nodes have no price, the others {text}"
    return f"not provable; {text} if it were"


def report(bin_dir, models, folder, timeout, page=None):
    """The report of some models as data, by the file's name; with `page`, also as HTML there."""
    target = folder / "report"
    shutil.rmtree(target, ignore_errors=True)
    formats = "json,html" if page else "json"
    measure.ours(bin_dir, "report", *models, "--backend", ",".join(BACKENDS), "--format", formats, "--timings", "-o",
                 f"{target}/", timeout=timeout)
    if page:
        shutil.move(target / "report.html", page)
    data = json.loads((target / "report.json").read_text())
    return {pathlib.Path(model["name"]).stem: model for model in data["models"]}


def reports(bin_dir, models, folder, timeout, page):
    """All models in one run. Where that fails, those that can be had one by one, and why the others can't."""
    try:
        return report(bin_dir, models, folder, 2 * timeout, page), {}
    except Failed as why:
        print(f"all in one run: {why}; one by one instead", file=sys.stderr)
    found, failed = {}, {}
    for model in models:
        try:
            found.update(report(bin_dir, [model], folder, timeout))
        except Failed as why:
            failed[model.stem] = str(why)
    good = [model for model in models if model.stem in found]
    if good:
        try:
            report(bin_dir, good, folder, 2 * timeout, page)
        except Failed as why:
            print(f"{page}: {why}", file=sys.stderr)
    return found, failed


def policies(bin_dir, model, timeout):
    rows = {}
    for policy in POLICIES:
        try:
            done = measure.ours(bin_dir, "slice", model, "--dry-run", "--json", "--policy", policy, timeout=timeout)
            rows[policy] = (json.loads(done["out"])["totals"], done)
        except Failed as why:
            rows[policy] = (None, str(why))
    return rows


def measure_fold(bin_dir, model, folder):
    out = folder / f"{model.stem}.{os.getpid()}.out"
    try:
        fold = measure.ours(bin_dir, "fold", model, "-o", out, repeat=5, prepare=lambda: out.unlink(missing_ok=True))
        copy = measure.run(bin_dir, ["cp", "--reflink=never", model, out], repeat=5,
                           prepare=lambda: out.unlink(missing_ok=True))
    finally:
        out.unlink(missing_ok=True)
    return fold, copy


class Network:
    """All figures of one network."""

    def __init__(self, path, data, why_not):
        self.name = path.stem
        self.path = path
        self.report = data
        self.notes = [f"report: {why_not}"] if why_not else []
        self.policies = {}
        self.fold = None

    def columns(self, backend):
        for entry in self.report["backends"] if self.report else []:
            if entry["name"] == backend:
                return entry
        return None


def comparison(networks, backend):
    rows = []
    for network in networks:
        entry = network.columns(backend)
        if entry is None:
            rows.append([network.name, *[""] * 9, "no report"])
            continue
        unit, columns = entry["unit"], entry["columns"]
        came, before, after = (columns[key] for key in ("as_it_came", "unfused", "fused"))
        change = entry["change"][unit]["percent"] if entry["change"] else None
        largest = "–"
        if after.get("largest_slice") is not None:
            largest = number(after["slices"][after["largest_slice"]]["counts"][unit])
        rows.append([
            network.name, number(came["model"]["nodes"]), number(after["model"]["nodes"]),
            number(came["model"]["batch_normalizations"]), number(after["model"]["batch_normalizations"]),
            number(came.get("unprovable_nodes", 0)), number(after.get("unprovable_nodes", 0)),
            f"{before.get('slice_count', '–')} → {after.get('slice_count', '–')}", total(before, unit),
            total(after, unit), "" if change is None else f"{change:+.1f} %".replace("-", "−"), largest])
    unit = next((n.columns(backend)["unit"] for n in networks if n.columns(backend)), "price")
    return measure.table(["network", ">nodes", ">folded", ">BNs", ">folded", ">unprovable nodes", ">lowered",
                          ">slices, unfused → fused", f">{unit}, unfused", ">fused", ">change", ">largest slice"], rows)


def policy_table(networks):
    rows = []
    for network in networks:
        for policy, (totals, done) in network.policies.items():
            if totals is None:
                rows.append([network.name, policy, "", "", done, "", "", "", ""])
                continue
            price = ("" if totals["exact"] else "≈ ") + number(totals["price"])
            if totals["provable_slices"] < totals["arithmetic_slices"]:
                price = f"not provable; {price} for what has a price"
            rows.append([
                network.name, policy, number(totals["slices"]),
                f"{number(totals['provable_slices'])} of {number(totals['arithmetic_slices'])}", price,
                number(totals["largest_price"]), number(totals["shape_groups"]), seconds(done["wall"]),
                mebibytes(done["peak"])])
    return measure.table(["network", "policy", ">slices", ">provable", ">constraints", ">largest slice",
                          ">different slices", ">time", ">peak memory"], rows)


def speed_table(networks):
    rows = []
    for network in networks:
        if network.fold is None:
            continue
        fold, copy = network.fold
        rows.append([network.name, number(network.path.stat().st_size), seconds(fold["wall"]), seconds(fold["cpu"]),
                     mebibytes(fold["peak"]), seconds(copy["wall"]), f"{fold['wall'] / copy['wall']:.2f}"])
    return measure.table(["network", ">bytes", ">fold, wall", ">CPU", ">peak memory", ">cp, wall", ">fold / cp"], rows)


def details(network):
    """The table of `report` for one network, both backends."""
    text = f"\n### {network.name}\n"
    for note in network.notes:
        text += f"\n> {measure.escape(note)}\n"
    for backend in BACKENDS:
        entry = network.columns(backend)
        if entry is None:
            continue
        columns = [entry["columns"][key] for key in ("as_it_came", "unfused", "fused")]
        rows = []

        def row(title, of, columns=columns, rows=rows):
            values = [None if "error" in c else of(c) for c in columns]
            cells = ["–" if v is None else number(v) for v in values]
            both = values[1] is not None and values[2] is not None
            rows.append([title, *cells, percent(values[1], values[2]) if both else ""])

        for title, key in (("nodes", "nodes"), ("BatchNormalizations", "batch_normalizations"),
                           ("initializers", "initializers"), ("bytes", "bytes")):
            row(title, lambda c, key=key: c["model"][key])
        row(f"nodes, lowered for {entry['target']}", lambda c: c["lowered"]["nodes"] if "lowered" in c else None)
        row("unprovable nodes", lambda c: c["unprovable_nodes"])
        row("slices", lambda c: c["slice_count"])
        for metric in entry["metrics"]:
            title = metric["name"] + ("" if metric["total"] == "sum" else " of the largest slice")
            change = entry["change"][metric["name"]] if entry["change"] else None
            rows.append([title, *[total(c, metric["name"]) for c in columns],
                         percent(change["before"], change["after"]) if change else ""])
        rows.append(["time to fold, lower and plan",
                     *["–" if "error" in c else seconds(c["seconds"]) for c in columns], ""])
        text += f"\n{measure.escape(backend)} ({entry['tool']})\n\n"
        text += measure.table(["", ">as it came", ">unfused", ">fused", ">unfused → fused"], rows)
    return text


def checks(networks):
    rows = []
    for backend in BACKENDS:
        entry = next((n.columns(backend) for n in networks if n.columns(backend)), None)
        for metric in entry["metrics"] if entry else []:
            rows.append([backend, metric["name"], metric["help"], metric["check"]])
    return measure.table(["backend", "number", "what", "rests on"], rows)


def page(family, title, networks, took):
    sizes = "" if family == "resnet" else " (224, 240, 260, 300, 380, 456, 528, 600)"
    text = f"""# {title}

Generated by `./dev bench report`; not edited by hand. The networks are those of `make_model`, un-fused, with seeded
weights and the published number of parameters, at the published resolution{sizes}. [The same as a page
with figures]({family}.html).

*As it came*: neither folded nor lowered. *Unfused*: every pass but `fuse_conv_batchnorm` and `fuse_affine`, then
lowered. *Fused*: all of them. The last two are lowered and cut alike, so their difference is what fusing is worth.
≈ marks what an approximate formula took part in.

"""
    for backend in BACKENDS:
        text += f"## {title} for {backend}\n\n{comparison(networks, backend)}\n"
    text += f"""## What each slicing policy makes of it

`dsperse-slice slice --dry-run`, jstprove\\_expander, fused. `dsperse` is what DSperse's own slicer does: folded by its
rules, not lowered, so few of its slices can be proven.
`whole` asks for one circuit, which fails where a value outgrows the prover's field. Different
slices: those that differ in more than weights and names. Time and memory are those of the whole process.

{policy_table(networks)}
## Speed

`dsperse-slice fold` and `cp` of the same file, as whole processes, the least of five runs; memory is the largest.

{speed_table(networks)}
## How sure the numbers are

Nodes, BatchNormalizations, initializers, bytes and slices are counted. Prices rest on these comparisons with the
tools themselves ([how](../cost_models.md)):

{checks(networks)}
## Each network
"""
    for network in networks:
        text += details(network)
    return text + f"\nMachine: {measure.machine()}. Revision {measure.version()}. The page took {took:.0f} s.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=measure.TOP / "build" / "release" / "bin")
    parser.add_argument("--out", type=pathlib.Path, default=measure.TOP / "docs" / "benchmarks")
    parser.add_argument("--models", type=pathlib.Path, help="where generated models are kept")
    parser.add_argument("--family", choices=sorted(FAMILIES), action="append", help="only this one; may be repeated")
    parser.add_argument("--network", action="append", help="only this one; may be repeated")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one report may take")
    arguments = parser.parse_args()
    folder = arguments.models or arguments.bin.parent / "bench_models"
    folder.mkdir(parents=True, exist_ok=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for family in arguments.family or FAMILIES:
        begin = time.monotonic()
        title, names = FAMILIES[family]
        names = [name for name in names if not arguments.network or name in arguments.network]
        if not names:
            continue
        print(f"{title}: {', '.join(names)}", file=sys.stderr)
        paths = [measure.make_model(arguments.bin, name, folder) for name in names]
        found, failed = reports(arguments.bin, paths, folder, arguments.timeout, arguments.out / f"{family}.html")
        networks = [Network(path, found.get(path.stem), failed.get(path.stem)) for path in paths]
        for network in networks:
            network.policies = policies(arguments.bin, network.path, arguments.timeout / 4)
            try:
                network.fold = measure_fold(arguments.bin, network.path, folder)
            except Failed as why:
                network.notes.append(f"fold: {why}")
        text = page(family, title, networks, time.monotonic() - begin)
        (arguments.out / f"{family}.md").write_text(text)
        print(f"{arguments.out / family}.md", file=sys.stderr)


if __name__ == "__main__":
    main()
