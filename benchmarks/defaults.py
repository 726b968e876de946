"""Defaults side by side: OneStop, its probe, logistic regression, fastai and AutoGluon on small sets.

    python benchmarks/defaults.py --weights lite0.safetensors --photos FOLDER --cifar FOLDER ...

`--photos` is the folder of ants and bees, `--cifar` CIFAR-10 as an image folder, `--mnist`
torchvision's folder of MNIST, `--bccd` and `--nuclei` those sets as published; what is not named is
left out. All ways start from the same weights of EfficientNet-Lite0, see the same training images, and
are scored on the same test images, which none of them sees before. Peers run in an environment of
their own (`benchmarks/peers.txt`), named by `--peers`; without it they are left out. Every way is a
process of its own with one computing thread. Results are added to `--log` as they come; what is there
is not run again, and `--only-table` prints the table of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import default_sets
from compare import heading
from default_sets import Set
from default_ways import PEERS, WAYS

Result = dict[str, Any]
_HERE = Path(__file__).parent


def sets(words: argparse.Namespace) -> Iterator[Set]:
    """The sets whose data are named, small ones first."""
    out = words.data
    if words.photos:
        yield default_sets.ants_and_bees(words.photos, out / "ants")
    if words.nuclei:
        yield default_sets.nuclei(words.nuclei, out / "nuclei")
    if words.bccd:
        yield default_sets.cells(words.bccd, out / "cells")
    for each in words.each:
        if words.cifar:
            for size in words.sizes:
                folder = out / f"cifar-{each}-{size}"
                yield default_sets.cifar10(words.cifar, folder, each, size)
        if words.mnist:
            yield default_sets.mnist(words.mnist, out / f"mnist-{each}", each)


def run(way: str, one: Set, seed: int, words: argparse.Namespace) -> Result:
    """Train in a process of its own; its scores, and what it took."""
    python = words.peers / "bin" / "python" if way in PEERS else sys.executable
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(_HERE / "default_ways.py"), way, "--table", str(one.table)]
        command += ["--weights", str(words.weights), "--seed", str(seed), "--out", folder]
        command += ["--numbers"] * one.numbers
        environment = {**os.environ, "OMP_NUM_THREADS": str(words.threads)}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        first = _Appearance(Path(folder) / "run" / "model.safetensors", begun)
        printed, problem = process.communicate()
        first.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        return {"failed": problem.strip().splitlines()[-1][:200]}
    predictions = json.loads(printed.splitlines()[-1])["predictions"]
    return {
        **scores(one, predictions),
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "usable_after": first.seconds,
    }


class _Appearance:
    """When a file appeared: the first model of a run is usable from then on."""

    def __init__(self, path: Path, begun: float) -> None:
        self.seconds: float | None = None
        self._path, self._begun, self._over = path, begun, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            if self._path.exists():
                self.seconds = time.perf_counter() - self._begun
                return


def scores(one: Set, predictions: list[Any]) -> dict[str, float]:
    """Accuracy and macro F1, or of numbers the root of the mean squared error, and R squared."""
    truths = [row["label"] for row in one.rows() if row["split"] == "test"]
    if one.numbers:
        return _errors([float(truth) for truth in truths], predictions)
    pairs = list(zip(truths, predictions, strict=True))
    parts = []
    for name in sorted(set(truths)):
        right = sum(truth == guess == name for truth, guess in pairs)
        parts.append(2 * right / (truths.count(name) + predictions.count(name)))
    accuracy = sum(truth == guess for truth, guess in pairs) / len(pairs)
    return {"accuracy": accuracy, "macro_f1": statistics.mean(parts), "images": len(pairs)}


def _errors(truths: list[float], guesses: list[float]) -> dict[str, float]:
    squares = [(truth - guess) ** 2 for truth, guess in zip(truths, guesses, strict=True)]
    rmse = math.sqrt(statistics.mean(squares))
    explained = 1 - rmse**2 / statistics.pvariance(truths)
    return {"rmse": rmse, "r2": explained, "images": len(truths)}


HEADS = [
    "data", "way", "seeds", "accuracy (rmse)", "95 % interval", "macro F1 (R²)", "seconds",
    "CPU seconds", "usable after",
]  # fmt: skip


def table(results: list[Result]) -> str:
    """The table of all results: medians over seeds."""
    note = "Medians over seeds (range in brackets); one computing thread per process."
    lines = heading("Defaults side by side", note, HEADS)
    for name in dict.fromkeys(result["data"] for result in results):
        for way in WAYS:
            of = [r for r in results if r["data"] == name and r["way"] == way]
            done = [result for result in of if "failed" not in result]
            if done:
                lines.append(f"| {' | '.join([name, summary(WAYS[way]), *_cells(done)])} |")
            elif of:
                lines.append(f"| {name} | {summary(WAYS[way])} | failed: {of[0]['failed']} |")
    return "\n".join(lines) + "\n"


def summary(way: Callable[..., Any]) -> str:
    """The first line of a way's docstring."""
    return (way.__doc__ or "").splitlines()[0].rstrip(".")


def _cells(done: list[Result]) -> list[str]:
    numbers = "rmse" in done[0]
    main, other, form = ("rmse", "r2", ".2f") if numbers else ("accuracy", "macro_f1", ".1%")
    interval = "" if numbers else _interval(done)
    usable = [r["usable_after"] for r in done if r["usable_after"]]
    return [
        str(len(done)), _spread([r[main] for r in done], form), interval,
        f"{statistics.median(r[other] for r in done):{form}}",
        _spread([r["seconds"] for r in done], ".0f"),
        f"{statistics.median(r['cpu_seconds'] for r in done):.0f}",
        f"{statistics.median(usable):.0f} s" if usable else "",
    ]  # fmt: skip


def _interval(done: list[Result]) -> str:
    """Wilson's interval of the median accuracy on so many images."""
    count, p, z = done[0]["images"], statistics.median(r["accuracy"] for r in done), 1.96
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + (z / (2 * count)) ** 2)
    return f"{middle - half:.1%} to {middle + half:.1%}"


def _spread(values: list[float], form: str) -> str:
    text = f"{statistics.median(values):{form}}"
    if len(values) == 1:
        return text
    return f"{text} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    """Run what is missing, print the table."""
    words = _parsed()
    results = []
    if words.log.exists():
        results = [json.loads(line) for line in words.log.read_text().splitlines()]
    known = {(r["data"], r["way"], r["seed"]) for r in results}
    for one in [] if words.only_table else sets(words):
        for seed in range(words.seeds):
            for way in words.ways or WAYS:
                if (one.name, way, seed) in known or (way in PEERS and not words.peers):
                    continue
                result = {"data": one.name, "way": way, "seed": seed, **run(way, one, seed, words)}
                print(json.dumps(result), flush=True)
                results.append(result)
                with words.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    print(table(results))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("photos", "cifar", "mnist", "bccd", "nuclei", "weights", "peers"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--each", type=int, nargs="+", default=[50], help="images per class")
    sizes = (32, default_sets.ENLARGED)
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="pixels of CIFAR-10")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="computing threads (default: 1)")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), help="only these")
    parser.add_argument("--only-table", action="store_true", help="run nothing")
    for name, usual in (("data", "build/defaults"), ("log", "build/defaults/results.jsonl")):
        parser.add_argument(f"--{name}", type=Path, default=Path(usual))
    return parser.parse_args()


if __name__ == "__main__":
    main()
