"""Objects: boxes of known classes, with masks and key points where data and network have them.

Legend: B images of a batch, N of a split, n objects of an image, K classes, P key points.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.metrics.coco import coco_metrics, flat, sizes_of
from onestop.metrics.curve import Curve
from onestop.metrics.doubtful import doubtful_in
from onestop.metrics.matches import (
    DEFAULT_THRESHOLD,
    Matches,
    best_thresholds,
    confusion,
    matches_of,
    over_thresholds,
    precision_recall,
)
from onestop.metrics.objects import ImageObjects, Kind
from onestop.metrics.spec import Metric
from onestop.metrics.tiles import Tile, joined
from onestop.networks.detectors import facts
from onestop.runtime.csv_files import plain_cell
from onestop.tasks import detection_rules
from onestop.tasks.detected import Detected, detected
from onestop.tasks.doubt import Doubt
from onestop.tasks.meter import Meter
from onestop.tasks.objects_prediction import ObjectsPrediction, as_objects, from_text, to_text
from onestop.tasks.prediction import Prediction
from onestop.tasks.task import Derived, Draw, Head, Loss, Network, Task
from onestop.text import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch
    from onestop.data.dataset import Dataset, DatasetInfo
    from onestop.recipe import Recipe

Outputs = list[Detected]
Targets = Sequence[Mapping[str, Any]]
"""Of each image: what `Objects.batch` gives."""

SIGMA = 0.05
"""Of key points whose sigmas nobody stated: how far off they may be, relative to the object's size. In
the middle of COCO's for people, from 0.025 (eyes) to 0.107 (hips)."""
_AT_ONCE = 2**21  # values of the inputs that are evaluated at once
_PERSON = 17

_TITLES: dict[Kind, str] = {"boxes": "", "masks": " of masks", "keypoints": " of key points"}
_SUFFIX: dict[Kind, str] = {"boxes": "", "masks": "_mask", "keypoints": "_points"}
_LOSSES = {
    "loss_class": "loss of classes", "loss_box": "loss of boxes", "loss_mask": "loss of masks",
    "loss_points": "loss of key points", "loss_centre": "loss of centres",
    "loss_object": "loss of regions' objectness", "loss_region": "loss of regions' boxes",
}  # fmt: skip


def _metrics_of(part: Kind) -> tuple[Metric, ...]:
    end, title = _SUFFIX[part], _TITLES[part]
    names = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ar": "AR"}
    names |= {f"ap_{size}": f"AP {size}" for size in sizes_of(part)}
    return tuple(Metric(f"{n}{end}", f"{text}{title}", percent=True) for n, text in names.items())


def _loss(name: str) -> Metric:
    return Metric(name, _LOSSES[name], higher=False, training=True, evaluated=False)


class Detection(Task[Outputs]):
    """What a detector learns, and average precision as COCO defines it."""

    name = "detection"
    metrics: tuple[Metric, ...] = (
        *(metric for part in facts.PARTS for metric in _metrics_of(part)),
        *map(_loss, _LOSSES),
    )
    whole: ClassVar[bool] = False
    judged: ClassVar[str] = "object"
    uncertain: ClassVar[str] = (
        "is for one answer per image, and this model finds objects; --threshold sets their least score"
    )
    unsettled: ClassVar[str] = "an object is predicted from a score of 0.5 on, whatever its class"

    def __init__(
        self,
        names: Sequence[str],
        *,
        parts: Sequence[Kind] = ("boxes",),
        points: Sequence[str] = (),
        sigmas: Sequence[float] = (),
        thresholds: Sequence[float] = (),
        anchors: Mapping[str, Any] = {},
        regions: int = 0,
        losses: Sequence[str] = (),
        most: int = 10**6,
    ) -> None:
        """Of K classes.

        Args:
            names: Of the classes.
            parts: Of `onestop.networks.detectors.facts.PARTS`, what is learned.
            points: Names of the P key points.
            sigmas: How far off key points may be, [P] (default: `SIGMA`).
            thresholds: From which scores on objects are predicted, [K] (default: 0.5).
            anchors: See `onestop.networks.detectors.anchors`.
            regions: That a box head learns from in each image; 0 is the network's own number.
            losses: Names of the parts of the network's loss.
            most: Objects that are predicted in an image at most.

        Raises:
            ValueError: Numbers that do not fit each other.
        """
        super().__init__(names)
        self.parts, self.points = tuple(parts), tuple(points)
        self.sigmas = tuple(map(float, sigmas)) or (SIGMA,) * len(self.points)
        self.thresholds = tuple(map(float, thresholds)) or (DEFAULT_THRESHOLD,) * len(self.names)
        self.anchors, self.regions, self.most = dict(anchors), int(regions), int(most)
        self.loss_names = tuple(losses)
        if not set(self.parts) <= set(facts.PARTS) or "boxes" not in self.parts:
            raise ValueError("parts that this task does not have")
        if len(self.sigmas) != len(self.points) or not all(s > 0 for s in self.sigmas):
            raise ValueError("each key point needs a sigma above 0")
        if len(self.thresholds) != len(self.names) or not all(0 <= t <= 1 for t in self.thresholds):
            raise ValueError("each class needs a threshold between 0 and 1")
        if ("keypoints" in self.parts) != bool(self.points):
            raise ValueError("key points need names")
        measured = [metric for part in self.parts for metric in _metrics_of(part)]
        self.metrics = (*measured, *(_loss(name) for name in self.loss_names))

    @classmethod
    def from_recipe(cls, recipe: Recipe, dataset: Dataset) -> Self:
        """With the parts that data and network have, and anchors fitted to the training objects."""
        model, targets = facts.plain(recipe.network.model), dataset.splits["train"].targets
        points: tuple[str, ...] = getattr(targets, "point_names", ())
        has = {"masks": bool(getattr(targets, "has_masks", False)), "keypoints": bool(points)}
        parts = facts.parts_of(model, has)
        fitted = recipe.network.weights == "none" or facts.is_new(model)
        return cls(
            dataset.classes,
            parts=parts,
            points=points if "keypoints" in parts else (),
            sigmas=facts.known_sigmas(points) if "keypoints" in parts else (),
            anchors=detection_rules.anchors(recipe.data, targets) if fitted else {},
            regions=detection_rules.regions(targets) if fitted else 0,
            losses=facts.losses_of(model, parts),
        )

    @classmethod
    def derived(cls, known: Mapping[str, Any], info: DatasetInfo) -> Derived:
        return detection_rules.derived(known, info)

    @classmethod
    def network_over(cls, name: str) -> str:
        return name if facts.is_detector(name) else f"rcnn:{name}"

    def head(self) -> Head:
        needs: dict[str, Any] = {"parts": self.parts, "points": len(self.points)}
        needs |= {"anchors": self.anchors} if self.anchors else {}
        needs |= {"regions": self.regions} if self.regions else {}
        return Head(len(self.names), needs)

    def loss(self, network: Network, batch: Batch) -> Loss:
        """The sum of the parts of the network's loss; crowds are not learned from."""
        losses: dict[str, Tensor] = network(
            batch.inputs, [self._to_learn(target) for target in batch.targets]
        )
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        count = len(batch)
        return Loss(total, {name: loss.detach().float() * count for name, loss in losses.items()})

    def _to_learn(self, target: Mapping[str, Any]) -> dict[str, Tensor]:
        boxes: Tensor = target["boxes"]
        there = ~target["crowd"] & (boxes[:, 2:] > boxes[:, :2]).all(1)
        keys = ("boxes", "labels", *(["keypoints"] if "keypoints" in self.parts else []))
        values = {key: target[key][there] for key in keys}
        if "masks" in self.parts:
            values["masks"] = target["masks"]().to(boxes.device)[there]
        return values

    def predict(self, network: Network, inputs: Tensor) -> Outputs:
        """What is found in each input, a few at once, since outputs take much memory."""
        count = max(1, _AT_ONCE // max(1, math.prod(inputs.shape[1:])))
        return [detected(found) for part in inputs.split(count) for found in network(part)]

    def collect(self, outputs: Sequence[Outputs]) -> Outputs:
        return [found for batch in outputs for found in batch]

    def predicting(self, threshold: float | None, most: int | None) -> Self:
        changed: dict[str, Any] = {}
        if threshold is not None:
            changed["thresholds"] = [threshold] * len(self.names)
        if most is not None:
            changed["most"] = most
        return type(self)(self.names, **{**self.options(), **changed}) if changed else self

    def joined(
        self, parts: Sequence[tuple[Prediction, Tile]], size: tuple[int, int], side: int
    ) -> Prediction:
        for prediction, _ in parts:
            if prediction.error:
                return prediction
        found = joined([(as_objects(one).found, tile) for one, tile in parts], size, side)
        return as_objects(parts[-1][0]).with_objects(found)

    def are_finite(self, outputs: Outputs) -> list[bool]:
        return [found.finite for found in outputs]

    def meter(self) -> DetectionMeter:
        return DetectionMeter(self)

    def describe(
        self,
        outputs: Outputs,
        targets: Targets | None = None,
        top: int = 1,  # noqa: ARG002
    ) -> list[Prediction]:
        empty = ObjectsPrediction(
            "",
            names=self.names,
            thresholds=self.thresholds,
            most=self.most,
            point_names=self.points,
        )
        if targets is None:
            return [dataclasses.replace(empty, raw=found) for found in outputs]
        pairs = zip(outputs, targets, strict=True)
        return [
            empty.with_objects(in_image(found, target), target["truth"].objects)
            for found, target in pairs
        ]

    def options(self) -> dict[str, Any]:
        return {
            "parts": list(self.parts), "points": list(self.points), "sigmas": list(self.sigmas),
            "thresholds": list(self.thresholds), "anchors": self.anchors, "regions": self.regions,
            "losses": list(self.loss_names), "most": self.most,
        }  # fmt: skip

    def settle(self, outputs: Outputs, targets: Targets) -> Self:
        """With the threshold of each class that has the highest F1 on the validation split."""
        truths = [target["truth"].objects for target in targets]
        found = [in_image(one, target) for one, target in zip(outputs, targets, strict=True)]
        chosen = best_thresholds(matches_of(truths, found, len(self.names)))
        return type(self)(
            self.names, **self.options() | {"thresholds": [round(t, 4) for t in chosen.tolist()]}
        )

    def doubts(self, outputs: Outputs, targets: Targets) -> list[Doubt]:
        """Objects that seem forgotten, invented, or of another class.

        Those of a class of which the detector misses many are not called invented.
        """
        pairs = [
            (target["truth"].objects, in_image(one, target))
            for one, target in zip(outputs, targets, strict=True)
        ]
        found = [
            Doubt(
                place,
                self._in_words(pairs[place][0], doubt.true, pairs[place][1], doubt.found),
                self._in_words(pairs[place][1], doubt.found, pairs[place][0], doubt.true),
                doubt.score,
            )
            for place, doubt in doubtful_in(pairs, len(self.names))
        ]
        return sorted(found, key=lambda doubt: -doubt.score)

    def _in_words(
        self, objects: ImageObjects, number: int | None, others: ImageObjects, other: int | None
    ) -> str:
        """An object and its place; for none, the place of the other one."""
        name = "nothing" if number is None else self.names[int(objects.classes[number])]
        box = objects.boxes[number] if number is not None else others.boxes[other or 0]
        return f"{name} at {','.join(f'{value:.0f}' for value in box.tolist())}"

    def uncalibrated(self) -> Self:
        raise UsageError(
            "--no-calibration: scores of objects are the network's own already; leave it out"
        )

    def collapse(self, predictions: Sequence[Prediction]) -> str:
        """A line if no object is predicted in any image, although there are some."""
        there = sum(len(one.truth or ()) for one in predictions)
        if not there or any(one.labels for one in predictions):
            return ""
        return (
            f"no object reaches its threshold in any of {plural(len(predictions), 'image')}, which "
            f"have {plural(there, 'object')}; likely causes: too few steps, too high or too low a "
            "learning rate, objects that are tiny once images are resized (raise --image-size)"
        )

    def counted(self) -> str:
        return plural(len(self.names), "class", "classes") + " of objects"

    def figures(self) -> Mapping[str, Draw]:
        return {"precision_recall": self._curves, "confusion": self._confusion}

    def _curves(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.precision_recall import precision_recall_figure

        truths, found = objects_of(predictions)
        matches = matches_of(truths, found, len(self.names))
        metrics = class_rows(truths, found, self)
        curves = {name: curve_of(matches, k) for k, name in enumerate(self.names)}
        return precision_recall_figure(curves, metrics, chance=False)

    def _confusion(self, predictions: Sequence[Prediction]) -> Figure:
        from onestop.figures.confusion import confusion_figure

        truths, found = objects_of(predictions)
        shown = [over_thresholds(one, self.thresholds) for one in found]
        return confusion_figure(
            confusion(truths, shown, len(self.names)), (*self.names, "(background)")
        )

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def to_row(self, prediction: Prediction) -> dict[str, object]:
        objects = as_objects(prediction)
        height, width = objects.found.size
        return {
            "image": prediction.image,
            "height": height,
            "width": width,
            "correct": "" if prediction.correct is None else int(prediction.correct),
            "truth": "" if objects.true is None else to_text(objects.true),
            "predicted": to_text(objects.found),
        }

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        size = int(row["height"]), int(row["width"])
        found = from_text(plain_cell(row["predicted"]), size)
        true = from_text(plain_cell(row["truth"]), size) if row["truth"] else None
        for objects in filter(None, (found, true)):
            if ((objects.classes < 0) | (objects.classes >= len(self.names))).any():
                raise ValueError("a class that the network does not know")
        empty = ObjectsPrediction(
            plain_cell(row["image"]), names=self.names, thresholds=self.thresholds, most=self.most,
            point_names=self.points,
        )  # fmt: skip
        return empty.with_objects(found, true)


COLUMNS = ("image", "height", "width", "correct", "truth", "predicted")
"""Of predictions.csv."""


class DetectionMeter(Meter[Outputs]):
    """Keeps the objects of all images: average precision needs all of them at once."""

    def __init__(self, task: Detection) -> None:
        self._task = task
        self._truths: list[ImageObjects] = []
        self._found: list[ImageObjects] = []

    def update(self, outputs: Outputs, targets: Targets) -> None:
        self._truths += [target["truth"].objects for target in targets]
        self._found += [in_image(one, target) for one, target in zip(outputs, targets, strict=True)]

    def merge(self, other: Self) -> None:
        self._truths += other._truths
        self._found += other._found

    def compute(self) -> Metrics:
        task, values = self._task, dict[str, Any]()
        for part in task.parts:
            of_part = coco_metrics(self._truths, self._found, task.names, part, task.sigmas)
            values |= flat(of_part, _SUFFIX[part])
        count = sum(int((~true.crowds).sum()) for true in self._truths)
        rows = class_rows(self._truths, self._found, task)
        return {**values, "images": len(self._truths), "objects": count, "per_class": rows}


def in_image(found: Detected, target: Mapping[str, Any]) -> ImageObjects:
    """What was found in an input, in the image that it was prepared from."""
    frame = target["frame"].tolist()
    return found.in_image((frame[0], frame[1], frame[2], frame[3]), target["truth"].size)


def objects_of(predictions: Sequence[Prediction]) -> tuple[list[ImageObjects], list[ImageObjects]]:
    """True and predicted objects of the images whose truth is known."""
    known = [one for one in map(as_objects, predictions) if one.true is not None]
    return [one.true for one in known if one.true is not None], [one.found for one in known]


def class_rows(
    truths: Sequence[ImageObjects], found: Sequence[ImageObjects], task: Detection
) -> dict[str, dict[str, Any]]:
    """Metrics of the boxes of each class; None where there is no true object, or none is predicted."""
    values = coco_metrics(truths, found, task.names)["per_class"]
    matches, rows = matches_of(truths, found, len(task.names)), {}
    for k, name in enumerate(task.names):
        total = int(matches.truths[:, k].sum())
        scores, precision, recall = precision_recall(matches, k)
        reached = int((scores >= task.thresholds[k]).sum())
        rows[name] = {
            "objects": total,
            **{key: _plain(value) for key, value in values[name].items()},
            "precision": float(precision[reached - 1]) if reached else None,
            "recall": (float(recall[reached - 1]) if reached else 0.0) if total else None,
            "threshold": task.thresholds[k],
        }
    return rows


def curve_of(matches: Matches, k: int) -> Curve:
    """Precision and recall of a class at each score, at an overlap of 0.5."""
    scores, precision, recall = precision_recall(matches, k)
    return Curve(recall, precision, scores)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
