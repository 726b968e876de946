"""Objects in images as targets: boxes with classes, and masks and key points where there are any.

Coordinates are continuous: the first pixel of a row reaches from x = 0 to x = 1.

Legend: N images of a split, B of a batch, n objects of an image, K classes, P key points, H and W
height and width of an upright original image, h and w those of the network's input.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from onestop.data.box_faults import box_faults
from onestop.data.draw_objects import drawn
from onestop.data.names import places
from onestop.data.placement import Placement, placement
from onestop.data.shapes import Polygons, Shape, as_rle, outline_of_box
from onestop.data.targets import Indices, TargetBatch, Targets
from onestop.errors import DataError, UsageError
from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode
from onestop.text import listing

if TYPE_CHECKING:
    from torch import Tensor

    from onestop.data.augmentation import Moves
    from onestop.data.preprocess import Preprocessing
    from onestop.images.pillow import Pixels
    from onestop.runtime.device import Engine

NO_OBJECTS = "no objects"
"""How the target of an image without objects is shown: it is background, and trained on as such."""
_TENSORS = ("boxes", "labels", "crowd", "frame", "keypoints")
_SHOWN = 4  # classes in the text of a target


@dataclass(frozen=True, eq=False)
class Annotation:
    """The objects of one image, in pixels of the upright original.

    Attributes:
        size: H and W.
        boxes: x1, y1, x2, y2, float32 [n, 4].
        classes: Counted from 0, int64 [n].
        crowd: Whether an object stands for any number of them, or is not to be counted, bool [n].
        areas: In square pixels: of masks where there are any, else of boxes; float32 [n].
        shapes: The outline of each object, decoded only when asked for; None if the data have none.
        points: x, y and visibility (0 absent, 1 hidden, 2 visible), float32 [n, P, 3], or None.
    """

    size: tuple[int, int]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float32]
    shapes: tuple[Shape | None, ...] | None = None
    points: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def shape(self, number: int) -> Shape:
        """The outline of an object: of its box if it has no other."""
        shape = self.shapes[number] if self.shapes else None
        return outline_of_box(self.boxes[number]) if shape is None else shape

    @functools.cached_property
    def objects(self) -> ImageObjects:
        """The same as metrics and figures take them, with masks decoded to run lengths."""
        masks = None
        if self.shapes is not None:
            masks = tuple(as_rle(self.shape(k), self.size) for k in range(len(self)))
        scores = np.ones(len(self), np.float32)
        return ImageObjects(
            self.size, self.boxes, self.classes, scores, self.crowd, masks, self.points, self.areas
        )

    def identity(self) -> bytes:
        """Bytes that change when anything does."""
        parts = [np.array([*self.size, len(self)]), self.boxes, self.classes, self.crowd]
        parts += [] if self.points is None else [self.points]
        for shape in self.shapes or ():
            parts += shape.parts if isinstance(shape, Polygons) else [np.zeros(1)]
            parts += [] if shape is None or isinstance(shape, Polygons) else [shape.counts]
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


class Objects(Targets):
    """Any number of objects per image, including none.

    Attributes:
        values: One `Annotation` per image.
        point_names: Names of the key points, [P]; empty if there are none.
        flip_pairs: Key points that change places when an image is mirrored, as pairs of their numbers;
            None if that is not known, so that images must not be mirrored.
        skeleton: Pairs of key points that are joined by a line when drawn.
    """

    task = "detection"
    differ = "with different objects"

    values: list[Annotation]

    def __init__(
        self,
        values: Sequence[Annotation],
        names: Sequence[str],
        point_names: Sequence[str] = (),
        flip_pairs: Sequence[tuple[int, int]] | None = None,
        skeleton: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.values = list(values)
        self.names = tuple(names)
        self.point_names = tuple(point_names)
        self.flip_pairs = None if flip_pairs is None else tuple(flip_pairs)
        self.skeleton = tuple(skeleton)
        self.mirrors = not self.point_names or self.flip_pairs is not None

    @property
    def has_masks(self) -> bool:
        """Whether the objects have masks."""
        return any(value.shapes is not None for value in self.values)

    @property
    def has_points(self) -> bool:
        """Whether the objects have key points."""
        return bool(self.point_names)

    def objects(self, index: int) -> ImageObjects:
        """The objects of an image as metrics and figures take them."""
        return self.values[index].objects

    def _with(self, values: Sequence[Annotation], names: Sequence[str]) -> Self:
        return type(self)(values, names, self.point_names, self.flip_pairs, self.skeleton)

    def take(self, indices: Indices) -> Self:
        return self._with([self.values[int(i)] for i in indices], self.names)

    def identity(self) -> bytes:
        digest = hashlib.sha256("\0".join(self.point_names).encode(errors="surrogateescape"))
        for value in self.values:
            digest.update(value.identity())
        return digest.digest()

    def batch(
        self,
        indices: Indices,
        moves: Moves | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> list[dict[str, Any]]:
        """The objects of each image in pixels of its input, or of the original without preprocessing.

        Objects of which less than a quarter of the box is visible are left out; the others are clipped
        to the picture. Crowds are included.

        Returns:
            For each image `boxes` float32 [n, 4] (x1, y1, x2, y2), `labels` int64 [n] from 0, `crowd`
            bool [n], `index`, `frame` float32 [4]: scale x, scale y, offset x and y from the original
            to the input before any moves; `keypoints` float32 [n, P, 3] and `masks`, which draws them
            as uint8 [n, h, w] when it is called, if the data have them; and `truth`, the `Annotation`:
            all objects in the original.
        """
        return [
            self._placed(
                int(index), placement(self.values[int(index)].size, preprocessing, moves, row)
            )
            for row, index in enumerate(indices)
        ]

    def _placed(self, index: int, place: Placement) -> dict[str, Any]:
        import torch

        value = self.values[index]
        boxes, kept = place.boxes(value.boxes)
        row = {
            "boxes": boxes[kept], "labels": value.classes[kept], "crowd": value.crowd[kept],
            "frame": np.array(place.frame, np.float32),
        }  # fmt: skip
        if self.has_points:
            points = value.points
            if points is None:
                points = np.zeros((len(value), len(self.point_names), 3), np.float32)
            row["keypoints"] = place.points(points[kept], self.flip_pairs)
        tensors = {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in row.items()}
        masks = {"masks": functools.partial(_masks, value, place, boxes, kept)}
        return {**tensors, **(masks if self.has_masks else {}), "index": index, "truth": value}

    def focus(
        self, indices: Indices, draws: NDArray[np.float64], preprocessing: Preprocessing
    ) -> NDArray[np.float64] | None:
        height, width = preprocessing.shape[-2:]
        chosen = np.full((len(indices), 4), np.nan)
        for row, index in enumerate(indices.tolist()):
            value = self.values[index]
            boxes, _ = placement(value.size, preprocessing, None, 0).boxes(value.boxes)
            boxes = boxes[~value.crowd]
            if len(boxes):
                chosen[row] = boxes[int(draws[row] * len(boxes))]
        return chosen / (width, height, width, height)

    def send(self, batch: TargetBatch, engine: Engine) -> TargetBatch:
        return [
            {k: engine.send(part) if k in _TENSORS else part for k, part in row.items()}
            for row in batch
        ]

    def shares(self, batch: TargetBatch) -> Tensor:  # noqa: ARG002
        raise UsageError("images with objects cannot be mixed; leave out --mixup and --cutmix")

    def words(self, index: int) -> tuple[str, ...]:
        """The classes of which there are objects, each once."""
        return tuple(self.names[k] for k in np.unique(self.values[index].classes))

    def text(self, index: int) -> str:
        counts = Counter(self.values[index].classes.tolist())
        parts = [f"{count} {self.names[k]}" for k, count in counts.most_common()]
        return listing(parts, _SHOWN) if parts else NO_OBJECTS

    def draw(self, target: Any, pixels: Pixels, longest: int = 0) -> Pixels:
        boxes = target["boxes"].numpy()
        masks = [encode(mask) for mask in target["masks"]().numpy()] if "masks" in target else None
        points = target["keypoints"].numpy() if "keypoints" in target else None
        objects = ImageObjects(
            (pixels.shape[0], pixels.shape[1]), boxes, target["labels"].numpy(),
            np.ones(len(boxes), np.float32), target["crowd"].numpy(),
            None if masks is None else tuple(masks), points,
        )  # fmt: skip
        return drawn(pixels, objects, self.names, longest=longest, skeleton=self.skeleton)

    def unlabelled(self) -> Indices:
        return np.array([i for i, value in enumerate(self.values) if not len(value)], np.int64)

    def strata(self) -> Indices | None:
        return None

    def members(self) -> tuple[Indices, Indices]:
        present = [np.unique(value.classes) for value in self.values]
        samples = np.repeat(np.arange(len(present)), [len(classes) for classes in present])
        return samples, np.concatenate([np.zeros(0, np.int64), *present])

    def tallies(self) -> dict[str, Indices]:
        every = np.concatenate([np.zeros(0, np.int64), *(value.classes for value in self.values)])
        return {"objects": np.bincount(every, minlength=len(self.names))}

    def doubts(self, index: int) -> Iterable[tuple[str, str]]:
        value = self.values[index]
        return box_faults(value.boxes, [self.names[k] for k in value.classes], value.size)

    def onto(self, names: Sequence[str]) -> Self:
        """The same objects, their classes numbered by another list of names."""
        if not names:
            raise DataError("has objects as targets, the model gives numbers")
        used = [self.names[k] for k in np.flatnonzero(self.counts())]
        place = places(self.names, names)
        if unknown := sorted(name for name in used if place[name] is None):
            raise DataError(
                f"has classes the model does not know: {listing(unknown)}; it knows {listing(names)}"
            )
        numbers = np.array([place[name] or 0 for name in self.names], np.int64)
        values = [replace(value, classes=numbers[value.classes]) for value in self.values]
        return self._with(values, names)


def _masks(
    value: Annotation, place: Placement, boxes: NDArray[np.float32], kept: Indices
) -> Tensor:
    """The masks of some objects in the input, uint8 [n, h, w], drawn when they are learned from."""
    import torch

    masks = np.zeros((len(kept), *place.size), np.uint8)
    for number, k in enumerate(kept.tolist()):
        place.draw(as_rle(value.shape(k), value.size), boxes[k], masks[number])
    return torch.from_numpy(masks)
