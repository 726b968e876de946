"""One number per image or vector.

Legend: B samples of a batch; the network has one output.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import torch.nn.functional as F
from torch import Tensor

from onestop.metrics import Metrics
from onestop.metrics.confident_learning import far_off
from onestop.metrics.counts import regression_metrics
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks.collapse import same_number_for_all
from onestop.tasks.doubt import Doubt
from onestop.tasks.meter import Meter, in_order
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.task import Draw, Head, Loss, Network, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch


class Regression(Task[Tensor]):
    """Mean squared error."""

    name = "regression"
    metrics: tuple[Metric, ...] = (
        Metric("rmse", "rmse", higher=False),
        Metric("mae", "mae", higher=False),
        Metric("r2", "r2"),
        LOSS,
    )
    curvature = 2.0

    def head(self) -> Head:
        return Head(1)

    def loss(self, network: Network, batch: Batch) -> Loss:
        outputs: Tensor = network(batch.inputs)
        return Loss(F.mse_loss(outputs.float().squeeze(-1), batch.targets))

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.squeeze(-1) - targets.to(outputs.dtype)).square()

    def meter(self) -> RegressionMeter:
        return RegressionMeter()

    def describe(
        self,
        outputs: Tensor,
        targets: Tensor | None = None,
        top: int = 1,  # noqa: ARG002
    ) -> list[Prediction]:
        labels = self.label(outputs, range(len(outputs)))
        if targets is None:
            return [Prediction("", (label,)) for label in labels]
        losses = (outputs.squeeze(-1) - targets).square()
        return [
            Prediction("", (label,), truth=(f"{target:.6g}",), loss=loss)
            for label, target, loss in zip(labels, targets.tolist(), losses.tolist(), strict=True)
        ]

    def label(self, outputs: Tensor, numbers: Sequence[int]) -> list[Label]:  # noqa: ARG002
        values = outputs.float().squeeze(-1).tolist()
        return [Label(f"{value:.6g}", value, number=True) for value in values]

    def doubts(self, outputs: Tensor, targets: Tensor) -> list[Doubt]:
        """The largest residuals, in robust standard deviations of all of them."""
        predicted, wanted = outputs.double().squeeze(-1), targets.double()
        places, distances = far_off((predicted - wanted).numpy())
        return [
            Doubt(place, f"{float(wanted[place]):.6g}", f"{float(predicted[place]):.6g}", by)
            for place, by in zip(places.tolist(), distances.tolist(), strict=True)
        ]

    def collapse(self, predictions: Sequence[Prediction]) -> str:
        return same_number_for_all(predictions)

    def figures(self) -> Mapping[str, Draw]:
        return {"fit": _fit}

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        prediction = super().from_row(row)
        if not math.isfinite(float(prediction.truth_text)):
            raise ValueError("a truth that is not a number")
        labels = tuple(dataclasses.replace(label, number=True) for label in prediction.labels)
        return dataclasses.replace(prediction, labels=labels)


class RegressionMeter(Meter[Tensor]):
    """Sums of errors and targets over each batch, of which the metrics are made."""

    def __init__(self) -> None:
        self._images = 0
        self._batches: list[dict[str, float]] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        predicted, wanted = outputs.double().cpu().squeeze(-1), targets.double().cpu()
        error = predicted - wanted
        self._images += len(wanted)
        self._batches.append({
            "squared": float(error.square().sum()),
            "absolute": float(error.abs().sum()),
            "total": float(wanted.sum()),
            "total_squared": float(wanted.square().sum()),
        })  # fmt: skip

    def merge(self, other: Self) -> None:
        self._images += other._images
        self._batches += other._batches

    def compute(self) -> Metrics:
        names = ("squared", "absolute", "total", "total_squared")
        sums = {name: in_order(batch[name] for batch in self._batches) for name in names}
        return regression_metrics(self._images, **sums)


def _fit(predictions: Sequence[Prediction]) -> Figure:
    from onestop.figures.fitted import fitted_scatter

    wanted = [float(prediction.truth_text) for prediction in predictions]
    return fitted_scatter(wanted, [prediction.labels[0].score for prediction in predictions])
