"""What the scripts of this folder share: measured runs of whole processes, the machine, Markdown."""
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]


class Failed(Exception):
    """A program that did not do its work; the text says why, in one line."""


def run(bin_dir, command, timeout=600, repeat=1, prepare=None):
    """Runs a command `repeat` times as a process of its own (process_cost). The least wall and CPU seconds with the
    median wall, the largest peak memory in bytes, and what the last run printed. `prepare` is called before each
    run."""
    runs, out = [], ""
    for _ in range(repeat):
        if prepare:
            prepare()
        with tempfile.NamedTemporaryFile() as printed:
            line = [bin_dir / "process_cost", "sh", "-c", 'exec "$@" > "$0"', printed.name, *command]
            # A group of its own, so that a run that takes too long can be ended with all it started.
            with subprocess.Popen([str(part) for part in line], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, start_new_session=True) as process:
                try:
                    cost, messages = process.communicate(timeout=timeout)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise Failed(f"not done after {timeout} s") from None
            out = pathlib.Path(printed.name).read_text(errors="replace")
        if process.returncode != 0:
            raise Failed(messages.strip() or "could not be started")
        cost = json.loads(cost)
        if cost["status"] != 0:
            last = (messages.strip() or out.strip() or "no message").splitlines()[-1]
            raise Failed(f"exit status {cost['status']}: {last[:160]}")
        runs.append(cost)
    return {"wall": min(r["wall"] for r in runs), "median": statistics.median(r["wall"] for r in runs),
            "cpu": min(r["user"] + r["system"] for r in runs), "peak": max(r["peak_rss"] for r in runs), "out": out}


def ours(bin_dir, *arguments, **options):
    return run(bin_dir, [bin_dir / "dsperse-slice", "--quiet", *arguments], **options)


def make_model(bin_dir, name, folder, *flags):
    """The path of a generated model; one that is there already is taken."""
    path = folder / f"{name}.onnx"
    if not path.exists() or path.stat().st_mtime < (bin_dir / "make_model").stat().st_mtime:
        subprocess.run([bin_dir / "make_model", name, path, *flags], check=True)
    return path


def field(path, name):
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def machine():
    memory = field("/proc/meminfo", "MemTotal").split(" ")[0]
    gib = f"{int(memory) / 2**20:.0f} GiB of memory" if memory else "unknown memory"
    cpu = field("/proc/cpuinfo", "model name") or platform.machine()
    load = os.getloadavg()[0]
    return f"{cpu}, {os.cpu_count()} cores, {gib}, Linux {platform.release()}; load average at the start {load:.1f}"


def version():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown revision"


def escape(text):
    out = str(text)
    for mark in "\\|*_`[":
        out = out.replace(mark, "\\" + mark)
    return out.replace("<", "&lt;").replace("\n", " ")


def table(header, rows):
    """`header`: titles; those that begin with > are aligned right."""
    titles = [title.lstrip(">") for title in header]
    marks = ["--:" if title.startswith(">") else "---" for title in header]
    lines = ["| " + " | ".join(titles) + " |", "|" + "|".join(marks) + "|"]
    lines += ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def mebibytes(count):
    return f"{count / 2**20:.1f} MiB"


def percent(before, after):
    if not before:
        return ""
    change = 100 * (after - before) / before
    return "±0 %" if before == after else f"{'−' if change < 0 else '+'}{abs(change):.1f} %"
