"""Any number of labels per image, including none.

Legend: B images of a batch, N of a split, L labels.
"""

from __future__ import annotations

import dataclasses
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
from onestop.metrics.calibration import calibration_metrics
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
from onestop.metrics.scaling import fit_scale_and_bias
from onestop.metrics.spec import LOSS, Metric
from onestop.runtime.csv_files import plain_cell
from onestop.tasks.doubt import Doubt
from onestop.tasks.labels_doubt import doubts_of
from onestop.tasks.labels_meter import (
    MultilabelMeter,
    Truth,
    losses_of,
    probabilities,
    truth_of,
)
from onestop.tasks.labels_prediction import (
    LabelsPrediction,
    Probabilities,
    as_labels,
    separator_for,
)
from onestop.tasks.outputs import logits_of, own_loss, with_auxiliary
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.task import Draw, Head, Loss, Network, Task
from onestop.text import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch
    from onestop.data.dataset import Dataset
    from onestop.recipe import Recipe

MAX_RATIO = 10.0
"""Maximum ratio of the balancing weights of images with and without a label. Uncapped, the images of a
label that one image in a thousand has would weigh a thousand times as much as the others, and single
errors would dominate the loss."""
_SCORE = "score:"  # prefix of the labels' columns in predictions.csv


class Multilabel(Task[Tensor]):
    """Binary cross entropy per label, and a threshold per label, chosen on the validation split."""

    name = "multilabel"
    metrics: tuple[Metric, ...] = (
        Metric("map", "mAP", percent=True),
        Metric("micro_f1", "micro F1", percent=True),
        Metric("macro_f1", "macro F1", percent=True),
        Metric("exact_match", "exact match", percent=True, training=True),
        LOSS,
    )
    nouns = ("label", "labels")
    curvature = 0.25
    takes_shares = True

    def __init__(
        self,
        names: Sequence[str],
        *,
        thresholds: Sequence[float] = (),
        label_smoothing: float = 0.0,
        weights: Tensor | None = None,
        scale: float = 1.0,
        bias: float = 0.0,
    ) -> None:
        """Without `thresholds`, all are 0.5; `weights` [2, L] are explained in `balancing_weights`.

        Outputs are multiplied by `scale` and added to `bias` before they become probabilities, though
        not in training; thresholds are of those probabilities.

        Raises:
            ValueError: There is not exactly one threshold in (0, 1) per name, or the scale is not
                positive.
        """
        super().__init__(names)
        self.thresholds = tuple(map(float, thresholds)) or (DEFAULT_THRESHOLD,) * len(self.names)
        self.label_smoothing = label_smoothing
        self.weights = weights
        if len(self.thresholds) != len(self.names) or not all(0 < t < 1 for t in self.thresholds):
            raise ValueError("each label needs a threshold between 0 and 1")
        if not (0 < scale < math.inf and math.isfinite(bias)):
            raise ValueError("a scale must be above 0, and a bias finite")
        self.scale, self.bias = scale, bias

    @classmethod
    def from_recipe(cls, recipe: Recipe, dataset: Dataset) -> Self:
        """With label smoothing, and weighted by the labels' numbers of images if requested."""
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
                "--model: this network has its own loss, which is for one class per image; choose "
                "another network"
            )
        total = with_auxiliary(outputs, lambda logits: self._binary(logits, targets))
        return Loss(total, {"exact_match": _exact(logits_of(outputs), targets)})

    def _binary(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of logits [B, L]: summed over labels, averaged over images."""
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
        weights = self.weights
        if weights is not None:
            if weights.device != targets.device:
                weights = self.weights = weights.to(targets.device)
            losses = losses * (targets * weights[0] + (1 - targets) * weights[1])
        return losses.sum(1).mean()

    def predicting(self, threshold: float | None, most: int | None) -> Self:
        super().predicting(None, most)
        if threshold is None:
            return self
        inside = min(max(threshold, 1e-6), 1 - 1e-6)  # a threshold is never reached by all or none
        return type(self)(self.names, **self.options() | {"thresholds": [inside] * len(self.names)})

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        targets = targets.to(outputs.dtype).expand_as(outputs)
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        if self.weights is not None:
            present, absent = self.weights.to(losses.device, losses.dtype)
            losses = losses * (targets * present + (1 - targets) * absent)
        return losses.sum(-1)

    def meter(self) -> MultilabelMeter:
        return MultilabelMeter(self.names, self.thresholds, self._calibrated)

    def _calibrated(self, outputs: Tensor) -> Tensor:
        """Logits of the calibrated probabilities, float32 [B, L]."""
        return outputs.float() if self._raw else outputs.float() * self.scale + self.bias

    @property
    def _raw(self) -> bool:
        return (self.scale, self.bias) == (1.0, 0.0)

    def describe(
        self, outputs: Tensor, targets: Tensor | None = None, top: int = 1
    ) -> list[Prediction]:
        outputs = self._calibrated(outputs)
        scores = probabilities(outputs)
        predicted = predicted_labels(scores, np.asarray(self.thresholds))
        predictions = [
            self._prediction(row, np.flatnonzero(reached), top)
            for row, reached in zip(scores, predicted, strict=True)
        ]
        if targets is None:
            return list[Prediction](predictions)
        truth, losses = truth_of(targets), losses_of(outputs, targets).tolist()
        right = (predicted == truth).all(1).tolist()
        return [
            dataclasses.replace(
                prediction, loss=loss, correct=correct,
                truth=tuple(self.names[k] for k in np.flatnonzero(has)),
            )
            for prediction, has, loss, correct in zip(predictions, truth, losses, right, strict=True)
        ]  # fmt: skip

    def _prediction(
        self, scores: Probabilities, predicted: NDArray[Any], top: int
    ) -> LabelsPrediction:
        """The prediction from probabilities [L] and the numbers of the predicted labels."""
        best = predicted[np.argsort(-scores[predicted], kind="stable")].tolist()
        labels = tuple(Label(self.names[k], float(scores[k])) for k in best)
        return LabelsPrediction(
            "", labels, names=self.names, scores=scores, thresholds=self.thresholds, shown=top
        )

    def label(self, outputs: Tensor, numbers: Sequence[int]) -> list[Label]:
        rows = zip(probabilities(self._calibrated(outputs)), numbers, strict=True)
        return [Label(self.names[k], float(scores[k])) for scores, k in rows]

    def options(self) -> dict[str, Any]:
        return {"thresholds": list(self.thresholds), "scale": self.scale, "bias": self.bias}

    def settle(self, outputs: Tensor, targets: Tensor) -> Self:
        """With what is best on the validation split: thresholds by their F1, and calibration.

        Thresholds are chosen by the network's own probabilities and moved with them, so that
        calibration changes no label.
        """
        truth = truth_of(targets)
        chosen = best_thresholds(probabilities(outputs), truth)
        scale, bias = fit_scale_and_bias(outputs.cpu().numpy(), truth)
        thresholds = moved(chosen, scale, bias) if (scale, bias) != (1.0, 0.0) else chosen
        return type(self)(self.names, thresholds=thresholds.tolist(), scale=scale, bias=bias)

    def uncalibrated(self) -> Self:
        if self._raw:
            return type(self)(self.names, thresholds=self.thresholds)
        thresholds = moved(np.asarray(self.thresholds), 1 / self.scale, -self.bias / self.scale)
        return type(self)(self.names, thresholds=thresholds.tolist())

    def reliability(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Of the probabilities of all labels together."""
        raw, scores = probabilities(outputs), probabilities(self._calibrated(outputs))
        truth = truth_of(targets).ravel()
        return calibration_metrics(raw.ravel(), scores.ravel(), truth, calibrated=not self._raw)

    def certainty(self, outputs: Tensor) -> Tensor:
        """How far the label closest to its threshold is from it, in logits of the raw outputs."""
        limits = torch.tensor(self.uncalibrated().thresholds, dtype=torch.float64).logit()
        return (outputs.double().cpu() - limits).abs().amin(1).float()

    def doubts(self, outputs: Tensor, targets: Tensor) -> list[Doubt]:
        scores = outputs.double().sigmoid().numpy()
        return doubts_of(scores, truth_of(targets), self.names, separator_for(self.names))

    def counted(self) -> str:
        return plural(len(self.names), "label")

    def figures(self) -> Mapping[str, Draw]:
        return {"precision_recall": self._curves, "co_occurrence": self._co_occurrence}

    def _curves(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.precision_recall import precision_recall_figure

        scores, truth = scores_and_truth(predictions, self.names)
        curves = {
            name: precision_recall_curve(scores[:, k], truth[:, k])
            for k, name in enumerate(self.names)
        }
        return precision_recall_figure(curves, metrics_of(scores, truth, self)["per_label"])

    def _co_occurrence(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.multilabel import co_occurrence_figure

        truth = scores_and_truth(predictions, self.names)[1]
        return co_occurrence_figure(co_occurrence(truth), self.names)

    def columns(self) -> tuple[str, ...]:
        scores = (f"{_SCORE}{name}" for name in self.names)
        return ("image", "truth", "predicted", "correct", "loss", *scores)

    def to_row(self, prediction: Prediction) -> dict[str, object]:
        separator, scores = separator_for(self.names), as_labels(prediction).scores
        return {
            "image": prediction.image,
            "truth": separator.join(prediction.truth or ()),
            "predicted": separator.join(label.name for label in prediction.labels),
            "correct": "" if prediction.correct is None else int(prediction.correct),
            "loss": "" if prediction.loss is None else f"{prediction.loss:.6g}",
            # The shortest text that is read back as the same float32.
            **{_SCORE + name: str(score) for name, score in zip(self.names, scores, strict=True)},
        }

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        separator = separator_for(self.names)
        scores = np.array([row[_SCORE + name] for name in self.names], np.float32)
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("a probability outside [0, 1]")
        truth, predicted = (
            tuple(filter(None, plain_cell(row[column]).split(separator)))
            for column in ("truth", "predicted")
        )
        numbers = {name: k for k, name in enumerate(self.names)}
        labels = np.array([numbers[name] for name in predicted], np.int64)
        return dataclasses.replace(
            self._prediction(scores, labels, 1), image=plain_cell(row["image"]), truth=truth,
            loss=float(row["loss"]), correct=bool(int(row["correct"])),
        )  # fmt: skip


def moved(thresholds: NDArray[np.float64], scale: float, bias: float) -> NDArray[np.float64]:
    """Thresholds [L] of probabilities whose logits are multiplied by a scale and added to a bias.

    >>> moved(np.array([0.5]), 2.0, 0.0).tolist()
    [0.5]
    """
    logits = scale * (np.log(thresholds) - np.log1p(-thresholds)) + bias
    least = float(np.finfo(np.float32).eps)
    return np.clip(0.5 * (1 + np.tanh(logits / 2)), least, 1 - least)


def balancing_weights(counts: NDArray[np.int64], images: int) -> Tensor:
    """Weights [2, L] of the images with and without each label, with a mean of 1 over the images.

    They give both groups the same total weight in the loss of the label, except that their ratio is
    capped at `MAX_RATIO`.

    Args:
        counts: Number of images with each label, [L].
        images: Number of images.
    """
    share = np.clip(counts / max(images, 1), 1e-12, 1 - 1e-12)
    ratio = np.clip((1 - share) / share, 1 / MAX_RATIO, MAX_RATIO)
    absent = 1 / (share * ratio + 1 - share)
    return torch.from_numpy(np.stack([ratio * absent, absent]).astype(np.float32))


def scores_and_truth(
    predictions: Sequence[Prediction], names: Sequence[str]
) -> tuple[Probabilities, Truth]:
    """The probabilities [N, L] of some predictions, and whether the images have the labels [N, L]."""
    numbers = {name: k for k, name in enumerate(names)}
    truth = np.zeros((len(predictions), len(names)), np.bool_)
    scores: Probabilities = np.zeros(truth.shape, np.float32)
    for place, prediction in enumerate(predictions):
        truth[place, [numbers[name] for name in prediction.truth or ()]] = True
        scores[place] = as_labels(prediction).scores
    return scores, truth


def metrics_of(scores: Probabilities, truth: Truth, task: Multilabel) -> Metrics:
    """The metrics of some images, without the loss, at the thresholds of the task."""
    thresholds = np.asarray(task.thresholds)
    counts = label_counts(predicted_labels(scores, thresholds), truth)
    return multilabel_metrics(counts, average_precision(scores, truth), thresholds, 0.0, task.names)


def _exact(logits: Tensor, targets: Tensor) -> Tensor:
    """The number of images with all labels correct at 0.5, int64; mixed targets are rounded."""
    return ((logits >= 0) == (targets >= 0.5)).all(1).sum()
