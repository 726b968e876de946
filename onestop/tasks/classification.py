"""One class per image.

Legend: B images of a batch, K classes, N images of a split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.metrics.calibration import Calibration, calibration, calibration_metrics
from onestop.metrics.confident_learning import doubtful_labels
from onestop.metrics.confusion import Matrix, confusion_matrix
from onestop.metrics.counts import classification_metrics
from onestop.metrics.intervals import wilson
from onestop.metrics.scaling import fit_temperature
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks.doubt import Doubt
from onestop.tasks.meter import Meter, in_order
from onestop.tasks.outputs import logits_of, own_loss, with_auxiliary
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.task import Draw, Head, Loss, Network, Task
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
    metrics: tuple[Metric, ...] = (
        Metric("accuracy", "accuracy", percent=True, training=True),
        Metric("top5", "top-5", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        LOSS,
    )
    curvature = 0.5
    exclusive = True
    takes_shares = True

    def __init__(
        self,
        names: Sequence[str],
        *,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
        temperature: float = 1.0,
    ) -> None:
        """`class_weights` [K] multiply the loss of each image; give them a mean of 1 per image.

        Outputs are divided by `temperature` before they become probabilities, though not in training.

        Raises:
            ValueError: The temperature is not positive.
        """
        super().__init__(names)
        if not 0 < temperature < math.inf:
            raise ValueError("a temperature must be above 0")
        self.temperature = temperature
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

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        places = targets[..., None].expand(*outputs.shape[:-1], 1)
        losses = -outputs.log_softmax(-1).gather(-1, places).squeeze(-1)
        if self.class_weights is None:
            return losses
        return losses * self.class_weights.to(losses.device, losses.dtype)[targets]

    def meter(self) -> ClassificationMeter:
        return ClassificationMeter(self.names, self.temperature)

    def describe(
        self, outputs: Tensor, targets: Tensor | None = None, top: int = 1
    ) -> list[Prediction]:
        # Ranked before the temperature, whose rounding could make two classes equal.
        numbers = outputs.float().topk(min(top, len(self.names))).indices
        scores = self._probabilities(outputs).gather(1, numbers)
        labels = [
            tuple(Label(self.names[k], score) for score, k in zip(*row, strict=True))
            for row in zip(scores.tolist(), numbers.tolist(), strict=True)
        ]
        if targets is None:
            return [Prediction("", best) for best in labels]
        losses = F.cross_entropy(_divided(outputs, self.temperature), targets, reduction="none")
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
        rows = zip(self._probabilities(outputs).tolist(), numbers, strict=True)
        return [Label(self.names[k], scores[k]) for scores, k in rows]

    def _probabilities(self, outputs: Tensor) -> Tensor:
        """Calibrated probabilities, float32 [B, K]."""
        return _divided(outputs, self.temperature).softmax(1)

    def options(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    def settle(self, outputs: Tensor, targets: Tensor) -> Self:
        """With the temperature that calibrates the probabilities on the validation split."""
        temperature = fit_temperature(outputs.numpy(), targets.numpy())
        return type(self)(self.names, temperature=temperature)

    def uncalibrated(self) -> Self:
        return type(self)(self.names)

    def reliability(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        best = outputs.float().argmax(1, keepdim=True)
        raw, scores = (
            probabilities.gather(1, best)[:, 0].numpy()
            for probabilities in (outputs.float().softmax(1), self._probabilities(outputs))
        )
        right = (best[:, 0] == targets).numpy()
        return calibration_metrics(raw, scores, right, calibrated=self.temperature != 1)

    def certainty(self, outputs: Tensor) -> Tensor:
        """How far the best output is above the second: the logarithm of their odds."""
        best = outputs.float().topk(min(2, outputs.shape[1])).values
        return best[:, 0] - best[:, -1]

    def doubts(self, outputs: Tensor, targets: Tensor) -> list[Doubt]:
        labels = targets.numpy()
        found = doubtful_labels(outputs.double().softmax(1).numpy(), labels)
        return [
            Doubt(place, self.names[labels[place]], self.names[k], by)
            for place, k, by in zip(*(part.tolist() for part in found), strict=True)
        ]

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

    def __init__(self, names: Sequence[str], temperature: float = 1.0) -> None:
        self._names, self._temperature = tuple(names), temperature
        self._confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
        self._top5 = 0
        self._losses: list[float] = []  # of each batch

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        outputs, targets = outputs.float().cpu(), targets.cpu()
        best = outputs.topk(min(_TOP, outputs.shape[1])).indices  # [B, 5], best first
        one = torch.ones((), dtype=torch.int64)
        self._confusion.index_put_((targets, best[:, 0]), one, accumulate=True)
        self._top5 += int((best == targets[:, None]).sum())
        outputs = _divided(outputs, self._temperature)
        self._losses.append(float(F.cross_entropy(outputs, targets, reduction="sum")))

    def merge(self, other: Self) -> None:
        self._confusion += other._confusion
        self._top5 += other._top5
        self._losses += other._losses

    def compute(self) -> Metrics:
        return classification_metrics(
            self._confusion.numpy(), self._top5, in_order(self._losses), self._names
        )


def _divided(outputs: Tensor, temperature: float) -> Tensor:
    """Outputs in 32 bits, divided by a temperature; 1 leaves their bits alone."""
    return outputs.float() if temperature == 1 else outputs.float() / temperature


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
