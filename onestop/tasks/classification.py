"""Telling classes apart.

Legend: B images of a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics, classification_metrics
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks.task import Label, Loss, Network, Sums, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.loader import Batch

_TOP = 5
_AUXILIARY = {"aux_logits": 0.4, "aux_logits1": 0.3, "aux_logits2": 0.3}
"""Weight of the auxiliary classifiers' losses: 0.3 in GoogLeNet (Szegedy et al. 2015, section 5),
0.4 in Inception v3 as torchvision trains it."""


class Classification(Task):
    """Cross entropy, exact counts, and class names."""

    name = "classification"
    monitor = "accuracy"
    figures: ClassVar[tuple[str, ...]] = ("accuracy", "top5", "macro_f1", "loss")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "accuracy", percent=True, training=True),
        Metric("top5", "top-5", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        LOSS,
    )

    def __init__(
        self,
        classes: tuple[str, ...],
        *,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """`class_weights` [K] multiply the loss of each image; give them a mean of 1 an image."""
        self.classes = classes
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    @property
    def outputs(self) -> int:  # noqa: D102
        return len(self.classes)

    def loss(self, network: Network, batch: Batch) -> Loss:  # noqa: D102
        outputs, targets = network(batch.inputs), batch.targets
        return Loss(self._total(outputs, targets), {"accuracy": _correct(outputs, targets)})

    def _total(self, outputs: Any, targets: Tensor) -> Tensor:
        if isinstance(outputs, Tensor):
            return self._cross_entropy(outputs, targets)
        if hasattr(outputs, "loss"):  # the capsule network brings its own
            if self.label_smoothing or self.class_weights is not None or targets.ndim == 2:
                raise UsageError(
                    "--label-smoothing, --balance, --mixup, --cutmix: not for this network, which "
                    "has its own loss; leave them out"
                )
            return outputs.loss(targets)  # type: ignore[no-any-return]
        # GoogLeNet and Inception v3 give a named tuple in training.
        loss = self._cross_entropy(outputs.logits, targets)
        for name, weight in _AUXILIARY.items():
            auxiliary = getattr(outputs, name, None)
            if auxiliary is not None:
                loss = loss + weight * self._cross_entropy(auxiliary, targets)
        return loss

    def _cross_entropy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        weights = self.class_weights
        if weights is not None and weights.device != outputs.device:
            weights = self.class_weights = weights.to(outputs.device)
        # Targets may be class numbers or shares of the classes. In 32 bits also where the network
        # computed in 16.
        outputs, smoothing = outputs.float(), self.label_smoothing
        if weights is None:
            return F.cross_entropy(outputs, targets, label_smoothing=smoothing)
        # By the number of images, where torch's mean would divide by the sum of their weights: so
        # parts of a batch add up to the whole.
        total = F.cross_entropy(
            outputs, targets, weights, label_smoothing=smoothing, reduction="sum"
        )
        return total / len(targets)

    def empty(self) -> Sums:  # noqa: D102
        count = len(self.classes)
        return {
            "confusion": torch.zeros(count, count, dtype=torch.int64),
            "top5": torch.zeros((), dtype=torch.int64),
            "loss": torch.zeros((), dtype=torch.float64),
        }

    def score(self, sums: Sums, outputs: Tensor, targets: Tensor) -> None:  # noqa: D102
        outputs, targets = outputs.float().cpu(), targets.cpu()
        best = outputs.topk(min(_TOP, outputs.shape[1])).indices  # [B, 5], best first
        one = torch.ones((), dtype=torch.int64)
        sums["confusion"].index_put_((targets, best[:, 0]), one, accumulate=True)
        sums["top5"] += (best == targets[:, None]).sum()
        sums["loss"] += F.cross_entropy(outputs, targets, reduction="sum").double()

    def metrics_of(self, sums: Sums) -> Metrics:  # noqa: D102
        return classification_metrics(
            sums["confusion"].numpy(), int(sums["top5"]), float(sums["loss"]), self.classes
        )

    def decode(self, outputs: Tensor, top: int) -> list[list[Label]]:  # noqa: D102
        scores, numbers = outputs.float().softmax(1).topk(min(top, len(self.classes)))
        return [
            [Label(self.classes[k], score) for score, k in zip(*row, strict=True)]
            for row in zip(scores.tolist(), numbers.tolist(), strict=True)
        ]

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:  # noqa: D102
        return F.cross_entropy(outputs.float(), targets, reduction="none")

    def truth(self, target: float) -> str:  # noqa: D102
        return self.classes[int(target)]

    def draw(  # noqa: D102
        self, inputs: Sequence[NDArray[np.generic]], targets: Sequence[float], outputs: Tensor
    ) -> Figure:
        from onestop.figures.grid import guess_title, image_grid

        said = [
            guess_title(guess.label, guess.score, self.truth(target))
            for (guess,), target in zip(self.decode(outputs, 1), targets, strict=True)
        ]
        titles, right = zip(*said, strict=True)
        return image_grid(inputs, titles, right)


def _correct(outputs: Any, targets: Tensor) -> Tensor:
    """The number of images whose likeliest class is the right one, int64."""
    logits = outputs if isinstance(outputs, Tensor) else outputs.logits
    if targets.ndim == 2:  # the class that a mixed image has the largest share of
        targets = targets.argmax(1)
    return (logits.argmax(1) == targets).sum()


def balancing_weights(counts: NDArray[np.int64]) -> Tensor:
    """Weights [K] that make each class count alike, with a mean of 1 over the images."""
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights.astype(np.float32))
