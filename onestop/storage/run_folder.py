"""The run folder: the names of its files, the lock on it, and the file of epochs."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from filelock import FileLock, Timeout

from onestop.errors import RunLockedError, UsageError
from onestop.metrics.spec import LOSS, Metric
from onestop.reading import read_text
from onestop.runtime.csv_files import csv_text
from onestop.runtime.files import is_single, kind_of, write_atomic
from onestop.text import listing

MODEL = "model.safetensors"  # the best network, with everything needed to use it
RECIPE = "recipe.yaml"  # every setting, resolved
INFO = "run.json"  # its task and metrics, and notes and warnings from training
METRICS = "metrics.json"  # final values of the metrics
EPOCHS = "metrics.csv"  # one row per epoch
PREDICTIONS = "predictions.csv"  # what was predicted for each held-out image
CONFUSION = "confusion.csv"  # how often each class was predicted as each
LABEL_ISSUES = "label_issues.csv"  # images whose label looks wrong
REPORT = "report.html"  # all of it as a page
SKIPPED = "skipped.csv"  # files of the source that were not used, and why
LOG = "log.txt"  # what was printed while training
STATE = "state"  # what is needed to resume
TRACKING = "tracking.json"  # the run's name in each tracker
LOCK = ".lock"

State: TypeAlias = Literal["done", "going on", "stopped", "unreadable"]
_MOST = 2**26  # bytes of metrics.csv: 64 MiB, some 400,000 epochs
_DIGITS = 15  # of an epoch or a step


def columns_of(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The columns of metrics.csv for a task with these metrics.

    >>> columns_of([Metric("mae", "mae"), LOSS])[4:7]
    ('train_loss', 'val_loss', 'val_mae')
    """
    others = [metric for metric in metrics if metric.name != LOSS.name]
    return (
        "epoch", "step", "seconds", "lr",
        "train_loss", *(f"train_{metric.name}" for metric in others if metric.training),
        "val_loss", *(f"val_{metric.name}" for metric in others if metric.evaluated),
        "images_per_second", "waiting", "scoring",
    )  # fmt: skip


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether the path is a folder that a training run wrote, as far as can be seen."""
    try:
        return has_recipe(Path(path))
    except OSError:  # no access
        return False


def has_recipe(folder: Path) -> bool:
    """Whether there is a recipe in a folder.

    Raises:
        OSError: It cannot be known: no access.
    """
    try:
        return stat.S_ISREG((folder / RECIPE).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last: not a path at all
        return False


def require_run(folder: Path) -> None:
    """See that a folder is that of a run.

    Raises:
        UsageError: It is not, or cannot be looked into.
    """
    try:
        if has_recipe(folder):
            return
        what = "nothing" if not folder.exists() else kind_of(folder / RECIPE)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}; allow access to it") from None
    why = f"it has no {RECIPE}" if what == "nothing" else f"its {RECIPE} is a {what}, not a file"
    raise UsageError(f"{folder}: is not a run folder: {why}; name a folder below runs/")


def create_run(out: str | Path, name: str) -> Path:
    """Create a folder `out/name`, or `out/name-2`, `out/name-3`, ... if that exists.

    Raises:
        UsageError: `out` is itself a run, or cannot be written to.
    """
    out = Path(out)
    if is_run(out):
        raise UsageError(f"--out {out}: is a run itself; name the folder that holds the runs")
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise UsageError(f"--name {name!r}: must be a plain folder name; put the path in --out")
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
    """Lock the run folder for this process; released when the process ends, however it ends.

    Raises:
        RunLockedError: Another process is training in this folder.
        UsageError: The folder cannot be written to, or its lock is not a file of its own.
    """
    if not is_single(folder / LOCK):  # opening it could empty another file
        raise UsageError(f"{folder / LOCK}: is not a lock that a run made; remove it")
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
    if not (folder / LOCK).exists() or not is_single(folder / LOCK):
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # cannot be known of a read-only folder
        return False
    lock.release()
    return False


def state_of(metrics: Mapping[str, Any], *, busy: bool) -> State:
    """The state of a run, from its final metrics and whether a process is training in it."""
    return "going on" if busy else "done" if metrics else "stopped"


class EpochsFile:
    """`metrics.csv`: one row per epoch.

    Attributes:
        lost: Epochs of an earlier process whose rows could not be read.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], keep_epochs: int = 0, *, probed: bool = False
    ) -> None:
        """Take over the rows of the first `keep_epochs` epochs from an earlier process.

        With `probed`, there is one before them, of epoch 0: the probe.
        Columns that are no longer written are dropped from them, and so are damaged rows.
        """
        self.path, self._columns = path, tuple(columns)
        # As text: runs of a thousand short epochs would spend most of their time on formatting rows.
        self._lines = [csv_text(self._columns, [], header=True)]
        rows = {int(row["epoch"]): row for row in self.read(path)} if keep_epochs or probed else {}
        for row in (
            row for epoch, row in sorted(rows.items()) if 1 - probed <= epoch <= keep_epochs
        ):
            values = {name: row.get(name, "") for name in self._columns}
            self._lines.append(csv_text(self._columns, [values]))
        self.lost = keep_epochs + probed - (len(self._lines) - 1)
        self._changed = True

    @staticmethod
    def read(path: Path) -> list[dict[str, str]]:
        """The rows written so far, without those that are damaged; none if there is no such file."""
        try:
            lines = io.StringIO(read_text(path, _MOST), newline="")
            rows = list(csv.DictReader(lines))
        except (OSError, ValueError, csv.Error):
            return []
        return [checked for row in rows if (checked := _checked(row))]

    def add(self, row: Mapping[str, object]) -> None:
        """Add an epoch's row, to be written with the next `write`.

        Raises:
            ValueError: The row has a value without a column.
        """
        if unknown := [name for name in row if name not in self._columns]:
            raise ValueError(
                f"{self.path.name} has no column {listing(unknown)}: a task must declare in `metrics` "
                "what its evaluation returns"
            )
        self._lines.append(csv_text(self._columns, [row]))
        self._changed = True

    def write(self) -> None:
        """Write all rows atomically, if any is new.

        Raises:
            OneStopError: The file cannot be written.
        """
        if self._changed:
            write_atomic(self.path, "".join(self._lines))
            self._changed = False


def _checked(row: Mapping[Any, Any]) -> dict[str, str] | None:
    """A row with its cells that are numbers, the others empty; None if it is not that of an epoch."""
    if None in row or None in row.values() or "seconds" not in row:  # too many or too few cells
        return None
    counts = [row.get("epoch", ""), row.get("step") or "0"]
    if not all(cell.isdecimal() and len(cell) <= _DIGITS for cell in counts):
        return None
    return _current({name: cell if _is_number(name, cell) else "" for name, cell in row.items()})


def _is_number(name: str, cell: str) -> bool:
    """Whether a cell is a number; a loss or metric may have become infinite or NaN."""
    try:
        return math.isfinite(float(cell)) or name.startswith(("train_", "val_"))
    except ValueError:
        return False


def _current(row: dict[str, str]) -> dict[str, str]:
    """A row in its current form; earlier versions had no RMSE, which follows from `val_loss`."""
    if not row.get("val_mae") or "val_rmse" in row:
        return row
    with contextlib.suppress(KeyError, ValueError):
        if (loss := float(row["val_loss"])) >= 0:
            return {**row, "val_rmse": str(loss**0.5)}
    return row
