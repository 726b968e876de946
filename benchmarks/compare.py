"""Ways of doing one job, run in turn, each in a process of its own, and told as medians and ratios.

A benchmark script defines a function a way, each of which does the job once and returns its figures
(`seconds` among them, and what shows that the job was done well, such as `accuracy`), and ends with

    if __name__ == "__main__":
        compare("what is done", [tutorial, onestop, limit], add_arguments)

Called without arguments it runs every way `--rounds` times in turn (A B C A B C ...), so that a
machine that slows down slows all of them, prints a table and writes `benchmarks/results/`. With
`--only NAME` it does one way once and prints its figures as JSON.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Way = Callable[[argparse.Namespace], Mapping[str, float]]
Figures = dict[str, list[float]]


def compare(
    title: str, ways: Sequence[Way], options: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Run the ways of a script in turn, or the one that `--only` names.

    Args:
        title: What is done.
        ways: The first is what the others are compared with; the first line of its docstring says
            how each does it.
        options: Adds the script's own arguments.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[way.__name__ for way in ways])
    parser.add_argument("--ways", nargs="+", help="of all ways only these")
    options(parser)
    words = parser.parse_args()
    if words.only:
        way = next(way for way in ways if way.__name__ == words.only)
        print(json.dumps(dict(way(words))))
        return
    chosen = [way for way in ways if not words.ways or way.__name__ in words.ways]
    found: dict[str, Figures] = {way.__name__: {} for way in chosen}
    for number in range(words.rounds):
        for way in chosen:
            for name, value in run_once(way.__name__).items():
                found[way.__name__].setdefault(name, []).append(value)
            print(f"round {number + 1}: {way.__name__} {found[way.__name__]['seconds'][-1]:.2f} s")
    write(title, chosen, found)


def run_once(way: str) -> dict[str, float]:
    """The figures of one way, from a process of its own."""
    command = [sys.executable, sys.argv[0], *sys.argv[1:], "--only", way]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def write(title: str, ways: Sequence[Way], found: Mapping[str, Figures]) -> None:
    """Print the table, and keep it in `results/`."""
    first = ways[0].__name__
    others = [name for name in found[first] if name != "seconds"]
    rounds = len(found[first]["seconds"])
    lines = [
        f"# {title}",
        "",
        f"- Command: `python {Path(sys.argv[0]).as_posix()} {' '.join(shown(sys.argv[1:]))}`".rstrip(),
        f"- {rounds} rounds in turn, medians, least to most in brackets.",
        f"- {dt.date.today()}; {machine()}",
        "",
        f"| way | seconds | times as fast as {first} | {' | '.join(others)} |",
        f"| --- | --- | --- |{' --- |' * len(others)}",
    ]
    for way in ways:
        figures = found[way.__name__]
        ratios = [a / b for a, b in zip(found[first]["seconds"], figures["seconds"], strict=True)]
        cells = [spread(figures["seconds"], ".2f"), spread(ratios, ".2f")]
        cells += [spread(figures.get(name, []), ".4g") for name in others]
        lines.append(f"| {way.__name__}: {told(way)} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{Path(sys.argv[0]).stem}.md").write_text(text)


def told(way: Way) -> str:
    """How a way does it: the first line of its docstring."""
    return (way.__doc__ or "").splitlines()[0].rstrip(".")


def spread(values: Sequence[float], form: str) -> str:
    """The median, and in brackets the least and the most."""
    if not values:
        return ""
    least, most = min(values), max(values)
    return f"{statistics.median(values):{form}} ({least:{form}} to {most:{form}})"


def shown(words: Sequence[str]) -> list[str]:
    """The words of a command without the folders of this machine."""
    return [Path(word).name if "/" in word else word for word in words]


def machine() -> str:
    """What it ran on."""
    import torch

    cores = torch.get_num_threads()
    able = torch.backends.cpu.get_cpu_capability()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.partition("+")[0]
    return f"{cores} cores of {platform.machine()} ({able}){gpu}, torch {version}"
