"""The first steps of a run: whether they disprove its learning rate.

A rate that is far too high shows at once: the loss grows until it is NaN or infinite, or stays many
times above where it began. Over networks of the catalogue on small sets, single batches reached 26
times the first loss in runs that learned, ten in a row 3.2 times; in those that did not, ten in a row
reached 16 to 10^25 times (`benchmarks/results/first_steps.md`).
"""

from __future__ import annotations

import math

from onestop.training.records import EpochRecord, StepRecord, Value

STEPS = 100
"""Steps after warm-up in which the rate is on trial."""
FIRST = 5
"""Losses whose largest is where the loss began."""
TIMES = 10.0
"""How many times as large losses must be, `IN_A_ROW`, to disprove the rate; that of 1 at least."""
IN_A_ROW = 10
_READ_EVERY = 50  # steps on a GPU between two readings of the losses


class RateTooHigh(Exception):  # noqa: N818 - not a failure: the run begins anew
    """The first steps disprove the learning rate; the message says by what."""


def steps_on_trial(warmup: int) -> int:
    """The steps in which a rate is on trial, with so many steps of warm-up."""
    return -(-(warmup + STEPS) // _READ_EVERY) * _READ_EVERY


class Trial:
    """Watches the first steps.

    Attributes:
        losses: What must be known of the steps so far to go on: the first losses, then the latest.
    """

    def __init__(self, steps: int, losses: list[float]) -> None:
        """`steps` are on trial, 0 if none are; `losses` is kept up to date in place."""
        self._last, self.losses = steps, losses
        self._step = 0
        self._unread: list[Value] = []

    def covers(self, step: int) -> bool:
        """Whether what happens after this many steps disproves the rate."""
        return 0 < step <= self._last

    def see(self, record: StepRecord | EpochRecord, *, now: bool = False) -> None:
        """Take a record into account; losses that a GPU computes are read some steps later.

        Args:
            record: The next one of the loop.
            now: Read them now, since a state is to be written.

        Raises:
            RateTooHigh: The rate is disproved.
        """
        if isinstance(record, EpochRecord):
            self._read()
            if not record.finite and self.covers(record.row["step"]):
                raise RateTooHigh(f"outputs were not finite after epoch {record.epoch}")
        elif self.covers(record.step):
            self._step = record.step
            self._unread.append(record.loss)
            if now or isinstance(record.loss, float) or record.step % _READ_EVERY == 0:
                self._read()

    def _read(self) -> None:
        unread, self._unread = [float(loss) for loss in self._unread], []
        for step, loss in enumerate(unread, self._step - len(unread) + 1):
            if not math.isnan(loss):  # else the batch was too small to learn from
                self._take(loss, step)

    def _take(self, loss: float, step: int) -> None:
        first, latest = self.losses[:FIRST], self.losses[FIRST:]
        if len(first) < FIRST:
            self.losses.append(loss)
            return
        latest = [*latest, loss][-IN_A_ROW:]
        self.losses[:] = first + latest
        if len(latest) == IN_A_ROW and min(latest) > TIMES * max(1.0, *first):
            raise RateTooHigh(
                f"the loss was over {TIMES:g} times its first values for {IN_A_ROW} steps, up to {step}"
            )
