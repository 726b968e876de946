"""Predicting a number.

Legend: B samples of a batch; the network has one output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.metrics import Metrics, regression_metrics
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks.task import Label, Loss, Network, Sums, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.loader import Batch


class Regression(Task):
    """Mean squared error."""

    name = "regression"
    monitor = "loss"
    figures: ClassVar[tuple[str, ...]] = ("loss", "mae")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rmse", "rmse", higher=False),
        Metric("mae", "mae", higher=False),
        Metric("r2", "r2"),
        LOSS,
    )

    @property
    def outputs(self) -> int:  # noqa: D102
        return 1

    def loss(self, network: Network, batch: Batch) -> Loss:  # noqa: D102
        outputs: Tensor = network(batch.inputs)
        return Loss(F.mse_loss(outputs.float().squeeze(-1), batch.targets))

    def empty(self) -> Sums:  # noqa: D102
        names = ("images", "squared", "absolute", "total", "total_squared")
        return {name: torch.zeros((), dtype=torch.float64) for name in names}

    def score(self, sums: Sums, outputs: Tensor, targets: Tensor) -> None:  # noqa: D102
        predicted, wanted = outputs.double().cpu().squeeze(-1), targets.double().cpu()
        error = predicted - wanted
        sums["images"] += len(wanted)
        sums["squared"] += error.square().sum()
        sums["absolute"] += error.abs().sum()
        sums["total"] += wanted.sum()
        sums["total_squared"] += wanted.square().sum()

    def metrics_of(self, sums: Sums) -> Metrics:  # noqa: D102
        values = {name: float(value) for name, value in sums.items()}
        return regression_metrics(int(values.pop("images")), **values)

    def decode(self, outputs: Tensor, top: int) -> list[list[Label]]:  # noqa: D102, ARG002
        return [[Label(f"{value:.6g}", value)] for value in outputs.squeeze(-1).tolist()]

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:  # noqa: D102
        return (outputs.squeeze(-1) - targets).square()

    def truth(self, target: float) -> str:  # noqa: D102
        return f"{target:.6g}"

    def draw(  # noqa: D102
        self, inputs: Sequence[NDArray[np.generic]], targets: Sequence[float], outputs: Tensor
    ) -> Figure:
        from onestop.figures.fitted import fitted_line, fitted_scatter

        predicted = outputs.squeeze(-1).tolist()
        if all(len(np.atleast_1d(x)) == 1 for x in inputs):
            return fitted_line([float(np.atleast_1d(x)[0]) for x in inputs], targets, predicted)
        return fitted_scatter(targets, predicted)
