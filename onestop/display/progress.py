"""Progress of a training run: a bar on a terminal or in a notebook, else one line per epoch.

Everything goes to standard error, so that standard output holds only results; every line also goes to
the run's log.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from onestop.errors import one_line
from onestop.metrics.spec import LOSS, Metric
from onestop.runtime.files import open_log
from onestop.training.records import EpochRecord, StepRecord

_SILENCE = 60.0  # seconds after which a long epoch prints a sign of life
_WAITING = 0.03  # fraction of an epoch spent waiting for images that is worth reporting
_FIRST = 3  # metrics of an epoch that are shown where there are many
_REFRESH = 0.1  # seconds between two updates of the bar


class _Console(Console):
    """Goes silent if its terminal is closed, so that training continues."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def _shows_bars(console: Console) -> bool:
    """Whether a bar can be drawn: on a terminal, or in a notebook that has widgets for it."""
    if console.quiet:
        return False
    if console.is_jupyter:  # without them each bar would be a box that asks for them
        return importlib.util.find_spec("ipywidgets") is not None
    return console.is_terminal


@contextlib.contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal or in a notebook; call it with the task's name, done and total."""
    console = _Console(stderr=True, quiet=quiet, highlight=False)
    if not _shows_bars(console):
        yield lambda *_: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=total)

        yield watch


class Watcher:
    """Shows the records of the training loop."""

    def __init__(self, metrics: Sequence[Metric] = (), *, quiet: bool = False) -> None:
        """Besides the loss, shows the first metric and those that are computed during training.

        `quiet` shows nothing; the log is still written.
        """
        self._metrics = [
            metric
            for place, metric in enumerate(metrics)
            if metric.name != LOSS.name and (place == 0 or metric.training)
        ]
        self.console = _Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.log: Path | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last = time.monotonic()
        self._epoch, self._begun, self._before = 0, self._last, 0

    def say(self, text: str) -> None:
        """Print and log a line; a failure to write it does not stop the run."""
        text = one_line(text)
        with contextlib.suppress(OSError):
            self.console.print(text, markup=False)
        if self.log:
            with (
                contextlib.suppress(OSError),
                open_log(self.log) as file,
            ):
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def __enter__(self) -> Watcher:
        if _shows_bars(self.console):
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[metrics]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[left]}"),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, metrics="starting", left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, record: StepRecord | EpochRecord, epochs: int) -> None:
        """Show a record of the loop; cheap enough for every step."""
        if isinstance(record, EpochRecord):
            self._show_epoch(record, epochs)
            return
        if record.epoch != self._epoch:  # its first step: speed is counted from here
            self._epoch, self._begun = record.epoch, time.monotonic()
            self._before = record.images
        if self._bar and self._task is not None:
            if time.monotonic() - self._last >= _REFRESH:
                self._last = time.monotonic()
                self._bar.update(
                    self._task,
                    description=f"epoch {record.epoch}/{epochs}",
                    total=record.steps,
                    completed=record.step,
                    metrics=self._running(record),
                    left="left",
                )
        elif time.monotonic() - self._last >= _SILENCE:
            self._last = time.monotonic()
            place = f"epoch {record.epoch}/{epochs} step {record.step}/{record.steps}"
            self.say(f"{place} {self._running(record)}")

    def probing(self, done: int, total: int) -> None:
        """Show how far the features of a probe are."""
        if self._bar and self._task is not None:
            self._bar.update(
                self._task, description="probe", total=total, completed=done,
                metrics="features of the training images", left="left",
            )  # fmt: skip

    def _show_epoch(self, record: EpochRecord, epochs: int) -> None:
        row = record.row
        parts = [f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}" if record.epoch else "probe"]
        if "train_loss" in row:
            parts += [f"loss {row['train_loss']:.4f}", *self._texts(row, "train_")]
        scored = self._texts(row, "val_")
        if "val_loss" in row:
            parts += [f"| val loss {row['val_loss']:.4f}", *scored]
        elif scored:  # a task without a loss in evaluation
            parts += ["| val", *scored[:_FIRST]]
        parts.append(f"| {row['images_per_second']:,.0f} images/s")
        if row["waiting"] >= _WAITING:
            parts.append(f"input-bound {row['waiting']:.0%}")
        if record.best and ("val_loss" in row or scored):
            parts.append("*")
        self._last = time.monotonic()
        self.say(" ".join(parts))

    def _running(self, record: StepRecord) -> str:
        """The epoch so far: loss, metrics and speed."""
        seconds = time.monotonic() - self._begun
        speed = (record.images - self._before) / seconds if seconds else 0.0
        parts = [f"loss {record.train_loss:.4f}", *self._texts(record.train_metrics, digits=1)]
        return " ".join([*parts, f"| {speed:,.0f} images/s"] if speed else parts)

    def _texts(self, values: Mapping[str, Any], part: str = "", digits: int = 2) -> list[str]:
        """Title and value of each metric that has a value."""
        return [
            f"{metric.title} {metric.text(float(values[part + metric.name]), digits)}"
            for metric in self._metrics
            if part + metric.name in values
        ]
