"""Ways of doing one job, run in turn, each in a process of its own, and told as medians and ratios.

A benchmark script defines a function a way, each of which does the job once and returns its figures
(`seconds` among them, `images_per_second` where that is what counts, and what shows that the job was
done well, such as `accuracy`), and ends with

    if __name__ == "__main__":
        compare("what is done", [tutorial, onestop, limit], add_arguments)

Called without `--only` it runs every way `--rounds` times in turn (A B C A B C ...), so that a machine
that slows down slows all of them. Round r uses seed r in every way, so that accuracies are of as many
seeds as rounds and belong together in pairs. It prints a table and writes it to `benchmarks/results/`.
With `--only NAME` it does one way once and prints its figures as JSON.
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
Figures = dict[str, list[float]]


def compare(
    title: str,
    ways: Sequence[Way],
    options: Callable[[argparse.ArgumentParser], None],
    name: Callable[[argparse.Namespace], str] | None = None,
) -> None:
    """Run the ways of a script in turn, or the one that `--only` names.

    Args:
        title: What is done.
        ways: The first is what the others are compared with; the first line of its docstring says
            how each does it.
        options: Adds the script's own arguments.
        name: What the table is called, where the arguments change the job; else as the script.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[way.__name__ for way in ways])
    parser.add_argument("--ways", nargs="+", help="of all ways only these")
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--no-write", action="store_true", help="leave results/ as it is")
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
            figures = run_once(way.__name__, words.seed + number)
            for what, value in figures.items():
                found[way.__name__].setdefault(what, []).append(value)
            told_so_far = ", ".join(f"{what} {value:.4g}" for what, value in figures.items())
            print(f"round {number + 1}: {way.__name__}: {told_so_far}", flush=True)
    text = table(title, chosen, found)
    print(text)
    if not words.no_write:
        write(name(words) if name else Path(sys.argv[0]).stem, text)


def write(what: str, text: str) -> None:
    """Keep a table in `results/`, under what was measured, the machine and the day."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{what}_{slug()}_{dt.date.today()}.md").write_text(text)


def run_once(way: str, seed: int) -> dict[str, float]:
    """The figures of one way, from a process of its own."""
    command = [sys.executable, sys.argv[0], *sys.argv[1:], "--only", way, "--seed", str(seed)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(title: str, ways: Sequence[Way], found: Mapping[str, Figures]) -> str:
    """Medians and spreads; ratios are of the rounds one by one."""
    first, rounds = found[ways[0].__name__], len(found[ways[0].__name__]["seconds"])
    by_speed = all("images_per_second" in figures for figures in found.values())
    figures_told = [f for way in ways for f in found[way.__name__]]
    others = [f for f in dict.fromkeys(figures_told) if f != "seconds"]
    limit = found.get("limit", {}) if by_speed else {}
    heads = ["way", "seconds", f"times as fast as {ways[0].__name__}"]
    heads += ["share of the limit"] * bool(limit) + others
    how = f"{rounds} rounds in turn, seeds 0 to {rounds - 1}; medians, least to most in brackets."
    lines = heading(title, how, heads)
    for way in ways:
        figures = found[way.__name__]
        cells = [f"{way.__name__}: {told(way)}", spread(figures["seconds"], ".2f")]
        cells.append(spread(faster(first, figures, by_speed=by_speed), ".2f"))
        if limit:
            cells.append(spread(faster(limit, figures, by_speed=True), ".0%"))
        cells += [spread(figures.get(other, []), ".4g") for other in others]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def heading(title: str, how: str, heads: Sequence[str]) -> list[str]:
    """What stands above a table's rows: how to get it again, and where it was got."""
    command = f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(shown(sys.argv[1:]))}"
    return [
        f"# {title}",
        "",
        f"- Command: `{command.rstrip()}`",
        f"- {how}",
        f"- {dt.date.today()}; {machine()}",
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * len(heads) + "|",
    ]


def faster(base: Figures, figures: Figures, *, by_speed: bool) -> list[float]:
    """How many times as fast as the base, round by round."""
    if by_speed:
        pairs = zip(figures["images_per_second"], base["images_per_second"], strict=True)
    else:
        pairs = zip(base["seconds"], figures["seconds"], strict=True)
    return [a / b for a, b in pairs]


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

    able = torch.backends.cpu.get_cpu_capability()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.partition("+")[0]
    return f"{torch.get_num_threads()} cores of {processor()} ({able}){gpu}, torch {version}"


def processor() -> str:
    """The processor by its own name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {platform.machine()}" if names else platform.machine()


def slug() -> str:
    """The machine in a file's name."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name().replace(" ", "-").lower()
    able = torch.backends.cpu.get_cpu_capability().lower()
    return f"{torch.get_num_threads()}-cores-{platform.machine()}-{able}"


def clock() -> Callable[[], float]:
    """A function that says how many seconds ago this one was called."""
    begun = time.perf_counter()
    return lambda: time.perf_counter() - begun
