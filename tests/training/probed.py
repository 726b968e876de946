"""Sessions that start from pretrained weights, without a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from onestop.jobs.planning import plan_new
from onestop.networks import build
from onestop.storage.model_file import write_weights
from onestop.training.probe.features import bank_for
from onestop.training.probe.stage import fit_probe
from onestop.training.records import EpochRecord
from onestop.training.setup import Session, set_up

MACHINE: dict[str, Any] = {"device": "cpu", "threads": 1, "workers": 0, "precision": "fp32"}


def some_weights(path: Path, name: str = "lenet5_color", classes: int = 7) -> Path:
    """A file of weights of another task, as good as random ones."""
    torch.manual_seed(0)
    write_weights(path, build(name, classes, 3, 32))
    return path


def session_of(source: Path, weights: Path, **settings: Any) -> Session:
    """A session before its probe is fitted."""
    values = {"model": "lenet5_color", "image_size": 32, "weights": str(weights), **MACHINE}
    planned, _, _ = plan_new(source, None, {**values, **settings}, None)
    return set_up(planned)


def probed(source: Path, weights: Path, **settings: Any) -> tuple[Session, EpochRecord]:
    """A session with its probe fitted, and the record of that."""
    session = session_of(source, weights, **settings)
    return session, fit_probe(session, bank_for(session.plan))
