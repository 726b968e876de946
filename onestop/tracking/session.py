"""Sends the records of a run to its tracker.

These are the records that the progress bar shows. Every epoch is sent, but only as many steps as cost
next to nothing. A resumed run repeats steps that were not saved, bit for bit; what the tracker already
has is not sent again, and epochs that it lacks are filled in from metrics.csv.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from onestop.errors import InterruptedRun, UsageError
from onestop.recipe import Recipe
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.runtime.signals import Stopped
from onestop.storage.run_folder import EPOCHS, TRACKING, EpochsFile
from onestop.tracking import read_tracking
from onestop.tracking.tracker import Opening, Status, Tracker, without_secrets, words_of
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.state import Progress

_PAUSE = 1.0  # minimum seconds between two steps that are sent
_SHARE = 0.02  # of a run's time that sending steps may take


class Tracking:
    """A run's connection to its tracker; does nothing if the recipe has none.

    A tracker that fails after the run has begun costs a warning, not the run.
    """

    def __init__(self, folder: Path, recipe: Recipe, notify: Callable[[str], None]) -> None:
        """`notify` is called with the tracker's location, and with a warning if it fails."""
        self._folder, self._recipe, self._notify = folder.resolve(), recipe, notify
        self._name = recipe.machine.track
        self._tracker: Tracker | None = None
        self._final: dict[str, float | str] = {}
        self._step = 0  # the last one seen
        self._next = 0.0  # when the next step is sent

    def begin(self, progress: Progress) -> None:
        """Open the tracker and send it the epochs that it lacks.

        Raises:
            UsageError: It cannot be opened, and the run has no progress yet that could be lost.
        """
        if self._name == "none":
            return
        self._step = progress.step
        try:
            self._open(progress)
        except Exception as error:  # of whatever type the tracker raises
            if progress.step == 0:
                self._close()
                raise UsageError(
                    f"--track {self._name}: {words_of(error)}; fix it, or train without: "
                    f"onestop train {self._folder} --track none"
                ) from error
            self._give_up(error)

    def anew(self, recipe: Recipe) -> None:
        """End what was sent so far, as failed; `begin` then starts from nothing, with this recipe."""
        self._recipe = recipe
        if self._tracker is not None:
            with contextlib.suppress(Exception):  # it is over anyway
                self._tracker.finish({}, self._step, "failed")
            self._close()
            known = read_tracking(self._folder)
            known.pop(self._name, None)
            write_atomic(self._folder / TRACKING, json_text(known, indent=2) + "\n")

    def _open(self, progress: Progress) -> None:
        name, known = self._name, read_tracking(self._folder)
        settings = {k: v for k, v in self._recipe.values().items() if v is not None}
        opening = Opening(
            self._folder, settings, known.get(name, {}), progress.epoch, progress.step
        )
        module = importlib.import_module(f"onestop.tracking.{name}")
        self._tracker = tracker = cast(Tracker, module.open_tracker(opening))
        self._notify(f"tracking: {without_secrets(tracker.where)}")
        if tracker.keep != opening.known:
            known[name] = tracker.keep
            write_atomic(self._folder / TRACKING, json_text(known, indent=2) + "\n")
        for row in _rows(self._folder, tracker.epoch, progress.epoch):
            tracker.write(metrics_of(row), int(row["step"]))

    def show(self, record: StepRecord | EpochRecord) -> None:
        """Take a record of the loop; cheap enough for every step."""
        if self._tracker is None:
            return
        if isinstance(record, EpochRecord):
            if record.epoch > self._tracker.epoch:
                self._write(metrics_of(record.row), int(record.row["step"]))
            return
        self._step = record.step
        begun = time.monotonic()
        if record.step > self._tracker.step and begun >= self._next:
            self._write(_finite({"batch/loss": record.loss, "batch/lr": record.lr}), record.step)
            took = time.monotonic() - begun
            self._next = begun + took + max(_PAUSE, took / _SHARE)

    def final(self, metrics: Mapping[str, Any]) -> None:
        """Take the final metrics, as in metrics.json."""
        values = {f"final/{name}": value for name, value in metrics.items()}
        self._final = {**_finite(values), "final/split": str(metrics["split"])}

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if self._tracker is None:
            return
        try:
            self._tracker.finish(self._final, self._step, _status(error))
        except Exception as problem:
            self._give_up(problem)
        finally:
            self._close()

    def _write(self, metrics: Mapping[str, float], step: int) -> None:
        assert self._tracker is not None
        try:
            self._tracker.write(metrics, step)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._notify(
            f"warning: {self._name} no longer accepts metrics ({words_of(error)}); "
            "the run continues without it"
        )
        self._close()

    def _close(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            with contextlib.suppress(Exception):
                tracker.close()


def metrics_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of an epoch, by their names in a tracker.

    >>> metrics_of({"epoch": 1, "step": 20, "lr": 0.1, "val_loss": "0.5", "val_top5": ""})
    {'epoch': 1.0, 'lr': 0.1, 'val/loss': 0.5}
    """
    parts = ("train", "val")  # trackers group metrics by prefix
    return _finite({
        name.replace("_", "/", 1) if name.partition("_")[0] in parts else name: value
        for name, value in row.items()
        if name != "step" and value != ""
    })  # fmt: skip


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among values; reading them waits for the GPU."""
    return {name: x for name, v in values.items() if math.isfinite(x := _number(v))}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _rows(folder: Path, after: int, until: int) -> list[dict[str, str]]:
    """The rows of metrics.csv of the epochs `after + 1` to `until`."""
    rows = EpochsFile.read(folder / EPOCHS) if after < until else []
    return [row for row in rows if after < int(row["epoch"]) <= until and row.get("step")]


def _status(error: BaseException | None) -> Status:
    if error is None:
        return "finished"
    interruption = InterruptedRun | Stopped | KeyboardInterrupt
    return "stopped" if isinstance(error, interruption) else "failed"
