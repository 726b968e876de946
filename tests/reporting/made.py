"""What is known of runs that were never trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from onestop.metrics.spec import LOSS, Metric
from onestop.reporting.run_data import RunData
from onestop.storage.run_info import RunInfo
from onestop.tasks import Label, Prediction
from tests.recipes import recipe

ACCURACY = Metric("accuracy", "accuracy", percent=True, training=True)


def prediction(truth: str, label: str, score: float = 0.9, name: str = "a.jpg") -> Prediction:
    """What was predicted for an image of ants or bees, with the other class as the second."""
    other = {"ant": "bee", "bee": "ant"}[label]
    return Prediction(
        name, (Label(label, score), Label(other, 1 - score)), (truth,), loss=1.5 - score,
        truth_score=score if truth == label else 1 - score, correct=truth == label,
    )  # fmt: skip


def classified(*predictions: Prediction, **changes: Any) -> RunData:
    """A finished run that told ants from bees."""
    correct = sum(bool(p.correct) for p in predictions)
    metrics = {
        "split": "test", "images": len(predictions), "accuracy": correct / max(len(predictions), 1),
        "loss": 0.5, "per_class": {"ant": {}, "bee": {}},
    }  # fmt: skip
    run = RunData(
        Path("runs/first"), recipe(source="some/photos", model="torchvision:resnet18"),
        RunInfo("classification", (ACCURACY, LOSS), ()), metrics, predictions=list(predictions),
    )  # fmt: skip
    return dataclasses.replace(run, **changes)


def fitted(*pairs: tuple[float, float], **changes: Any) -> RunData:
    """A finished run that predicted numbers: pairs of what was wanted and what was predicted."""
    predictions = [
        Prediction(
            f"#{i}",
            (Label(f"{found:.6g}", found, number=True),),
            (f"{wanted:.6g}",),
            loss=(wanted - found) ** 2,
        )
        for i, (wanted, found) in enumerate(pairs)
    ]
    error = sum(p.loss or 0.0 for p in predictions) / max(len(predictions), 1)
    metrics = {"split": "val", "images": len(pairs), "rmse": error**0.5, "r2": 0.5, "loss": error}
    info = RunInfo("regression", (Metric("rmse", "rmse", higher=False), LOSS), ())
    run = RunData(Path("runs/line"), recipe(), info, metrics, predictions=predictions)
    return dataclasses.replace(run, **changes)
