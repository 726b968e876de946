"""One class per image.

Legend: B images of a batch, K classes, N images of a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.metrics.calibration import Calibration, calibration
from onestop.metrics.confusion import Matrix, confusion_matrix
from onestop.metrics.counts import classification_metrics
from onestop.metrics.intervals import wilson
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks.outputs import logits_of, own_loss, with_auxiliary
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.task import Draw, Head, Loss, Meter, Network, Task, in_order
from onestop.text import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch
    from onestop.data.dataset import Dataset
    from onestop.recipe import Recipe

_TOP = 5
_SHARES = ("accuracy", "top5")  # metrics that are shares of the images


class Classification(Task[Tensor]):
    """Cross entropy, exact counts, and class names."""

    name = "classification"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "accuracy", percent=True, training=True),
        Metric("top5", "top-5", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        LOSS,
    )
    exclusive = True
    takes_shares = True

    def __init__(
        self,
        names: Sequence[str],
        *,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """`class_weights` [K] multiply the loss of each image; give them a mean of 1 per image."""
        super().__init__(names)
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    @classmethod
    def from_recipe(cls, recipe: Recipe, dataset: Dataset) -> Self:
        """With label smoothing, and classes weighted by their numbers of images if so asked for."""
        balance = recipe.optim.balance == "loss"
        return cls(
            dataset.classes,
            label_smoothing=recipe.optim.label_smoothing,
            class_weights=balancing_weights(dataset.counts("train")) if balance else None,
        )

    def head(self) -> Head:
        return Head(len(self.names))

    def loss(self, network: Network, batch: Batch) -> Loss:
        outputs, targets = network(batch.inputs), batch.targets
        return Loss(self._total(outputs, targets), {"accuracy": _correct(outputs, targets)})

    def _total(self, outputs: Any, targets: Tensor) -> Tensor:
        if its_own := own_loss(outputs):
            if self.label_smoothing or self.class_weights is not None or targets.ndim == 2:
                raise UsageError(
                    "--label-smoothing, --balance, --mixup, --cutmix: not for this network, which "
                    "has its own loss; leave them out"
                )
            return its_own(targets)
        return with_auxiliary(outputs, lambda logits: self._cross_entropy(logits, targets))

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

    def meter(self) -> ClassificationMeter:
        return ClassificationMeter(self.names)

    def describe(
        self, outputs: Tensor, targets: Tensor | None = None, top: int = 1
    ) -> list[Prediction]:
        scores, numbers = outputs.float().softmax(1).topk(min(top, len(self.names)))
        labels = [
            tuple(Label(self.names[k], score) for score, k in zip(*row, strict=True))
            for row in zip(scores.tolist(), numbers.tolist(), strict=True)
        ]
        if targets is None:
            return [Prediction("", best) for best in labels]
        losses = F.cross_entropy(outputs.float(), targets, reduction="none")
        return [
            self._judged(best, target, loss)
            for best, target, loss in zip(labels, targets.tolist(), losses.tolist(), strict=True)
        ]

    def _judged(self, labels: tuple[Label, ...], target: int, loss: float) -> Prediction:
        truth = self.names[target]
        return Prediction(
            image="",
            labels=labels,
            truth=(truth,),
            loss=loss,
            truth_score=float(np.exp(-loss)),
            correct=labels[0].name == truth,
        )

    def label(self, outputs: Tensor, numbers: Sequence[int]) -> list[Label]:
        rows = zip(outputs.float().softmax(1).tolist(), numbers, strict=True)
        return [Label(self.names[k], scores[k]) for scores, k in rows]

    def intervals(self, metrics: Metrics) -> dict[str, tuple[float, float]]:
        images, shares = metrics["images"], [metrics[name] for name in _SHARES]
        lows, highs = wilson([round(share * images) for share in shares], images)
        return dict(zip(_SHARES, zip(lows.tolist(), highs.tolist(), strict=True), strict=True))

    def counted(self) -> str:
        return plural(len(self.names), "class", "classes") if self.names else ""

    def figures(self) -> Mapping[str, Draw]:
        return {"confusion": self._confusion, "calibration": _calibration}

    def _confusion(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.confusion import confusion_figure

        return confusion_figure(matrix_of(predictions, self.names), self.names)


class ClassificationMeter(Meter[Tensor]):
    """Counts of images by class and predicted class, of which the metrics are made."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
        self._top5 = 0
        self._losses: list[float] = []  # of each batch

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        outputs, targets = outputs.float().cpu(), targets.cpu()
        best = outputs.topk(min(_TOP, outputs.shape[1])).indices  # [B, 5], best first
        one = torch.ones((), dtype=torch.int64)
        self._confusion.index_put_((targets, best[:, 0]), one, accumulate=True)
        self._top5 += int((best == targets[:, None]).sum())
        self._losses.append(float(F.cross_entropy(outputs, targets, reduction="sum")))

    def merge(self, other: Self) -> None:
        self._confusion += other._confusion
        self._top5 += other._top5
        self._losses += other._losses

    def compute(self) -> Metrics:
        return classification_metrics(
            self._confusion.numpy(), self._top5, in_order(self._losses), self._names
        )


def _correct(outputs: Any, targets: Tensor) -> Tensor:
    """The number of images whose likeliest class is the right one, int64."""
    if targets.ndim == 2:  # the class that a mixed image has the largest share of
        targets = targets.argmax(1)
    return (logits_of(outputs).argmax(1) == targets).sum()


def balancing_weights(counts: NDArray[np.int64]) -> Tensor:
    """Weights [K] that make each class count alike, with a mean of 1 over the images."""
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights.astype(np.float32))


def matrix_of(predictions: Sequence[Prediction], names: Sequence[str]) -> Matrix:
    """The confusion matrix [K, K] of some predictions."""
    truths = [prediction.truth_text for prediction in predictions]
    return confusion_matrix(truths, [prediction.label for prediction in predictions], names)


def calibration_of(predictions: Sequence[Prediction]) -> Calibration:
    """Whether predictions are correct as often as their probabilities say."""
    scores = [prediction.labels[0].score for prediction in predictions]
    return calibration(scores, [bool(prediction.correct) for prediction in predictions])


def _calibration(predictions: Sequence[Prediction]) -> Figure:
    from onestop.figures.calibration import calibration_figure

    return calibration_figure(calibration_of(predictions))
