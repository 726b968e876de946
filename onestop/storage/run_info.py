"""run.json: the task of a run, its metrics, and notes and warnings from training.

    {"version": 1, "task": "classification",
     "metrics": [{"name": "accuracy", "title": "accuracy", "higher": true, "percent": true,
                  "training": true}, ...],
     "notes": ["note: ...", "warning: ..."],
     "derived": {"lr": "0.05 for a batch of 128, ...", ...}}

Code that shows a run reads this instead of knowing the tasks, and without importing torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onestop.errors import OneStopError
from onestop.metrics.spec import LOSS, Metric
from onestop.reading import read_object
from onestop.runtime.checked import fits
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.storage.run_folder import EPOCHS, INFO, METRICS, EpochsFile

VERSION = 1
_EARLIER = {
    "classification": (
        Metric("accuracy", "accuracy", percent=True, training=True),
        Metric("top5", "top-5", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        LOSS,
    ),
    "regression": (
        Metric("rmse", "rmse", higher=False), Metric("mae", "mae", higher=False),
        Metric("r2", "r2"), LOSS,
    ),
}  # fmt: skip
"""The tasks that existed before run.json did; fixed, whatever tasks are added or changed."""
_TYPES = {"name": str, "title": str, "higher": bool, "percent": bool, "training": bool}


@dataclass(frozen=True)
class RunInfo:
    """The content of run.json.

    Attributes:
        task: Name of the task.
        metrics: Metrics of the task; tables of runs show the first.
        notes: Notes and warnings in order, without repeats; None if they were not recorded.
        whys: The reasons of settings that nobody set, by name; empty if they were not recorded.
    """

    task: str
    metrics: tuple[Metric, ...]
    notes: tuple[str, ...] | None = None
    whys: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> Metric:
        """The metric that represents the run."""
        return self.metrics[0]


def read_info(folder: Path) -> RunInfo:
    """The task, metrics and notes of a run, from its folder; never raises.

    Parts of run.json that are missing, damaged or of another type are ignored. A run of an earlier
    version has no run.json: its task is inferred from its metrics.
    """
    values = read_object(folder / INFO)
    task = values.get("task")
    task = task if isinstance(task, str) else _earlier_task(folder)
    metrics = _metrics(values.get("metrics")) or _EARLIER.get(task)
    return RunInfo(
        task, metrics or _EARLIER[_earlier_task(folder)], _notes(values.get("notes")),
        _whys(values.get("derived")),
    )  # fmt: skip


def _metrics(rows: Any) -> tuple[Metric, ...]:
    """Metrics from their JSON, the first of each name, without damaged ones."""
    metrics: dict[str, Metric] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and all(fits(t, row.get(k)) for k, t in _TYPES.items()):
            evaluated = row.get("evaluated") is not False  # earlier versions have none
            known = {key: row[key] for key in _TYPES}
            metrics.setdefault(row["name"], Metric(**known, evaluated=evaluated))
    return tuple(metrics.values())


def _notes(lines: Any) -> tuple[str, ...] | None:
    """Notes from their JSON, without repeats; None if there is no list of them."""
    if not isinstance(lines, list):
        return None
    return tuple(dict.fromkeys(line for line in lines if fits(str, line)))


def _whys(reasons: Any) -> dict[str, str]:
    """Reasons from their JSON, those that are text."""
    pairs = reasons.items() if isinstance(reasons, dict) else ()
    return {name: why for name, why in pairs if isinstance(why, str)}


def _earlier_task(folder: Path) -> str:
    """The task of a run without run.json: regression if it has metrics, but no accuracy."""
    if metrics := read_object(folder / METRICS):
        return "classification" if "accuracy" in metrics else "regression"
    epochs = EpochsFile.read(folder / EPOCHS)
    measured = any(row.get("val_accuracy") or row.get("train_accuracy") for row in epochs)
    return "classification" if measured or not epochs else "regression"


class InfoFile:
    """`run.json` of a run that is training; it keeps the notes of earlier processes."""

    def __init__(
        self, folder: Path, task: str, metrics: Sequence[Metric], whys: Mapping[str, str] = {}
    ) -> None:  # fmt: skip
        """Read the notes already in the folder, and write the file.

        Raises:
            OneStopError: It cannot be written.
        """
        self.path = folder / INFO
        self._about: Mapping[str, Any] = {
            "version": VERSION,
            "task": task,
            "metrics": [dataclasses.asdict(metric) for metric in metrics],
        }
        self._whys = dict(whys)
        self._notes = list(_notes(read_object(self.path).get("notes")) or ())
        self._write()

    def note(self, line: str) -> None:
        """Add a line if it is new. A failure to write it does not stop the run."""
        if line not in self._notes:
            self._notes.append(line)
            self._changed = True
            self.flush()

    def explain(self, setting: str, why: str) -> None:
        """Give the reason of a setting that nobody set.

        Raises:
            OneStopError: It cannot be written.
        """
        self._whys[setting] = why
        self._write()

    def flush(self) -> None:
        """Write notes that could not be written before, if any."""
        if self._changed:
            with contextlib.suppress(OneStopError):
                self._write()

    def _write(self) -> None:
        derived = {"derived": self._whys} if self._whys else {}
        text = json_text({**self._about, "notes": self._notes, **derived}, indent=2)
        write_atomic(self.path, text + "\n")
        self._changed = False
