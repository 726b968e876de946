"""What must not matter for the weights: threads that read, how often is scored, saved and shown."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onestop
import onestop.training.checkpointer
from onestop.storage.model_file import read_weights
from onestop.storage.run_folder import STATE
from onestop.training.checkpoint import States
from onestop.training.phases import WholePhase
from tests.reliability.card import tried

pytestmark = pytest.mark.thorough

OPTIONS: dict[str, Any] = {
    "model": "lenet_3x3", "image_size": 16, "epochs": 2, "batch_size": 4, "threads": 1, "ema": 0,
    "augment": "resized-crop", "cache": "none", "out": "runs",
}  # fmt: skip


def digest(run: onestop.Run) -> str:
    """Of weights and optimizer after the last step."""
    saved = States(run.folder / STATE).newest()
    assert saved is not None
    found = hashlib.sha256()
    for name, tensor in sorted(saved.tensors.items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    assert read_weights(run.folder / "model.safetensors")
    return found.hexdigest()


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
def test_one_hash_whatever_reads_scores_saves_and_shows(
    photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = photos({"train/red": 12, "train/blue": 12, "val/red": 4, "val/blue": 4})
    found: dict[tuple[object, ...], str] = {}
    combinations = itertools.product((0, 1, 2, 4), (True, False), (0.0, 1e9), (True, False))
    for workers, scored, every, quiet in combinations:
        with monkeypatch.context() as patch:
            patch.setattr(onestop.training.checkpointer, "EVERY", every)
            if not scored:
                patch.setattr(WholePhase, "evaluate", lambda *_: {})
            run = onestop.train(source, workers=workers, quiet=quiet, patience=0, **OPTIONS)
        found[workers, scored, every, quiet] = digest(run)
    assert len(found) == 32
    assert len(set(found.values())) == 1, found
    tried(
        "threads, scoring, saving and showing in all combinations: one hash", f"{len(found)} runs"
    )
