"""The interface between a run and an experiment tracker."""

from __future__ import annotations

import contextlib
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

Status = Literal["finished", "stopped", "failed"]
Setting: TypeAlias = str | bool | int | float


@dataclass(frozen=True)
class Opening:
    """What a tracker is opened with.

    Attributes:
        folder: The run's folder, absolute; its name is that of the run in the tracker.
        settings: The recipe, without values that are None.
        known: `Tracker.keep` of the last time this run was opened; empty the first time.
        epoch: Epochs that the run has done.
        step: Steps that the run has done.
    """

    folder: Path
    settings: Mapping[str, Setting]
    known: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 0
    step: int = 0


class Tracker(Protocol):
    """A destination for metrics. Opened again, it continues the same run where it was.

    Any method may raise anything; the caller then calls only `close`.

    Attributes:
        where: The location, for people.
        keep: Values to store in the run's folder, for opening it again; no secrets.
        epoch: The last epoch whose metrics it has.
        step: The last step whose metrics it has.
    """

    where: str
    keep: dict[str, str]
    epoch: int
    step: int

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Write finite metrics of a step, so that killing this process loses few of them."""

    def finish(self, metrics: Mapping[str, float | str], step: int, status: Status) -> None:
        """Write the final metrics (none if the run is not finished) and how it ended."""

    def close(self) -> None:
        """Release files, threads and processes."""


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables temporarily."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def unless_set(**values: str) -> dict[str, str]:
    """The variables that the user's environment does not set."""
    return {name: value for name, value in values.items() if name not in os.environ}


def words_of(error: Exception) -> str:
    """The message of a tracker's error, on one line, cut if it is long."""
    return textwrap.shorten(without_secrets(str(error)), 200) or type(error).__name__


def without_secrets(text: str) -> str:
    """A text without user names and passwords in its URLs.

    >>> without_secrets("http://me:secret@server/runs is away")
    'http://server/runs is away'
    """
    return re.sub(r"//[^/@\s]*@", "//", text)
