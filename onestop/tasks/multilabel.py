"""Any number of labels per image.

Legend: B images of a batch, N of a split, L labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.metrics.label_pairs import co_occurrence
from onestop.metrics.multilabel import (
    DEFAULT_THRESHOLD,
    average_precision,
    best_thresholds,
    label_counts,
    multilabel_metrics,
    precision_recall_curve,
    predicted_labels,
)
from onestop.metrics.spec import LOSS, Metric
from onestop.runtime.csv_files import plain_cell
from onestop.tasks.labels_prediction import LabelsPrediction, Probabilities, joint, labelled
from onestop.tasks.outputs import logits_of, own_loss, with_auxiliary
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.task import Draw, Head, Loss, Meter, Network, Task, in_order
from onestop.text import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch
    from onestop.data.dataset import Dataset
    from onestop.recipe import Recipe

Truth = NDArray[np.bool_]

MOST_WEIGHT = 10.0
"""By how much the images with a label can count more than those without it, or less, when balanced:
of a label that one image in a thousand has, they would count a thousand times as much, and each of
their mistakes would drown all others."""
_SCORE = "score:"  # before a label, in the columns of predictions.csv


class Multilabel(Task[Tensor]):
    """Binary cross entropy of each label, and a threshold for each, chosen on the validation split."""

    name = "multilabel"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("map", "mAP", percent=True),
        Metric("micro_f1", "micro F1", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        Metric("exact_match", "exact match", percent=True, training=True),
        LOSS,
    )
    nouns = ("label", "labels")
    takes_shares = True

    def __init__(
        self,
        names: Sequence[str],
        *,
        thresholds: Sequence[float] = (),
        label_smoothing: float = 0.0,
        weights: Tensor | None = None,
    ) -> None:
        """See `balancing_weights` for `weights`; thresholds are one half if none are given.

        Raises:
            ValueError: There is not one threshold in (0, 1) per name.
        """
        super().__init__(names)
        self.thresholds = tuple(map(float, thresholds)) or (DEFAULT_THRESHOLD,) * len(self.names)
        self.label_smoothing = label_smoothing
        self.weights = weights
        if len(self.thresholds) != len(self.names) or not all(0 < t < 1 for t in self.thresholds):
            raise ValueError("a threshold between 0 and 1 is needed for each label")

    @classmethod
    def from_recipe(cls, recipe: Recipe, dataset: Dataset) -> Self:
        """With label smoothing, and labels weighted by their numbers of images if so asked for."""
        balance = recipe.optim.balance == "loss"
        counts, images = dataset.counts("train"), len(dataset.splits["train"])
        return cls(
            dataset.classes,
            label_smoothing=recipe.optim.label_smoothing,
            weights=balancing_weights(counts, images) if balance else None,
        )

    def head(self) -> Head:
        return Head(len(self.names))

    def loss(self, network: Network, batch: Batch) -> Loss:
        outputs, targets = network(batch.inputs), batch.targets
        if own_loss(outputs):
            raise UsageError(
                "--model: this network has its own loss, for one class per image; choose another one"
            )
        total = with_auxiliary(outputs, lambda logits: self._binary(logits, targets))
        return Loss(total, {"exact_match": _exact(logits_of(outputs), targets)})

    def _binary(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The sum over the labels, the mean over the images, of floats [B, L] each."""
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
        weights = self.weights
        if weights is not None:
            if weights.device != targets.device:
                weights = self.weights = weights.to(targets.device)
            losses = losses * (targets * weights[0] + (1 - targets) * weights[1])
        return losses.sum(1).mean()

    def meter(self) -> MultilabelMeter:
        return MultilabelMeter(self.names, self.thresholds)

    def describe(
        self, outputs: Tensor, targets: Tensor | None = None, top: int = 1
    ) -> list[Prediction]:
        scores = probabilities(outputs)
        predicted = predicted_labels(scores, np.asarray(self.thresholds))
        predictions = [
            self._predicted(row, np.flatnonzero(over), top)
            for row, over in zip(scores, predicted, strict=True)
        ]
        if targets is None:
            return list[Prediction](predictions)
        truth, losses = _truth(targets), _losses(outputs, targets).tolist()
        right = (predicted == truth).all(1).tolist()
        return [
            dataclasses.replace(
                prediction, loss=loss, correct=correct,
                truth=tuple(self.names[k] for k in np.flatnonzero(has)),
            )
            for prediction, has, loss, correct in zip(predictions, truth, losses, right, strict=True)
        ]  # fmt: skip

    def _predicted(self, scores: Probabilities, over: NDArray[Any], top: int) -> LabelsPrediction:
        best = over[np.argsort(-scores[over], kind="stable")].tolist()
        labels = tuple(Label(self.names[k], float(scores[k])) for k in best)
        return LabelsPrediction(
            "", labels, names=self.names, scores=scores, thresholds=self.thresholds, shown=top
        )

    def label(self, outputs: Tensor, numbers: Sequence[int]) -> list[Label]:
        rows = zip(probabilities(outputs), numbers, strict=True)
        return [Label(self.names[k], float(scores[k])) for scores, k in rows]

    def options(self) -> dict[str, Any]:
        return {"thresholds": list(self.thresholds)}

    def settle(self, outputs: Tensor, targets: Tensor) -> Self:
        """With the threshold of each label that has the highest F1 on the validation split."""
        thresholds = best_thresholds(probabilities(outputs), _truth(targets))
        return type(self)(self.names, thresholds=thresholds.tolist())

    def counted(self) -> str:
        return plural(len(self.names), "label")

    def figures(self) -> Mapping[str, Draw]:
        return {"precision_recall": self._curves, "co_occurrence": self._together}

    def _curves(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.multilabel import precision_recall_figure

        scores, truth = tables_of(predictions, self.names)
        curves = {
            name: precision_recall_curve(scores[:, k], truth[:, k])
            for k, name in enumerate(self.names)
        }
        return precision_recall_figure(curves, measured(scores, truth, self)["per_label"])

    def _together(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.multilabel import co_occurrence_figure

        truth = tables_of(predictions, self.names)[1]
        return co_occurrence_figure(co_occurrence(truth), self.names)

    def columns(self) -> tuple[str, ...]:
        scores = (_SCORE + name for name in self.names)
        return ("image", "truth", "predicted", "correct", "loss", *scores)

    def to_row(self, prediction: Prediction) -> dict[str, object]:
        between, scores = joint(self.names), labelled(prediction).scores
        return {
            "image": prediction.image,
            "truth": between.join(prediction.truth or ()),
            "predicted": between.join(label.name for label in prediction.labels),
            "correct": "" if prediction.correct is None else int(prediction.correct),
            "loss": "" if prediction.loss is None else f"{prediction.loss:.6g}",
            # As many digits as it takes to read the same number back.
            **{_SCORE + name: str(score) for name, score in zip(self.names, scores, strict=True)},
        }

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        between = joint(self.names)
        scores = np.array([row[_SCORE + name] for name in self.names], np.float32)
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("a probability outside [0, 1]")
        truth, predicted = (
            tuple(filter(None, plain_cell(row[column]).split(between)))
            for column in ("truth", "predicted")
        )
        numbers = {name: k for k, name in enumerate(self.names)}
        over = np.array([numbers[name] for name in predicted], np.int64)
        return dataclasses.replace(
            self._predicted(scores, over, 1), image=plain_cell(row["image"]), truth=truth,
            loss=float(row["loss"]), correct=bool(int(row["correct"])),
        )  # fmt: skip


class MultilabelMeter(Meter[Tensor]):
    """Keeps the probabilities and labels of all images: average precision needs them at once."""

    def __init__(self, names: Sequence[str], thresholds: Sequence[float]) -> None:
        self._names, self._thresholds = tuple(names), np.asarray(thresholds)
        self._scores = [np.zeros((0, len(names)), np.float32)]
        self._truth = [np.zeros((0, len(names)), np.bool_)]
        self._losses: list[float] = []  # of each batch

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        outputs, targets = outputs.float().cpu(), targets.cpu()
        self._scores.append(probabilities(outputs))
        self._truth.append(_truth(targets))
        self._losses.append(float(_losses(outputs, targets).sum()))

    def merge(self, other: Self) -> None:
        self._scores += other._scores
        self._truth += other._truth
        self._losses += other._losses

    def compute(self) -> Metrics:
        scores, truth = np.concatenate(self._scores), np.concatenate(self._truth)
        counts = label_counts(predicted_labels(scores, self._thresholds), truth)
        ap, loss = average_precision(scores, truth), in_order(self._losses)
        return multilabel_metrics(counts, ap, self._thresholds, loss, self._names)


def balancing_weights(counts: NDArray[np.int64], images: int) -> Tensor:
    """Weights [2, L] of the images with and without each label, with a mean of 1 over the images.

    They make both count alike in the loss of their label, but differ by `MOST_WEIGHT` times at most.

    Args:
        counts: Images with each label, [L].
        images: All of them.
    """
    share = np.clip(counts / max(images, 1), 1e-12, 1 - 1e-12)
    ratio = np.clip((1 - share) / share, 1 / MOST_WEIGHT, MOST_WEIGHT)
    without = 1 / (share * ratio + 1 - share)
    return torch.from_numpy(np.stack([ratio * without, without]).astype(np.float32))


def probabilities(outputs: Tensor) -> Probabilities:
    """The probability of each label, float32 [B, L]; 0 if an output is not a number."""
    scores: Probabilities = outputs.float().cpu().sigmoid().nan_to_num(0.0).numpy()
    return scores


def tables_of(predictions: Sequence[Prediction], names: Sequence[str]) -> tuple[Any, Truth]:
    """The probabilities, and which labels are right, of some predictions: 2 of [N, L]."""
    numbers = {name: k for k, name in enumerate(names)}
    truth = np.zeros((len(predictions), len(names)), np.bool_)
    scores = np.zeros(truth.shape, np.float32)
    for place, prediction in enumerate(predictions):
        truth[place, [numbers[name] for name in prediction.truth or ()]] = True
        scores[place] = labelled(prediction).scores
    return scores, truth


def measured(scores: Probabilities, truth: Truth, task: Multilabel) -> Metrics:
    """The metrics of some images, without the loss."""
    thresholds = np.asarray(task.thresholds)
    counts = label_counts(predicted_labels(scores, thresholds), truth)
    return multilabel_metrics(counts, average_precision(scores, truth), thresholds, 0.0, task.names)


def _truth(targets: Tensor) -> Truth:
    return targets.cpu().numpy() > 0.5


def _losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each image, [B]: the sum over its labels."""
    return F.binary_cross_entropy_with_logits(outputs.float(), targets, reduction="none").sum(1)


def _exact(logits: Tensor, targets: Tensor) -> Tensor:
    """The number of images with all labels right at one half, int64; of mixed ones the larger share."""
    return ((logits >= 0) == (targets >= 0.5)).all(1).sum()
