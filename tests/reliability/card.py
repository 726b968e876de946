"""All that is tried against reliability, in large numbers, and a card that says what came of it.

    python -m tests.reliability.card --trials 1000

The tests say with `tried` what they tried; here they are run, and what they said is put into a table
with the machine, the commit and the command.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent.parent
T = TypeVar("T")
_NOTES = "ONESTOP_CARD"  # the variable that names the file of what was tried


def tried(what: str, how_often: str) -> None:
    """Say what a test has tried, and how often, all of it without a failure."""
    print(f"{what}: {how_often}")
    if place := os.environ.get(_NOTES):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, how_often]) + "\n")


def sampled(everything: Sequence[T], step: int) -> Sequence[T]:
    """All of it for the card, every `step`th of it in `make test`."""
    return everything if _NOTES in os.environ else everything[::step]


def main() -> int:
    """Run everything and print the card; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="runs killed and resumed")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of these runs")
    parser.add_argument("--mutants", type=int, default=20_000, help="images changed at random")
    parser.add_argument("--examples", type=int, default=3000, help="files thought up, of each kind")
    words = parser.parse_args()
    begun, rows, failed = time.monotonic(), list[tuple[str, str, str]](), 0
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        space = {
            **os.environ, _NOTES: str(notes), "OMP_NUM_THREADS": "1",
            "ONESTOP_MUTANTS": str(words.mutants), "ONESTOP_EXAMPLES": str(words.examples),
        }  # fmt: skip
        killing = ["tests.reliability.killing", f"--trials={words.trials}", f"--seed={words.seed}"]
        others = ["pytest", "-s", "-q", "tests/reliability"]
        others.append("--ignore=tests/reliability/test_killing.py")
        jobs = {"runs killed at random": killing, "the tests": others}
        for name, job in {**jobs, "guards taken out": ["tests.reliability.guards"]}.items():
            command = [sys.executable, "-m", *job]
            code = subprocess.run(command, cwd=ROOT, env=space, check=False).returncode
            failed += code != 0
            rows += [(what, often, "0") for what, often in _read(notes)]
            if code:
                rows.append((name, "see above", "FAILED"))
            notes.unlink(missing_ok=True)
    print("\n".join(["", *_heading(words, time.monotonic() - begun), *map(_row, rows)]))
    return int(failed > 0)


def _heading(words: argparse.Namespace, seconds: float) -> list[str]:
    given = f"--trials {words.trials} --seed {words.seed}"
    git = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(
        git, cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return [
        f"{dt.date.today()}, commit {commit}, {seconds / 60:.0f} minutes on {machine()}: "
        f"`python -m tests.reliability.card {given}`",
        "", "| what | tried | failures |", "| --- | --- | --- |",
    ]  # fmt: skip


def _row(row: tuple[str, str, str]) -> str:
    return f"| {' | '.join(row)} |"


def _read(notes: Path) -> list[tuple[str, str]]:
    if not notes.exists():
        return []
    return [(what, often) for what, often in map(json.loads, notes.read_text().splitlines())]


def machine() -> str:
    """Processor, cores and versions, in words."""
    import torch

    from onestop.runtime.device import cores
    from onestop.runtime.fingerprint import cpu_name

    return (
        f"{cores()} cores of {cpu_name()}, {platform.system()}, Python "
        f"{platform.python_version()}, torch {torch.__version__.partition('+')[0]}"
    )


if __name__ == "__main__":
    sys.exit(main())
