"""A small run, tracked and not, whole and killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import onestop
from onestop.tracking import session as feeding
from onestop.tracking.session import Tracking
from onestop.training.checkpointer import Checkpointer

EPOCHS, STEPS = 3, 4  # of the run, and in each epoch


def train(**settings: Any) -> onestop.Run:
    """A run of a second, or what is left of one."""
    if "resume" in settings:
        return onestop.train(**{"quiet": True, **settings})
    options: dict[str, Any] = {
        "model": "cnn1", "image_size": 8, "epochs": EPOCHS, "batch_size": 324, "schedule": "constant",
        "threads": 1, "quiet": True,
    }  # fmt: skip
    return onestop.train("digits", **{**options, **settings})


def same(a: onestop.Run, b: onestop.Run) -> bool:
    """Whether two runs gave the same bits."""
    first, second = (load_file(run.folder / "model.safetensors") for run in (a, b))
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def column(run: onestop.Run, name: str) -> list[tuple[int, float]]:
    """Steps and values of a column of metrics.csv."""
    return [(int(row["step"]), float(row[name])) for row in run.epochs]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    """The run without a tracker."""
    return train(out=tmp_path_factory.mktemp("plain"))


@pytest.fixture(autouse=True)
def _nobody_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trackers as on a machine that knows none of them."""
    for name in list(os.environ):
        if name.startswith(("WANDB_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is written, whatever that takes."""
    monkeypatch.setattr(feeding, "_PAUSE", 0.0)
    monkeypatch.setattr(feeding, "_SHARE", 1e9)


class Killed(BaseException):
    """Nothing in the package catches it."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that trains until a kill before the second epoch is saved, and gives the folder."""

    def run(**settings: Any) -> Path:
        save, end = Checkpointer.save, Tracking.__exit__

        def save_one(saver: Checkpointer) -> bool:
            if saver._session.training.progress.epoch == 2:
                raise Killed
            return save(saver)

        def vanish(
            tracking: Tracking,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            if isinstance(error, Killed):
                tracking._close()  # as the end of a process does
            else:
                end(tracking, kind, error, trace)

        with monkeypatch.context() as patch:
            patch.setattr(Checkpointer, "save", save_one)
            patch.setattr(Tracking, "__exit__", vanish)
            with pytest.raises(Killed):
                train(name="killed", **settings)
        return Path("runs/killed")

    return run
