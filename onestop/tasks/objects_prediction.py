"""Which objects are predicted in an image: boxes, and perhaps masks and key points.

Does not import torch.

Legend: n objects, K classes, H and W height and width of the image.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onestop.metrics.matches import over_thresholds, paired
from onestop.metrics.objects import Frame, ImageObjects
from onestop.metrics.rle import from_coco, to_coco
from onestop.runtime.json_text import json_text
from onestop.tasks.prediction import Label, Prediction
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.data.preprocess import Preprocessing
    from onestop.images.pillow import Pixels
    from onestop.tasks.detected import Detected

POINT_SCORE = 0.3
"""From which on a predicted key point is drawn."""
NOTHING = "nothing"
"""How an image without objects is described."""


@dataclass(frozen=True)
class ObjectsPrediction(Prediction):
    """The objects that a network predicts in one image, in pixels of the upright image.

    Attributes:
        names: Of the K classes.
        thresholds: An object is predicted if its score reaches the threshold of its class, [K].
        most: Objects that are predicted at most.
        point_names: Of the key points, if there are any.
        found: All objects with a score, best first; those under their thresholds are for curves.
        true: The true objects, if they are known.
        raw: The same as `found` in pixels of the input, until the size of the image is known.
    """

    names: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()
    most: int = 10**6
    point_names: tuple[str, ...] = ()
    found: ImageObjects = field(default_factory=lambda: ImageObjects((0, 0)), compare=False)
    true: ImageObjects | None = field(default=None, compare=False)
    raw: Detected | None = field(default=None, repr=False, compare=False)

    @functools.cached_property
    def objects(self) -> ImageObjects:
        """The predicted objects, best first."""
        shown = over_thresholds(self.found, self.thresholds)
        return shown.take(np.arange(min(len(shown), self.most)))

    def placed(self, frame: Frame, size: tuple[int, int]) -> ObjectsPrediction:
        if self.raw is None:
            return self
        return dataclasses.replace(self, raw=None).with_objects(self.raw.in_image(frame, size))

    def with_objects(
        self, found: ImageObjects, true: ImageObjects | None = None
    ) -> ObjectsPrediction:
        """The same prediction with other objects, and true ones if they are known."""
        changed = dataclasses.replace(self, found=found, true=true)
        shown = changed.objects
        labels = tuple(
            Label(self.names[k], float(score))
            for k, score in zip(shown.classes.tolist(), shown.scores.tolist(), strict=True)
        )
        if true is None:
            return dataclasses.replace(changed, labels=labels)
        kept = true.take(~true.crowds)
        names = tuple(self.names[k] for k in sorted(kept.classes.tolist()))
        return dataclasses.replace(
            changed, labels=labels, truth=names, correct=all_right(true, shown)
        )

    @property
    def text(self) -> str:
        """How many objects of each class, and the best score of each."""
        if self.error:
            return ""
        best: dict[str, float] = {}
        for label in self.labels:
            best.setdefault(label.name, label.score)
        counts = Counter(label.name for label in self.labels)
        return ", ".join(
            f"{count} {name} ({best[name]:.0%})" for name, count in counts.items()
        ) or ("no object reaches its threshold")

    @property
    def predicted_text(self) -> str:
        return counted_words([label.name for label in self.labels])

    @property
    def truth_text(self) -> str:
        return "" if self.truth is None else counted_words(self.truth)

    def title(self, truth: str | None = None) -> tuple[str, bool | None]:  # noqa: ARG002
        """How many objects there are; a folder name as `truth` says nothing about them."""
        return self.predicted_text, None

    def places(self) -> ImageObjects:
        return self.objects

    def draw(
        self,
        pixels: Pixels,
        preprocessing: Preprocessing | None = None,
        *,
        truth: bool = False,
        longest: int = 0,
    ) -> Pixels:
        from onestop.data.draw_objects import drawn

        objects = (self.true or ImageObjects(self.found.size)) if truth else self.objects
        frame = preprocessing.geometry(objects.size) if preprocessing else None
        return drawn(
            pixels, objects, self.names, longest=longest, frame=frame,
            least=0.0 if truth else POINT_SCORE,
        )  # fmt: skip

    def summary(self) -> dict[str, Any]:
        return {"objects": [self._object(i) for i in range(len(self.objects))]}

    def to_json(self) -> dict[str, Any]:
        """The prediction, as `--json` prints it."""
        values = super().to_json()
        values.pop("top", None)
        if not self.error:
            height, width = self.found.size
            values |= {"width": width, "height": height}
        return values

    def _object(self, i: int) -> dict[str, Any]:
        shown = self.objects
        values: dict[str, Any] = {
            "label": self.names[int(shown.classes[i])],
            "score": round(float(shown.scores[i]), 6),
            "box": [round(value, 2) for value in shown.boxes[i].tolist()],
        }
        if shown.masks is not None:
            values["mask"] = to_coco(shown.masks[i])
        if shown.points is not None:
            values["points"] = [
                {"name": name, "x": round(x, 2), "y": round(y, 2), "score": round(score, 4)}
                for name, (x, y, score) in zip(
                    self.point_names, shown.points[i].tolist(), strict=True
                )
            ]
        return values

    def to_csv(self, top: int = 1) -> dict[str, str]:  # noqa: ARG002
        """A row of `--csv`: labels, and as scores, those of the objects, separated by `|`."""
        return {
            "image": self.image,
            "label": "|".join(label.name for label in self.labels),
            "score": "|".join(f"{label.score:.6g}" for label in self.labels),
            "error": self.error,
        }


def as_objects(prediction: Prediction) -> ObjectsPrediction:
    """A prediction of this task with its own type."""
    assert isinstance(prediction, ObjectsPrediction)
    return prediction


def counted_words(names: Sequence[str]) -> str:
    """Names with their numbers: `2 cells, 1 platelet` as `2 cells`... without guessing plurals.

    >>> counted_words(["cat", "dog", "cat"]), counted_words([])
    ('2 x cat, 1 x dog', 'nothing')
    """
    counts = Counter(names)
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or NOTHING


def all_right(true: ImageObjects, shown: ImageObjects) -> bool:
    """Whether every true object is found in its class, and nothing else."""
    pairs, ignored = paired(true, shown)
    same = all(true.classes[j] == shown.classes[i] for i, j in pairs)
    return same and len(pairs) == int((~true.crowds).sum()) == len(shown) - len(ignored)


def to_text(objects: ImageObjects) -> str:
    """Objects as JSON on one line, for a cell of predictions.csv."""
    values: dict[str, Any] = {
        "boxes": [[round(v, 2) for v in box] for box in objects.boxes.tolist()],
        "classes": objects.classes.tolist(),
        "scores": [float(f"{score:.6g}") for score in objects.scores.tolist()],
    }
    if objects.crowds.any():
        values["crowd"] = objects.crowds.astype(int).tolist()
    if objects.masks is not None:
        values["masks"] = [to_coco(mask)["counts"] for mask in objects.masks]
    if objects.points is not None:
        values["points"] = [
            [[round(v, 4) for v in p] for p in row] for row in objects.points.tolist()
        ]
    return json_text(values)


def from_text(text: str, size: tuple[int, int]) -> ImageObjects:
    """The inverse of `to_text`.

    Raises:
        ValueError, KeyError, TypeError: It is damaged.
    """
    values: Mapping[str, Any] = json.loads(text)
    boxes = np.array(values["boxes"], np.float32).reshape(-1, 4)
    count = len(boxes)
    scores, classes = np.array(values["scores"], np.float32), np.array(values["classes"], np.int64)
    masks = points = crowd = None
    if "masks" in values:
        masks = tuple(from_coco({"size": size, "counts": counts}) for counts in values["masks"])
    if "points" in values:
        points = np.array(values["points"], np.float32).reshape(count, -1, 3)
    if "crowd" in values:
        crowd = np.array(values["crowd"], np.bool_)
    lengths = {len(part) for part in (scores, classes, masks, points, crowd) if part is not None}
    if lengths != {count} or not np.isfinite(boxes).all():
        raise ValueError("objects of different numbers")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("a score outside [0, 1]")
    return ImageObjects(size, boxes, classes, scores, crowd, masks, points)


def described(count: int) -> str:
    """A number of objects in words."""
    return plural(count, "object")
