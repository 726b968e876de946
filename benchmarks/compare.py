"""Compares variants of a task, alternating and each in its own process, by medians and ratios.

A benchmark script defines one function per variant, which performs the task once and returns its
metrics (`seconds`, `images_per_second` if throughput is compared, and quality metrics such as
`accuracy`), and ends with

    if __name__ == "__main__":
        compare("title", [tutorial, onestop, limit], add_arguments)

Without `--only` it runs every variant `--rounds` times, alternating (A B C A B C ...), so that a
machine that slows down affects all of them. Round r uses seed r in every variant, so that accuracies
are paired by seed. It prints a table and writes it to `benchmarks/results/`. With `--only NAME` it runs
one variant once and prints its metrics as JSON.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Way = Callable[[argparse.Namespace], Mapping[str, float]]
Metrics = dict[str, list[float]]


def compare(
    title: str,
    ways: Sequence[Way],
    options: Callable[[argparse.ArgumentParser], None],
    name: Callable[[argparse.Namespace], str] | None = None,
) -> None:
    """Run the variants of a script, alternating, or only the one set by `--only`.

    Args:
        title: The title of the table.
        ways: The variants; the first is the baseline. The first line of each docstring describes it.
        options: Adds the script's own arguments.
        name: The name of the table, if the arguments change the task; by default that of the script.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[way.__name__ for way in ways])
    parser.add_argument("--ways", nargs="+", help="run only these variants")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round")
    parser.add_argument("--no-write", action="store_true", help="do not write to results/")
    options(parser)
    words = parser.parse_args()
    if words.only:
        way = next(way for way in ways if way.__name__ == words.only)
        print(json.dumps(dict(way(words))))
        return
    selected = [way for way in ways if not words.ways or way.__name__ in words.ways]
    results: dict[str, Metrics] = {way.__name__: {} for way in selected}
    for number in range(words.rounds):
        for way in selected:
            metrics = run_once(way.__name__, words.seed + number)
            for metric, value in metrics.items():
                results[way.__name__].setdefault(metric, []).append(value)
            line = ", ".join(f"{metric} {value:.4g}" for metric, value in metrics.items())
            print(f"round {number + 1}: {way.__name__}: {line}", flush=True)
    text = table(title, selected, results)
    print(text)
    if not words.no_write:
        write(name(words) if name else Path(sys.argv[0]).stem, text)


def write(name: str, text: str) -> None:
    """Write a table to `results/`, named by benchmark, machine and date."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}_{slug()}_{dt.date.today()}.md").write_text(text)


def run_once(way: str, seed: int) -> dict[str, float]:
    """The metrics of one variant, run in its own process."""
    command = [sys.executable, sys.argv[0], *sys.argv[1:], "--only", way, "--seed", str(seed)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr}")
    metrics: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return metrics


def table(title: str, ways: Sequence[Way], results: Mapping[str, Metrics]) -> str:
    """Medians and ranges; ratios are computed per round."""
    first, rounds = results[ways[0].__name__], len(results[ways[0].__name__]["seconds"])
    by_speed = all("images_per_second" in metrics for metrics in results.values())
    names = [metric for way in ways for metric in results[way.__name__]]
    others = [metric for metric in dict.fromkeys(names) if metric != "seconds"]
    limit = results.get("limit", {}) if by_speed else {}
    heads = ["variant", "seconds", f"speed-up over {ways[0].__name__}"]
    heads += ["relative to the limit"] * bool(limit) + others
    note = f"{rounds} alternating rounds, seeds 0 to {rounds - 1}; medians, range in brackets."
    lines = heading(title, note, heads)
    for way in ways:
        metrics = results[way.__name__]
        cells = [f"{way.__name__}: {summary(way)}", spread(metrics["seconds"], ".2f")]
        cells.append(spread(faster(first, metrics, by_speed=by_speed), ".2f"))
        if limit:
            cells.append(spread(faster(limit, metrics, by_speed=True), ".0%"))
        cells += [spread(metrics.get(other, []), ".4g") for other in others]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def heading(title: str, note: str, heads: Sequence[str]) -> list[str]:
    """The lines above a table's rows: the command to reproduce it, and the machine."""
    command = (
        f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(without_folders(sys.argv[1:]))}"
    )
    return [
        f"# {title}",
        "",
        f"- Command: `{command.rstrip()}`",
        f"- {note}",
        f"- {dt.date.today()}; {machine()}",
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * len(heads) + "|",
    ]


def faster(base: Metrics, metrics: Metrics, *, by_speed: bool) -> list[float]:
    """Speed-up over the baseline, per round."""
    if by_speed:
        pairs = zip(metrics["images_per_second"], base["images_per_second"], strict=True)
    else:
        pairs = zip(base["seconds"], metrics["seconds"], strict=True)
    return [a / b for a, b in pairs]


def summary(way: Way) -> str:
    """The description of a variant: the first line of its docstring."""
    return (way.__doc__ or "").splitlines()[0].rstrip(".")


def spread(values: Sequence[float], form: str) -> str:
    """The median, with the range in brackets."""
    if not values:
        return ""
    least, most = min(values), max(values)
    return f"{statistics.median(values):{form}} ({least:{form}} to {most:{form}})"


def without_folders(words: Sequence[str]) -> list[str]:
    """The words of a command, with paths reduced to their last part."""
    return [Path(word).name if "/" in word else word for word in words]


def machine() -> str:
    """A description of the machine."""
    import torch

    able = torch.backends.cpu.get_cpu_capability()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.partition("+")[0]
    return f"{torch.get_num_threads()} cores of {cpu_name()} ({able}){gpu}, torch {version}"


def cpu_name() -> str:
    """The name of the CPU, if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {platform.machine()}" if names else platform.machine()


def slug() -> str:
    """The machine, as part of a file name."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name().replace(" ", "-").lower()
    able = torch.backends.cpu.get_cpu_capability().lower()
    return f"{torch.get_num_threads()}-cores-{platform.machine()}-{able}"


def clock() -> Callable[[], float]:
    """A function that returns the seconds since this call."""
    begun = time.perf_counter()
    return lambda: time.perf_counter() - begun
