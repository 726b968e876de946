"""The run folder: the names of its files, who may write to it, and how a file gets there whole."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from filelock import FileLock, Timeout

from onestop.errors import RunLockedError, UsageError
from onestop.runtime.csv_files import csv_text
from onestop.runtime.files import write_atomic

MODEL = "model.safetensors"  # the best network, with all it needs
RECIPE = "recipe.yaml"  # every setting, resolved
METRICS = "metrics.json"  # final figures
EPOCHS = "metrics.csv"  # a row an epoch
PREDICTIONS = "predictions.csv"  # what was said of each held-out image
CONFUSION = "confusion.csv"  # how often each class was named as which
REPORT = "report.html"  # all of it as a page to look at
SKIPPED = "skipped.csv"  # files of the source that were not used, and why
LOG = "log.txt"  # what was said on the way
STATE = "state"  # what is needed to go on
TRACKING = "tracking.json"  # the run's name in each tracker that was asked for
LOCK = ".lock"

State: TypeAlias = Literal["done", "going on", "stopped"]


COLUMNS = (
    "epoch", "step", "seconds", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "val_top5", "val_macro_f1", "val_mae", "images_per_second", "waiting",
    "scoring",
)  # fmt: skip


def is_run(path: str | Path) -> bool:
    """Whether the path is a folder that a training run wrote."""
    return (Path(path) / RECIPE).is_file()


def create_run(out: str | Path, name: str) -> Path:
    """Make a new folder `out/name`, or `out/name-2`, `out/name-3`, ... where that exists.

    Raises:
        UsageError: `out` is itself a run, or cannot be written to.
    """
    out = Path(out)
    if is_run(out):
        raise UsageError(f"--out {out}: is a run itself; name the folder that is to hold runs")
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise UsageError(f"--name {name!r}: must be a plain folder name; put the path into --out")
    number = 1
    while True:
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if out.exists() and not out.is_dir():
                raise UsageError(f"--out {out}: is a file; name a folder") from None
            number += 1
            continue
        except OSError as error:
            raise UsageError(
                f"--out {out}: {error.strerror}; name a folder you may write"
            ) from None
        return folder


def lock_run(folder: Path) -> FileLock:
    """Take the run folder for this process; released when the process ends, however it ends.

    Raises:
        RunLockedError: Another process is training in this folder.
        UsageError: The folder cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunLockedError(f"{folder}: another process is training here; wait for it") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror})") from None
    return lock


def is_busy(folder: Path) -> bool:
    """Whether another process is training in a run folder."""
    if not (folder / LOCK).exists():
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder that may only be read tells nothing
        return False
    lock.release()
    return False


def state_of(metrics: Mapping[str, Any], *, busy: bool) -> State:
    """How far a run is, by its final figures and whether a process is training there."""
    return "going on" if busy else "done" if metrics else "stopped"


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed while writing has left; to be called with the lock."""
    for place in (folder, folder / STATE):
        for path in place.glob(".*.tmp"):
            path.unlink(missing_ok=True)


class EpochsFile:
    """`metrics.csv`: a row an epoch."""

    def __init__(self, path: Path, keep_epochs: int = 0) -> None:
        """Take over the rows of the first `keep_epochs` epochs from an earlier process."""
        self.path = path
        # As text: runs of a thousand quick epochs would spend most of their time on writing rows anew.
        self._lines = [csv_text(COLUMNS, [], header=True)]
        if keep_epochs and path.exists():
            self._lines += [csv_text(COLUMNS, [row]) for row in self.read(path)[:keep_epochs]]
        self._changed = True

    @staticmethod
    def read(path: Path) -> list[dict[str, str]]:
        """The rows written so far, without those that are damaged."""
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (ValueError, csv.Error):
            return []
        return [row for row in rows if "seconds" in row and None not in row.values()]

    def add(self, row: Mapping[str, object]) -> None:
        """Add an epoch's row, to be written with the next `write`."""
        self._lines.append(csv_text(COLUMNS, [row]))
        self._changed = True

    def write(self) -> None:
        """Write all rows, whole or not at all, where any is new.

        Raises:
            OneStopError: That failed.
        """
        if self._changed:
            write_atomic(self.path, "".join(self._lines))
            self._changed = False
