"""The objects of one image, true or predicted, as metrics and figures take them.

In pixels of the upright original image. Does not import torch.

Legend: n objects, P key points, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.rle import Rle

Floats = NDArray[np.float32]
NO_BOXES = np.zeros((0, 4), np.float32)
Kind: TypeAlias = Literal["boxes", "masks", "keypoints"]
"""What objects have that can be compared."""
Frame: TypeAlias = tuple[float, float, float, float]
"""Where an image lies in the network's input: scale and offset, x and y of each; a place in the input
is that in the image times scale plus offset."""


@dataclass(frozen=True, eq=False)
class ImageObjects:
    """The objects of one image.

    Attributes:
        size: Height and width of the image.
        boxes: x1, y1, x2, y2, float32 [n, 4].
        classes: Counted from 0, int64 [n].
        scores: In [0, 1], float32 [n]; 1 for true objects.
        crowd: Whether it stands for any number of objects, bool [n]; never for predicted ones.
        masks: One per object, if there are any.
        points: x, y and visibility (0 absent, 1 hidden, 2 visible), float32 [n, P, 3], if there are
            any; of predicted ones, the third number is their score.
        area: In square pixels as the data state it, float32 [n]; of masks, else of boxes, if None.
    """

    size: tuple[int, int]
    boxes: Floats = field(default_factory=lambda: NO_BOXES)
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    crowd: NDArray[np.bool_] | None = None
    masks: tuple[Rle, ...] | None = None
    points: Floats | None = None
    area: Floats | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, which: NDArray[Any]) -> ImageObjects:
        """Some of the objects: those of some numbers, or where a mask [n] is true."""
        numbers = np.arange(len(self))[which]
        return replace(
            self,
            boxes=self.boxes[numbers],
            classes=self.classes[numbers],
            scores=self.scores[numbers],
            crowd=None if self.crowd is None else self.crowd[numbers],
            masks=None if self.masks is None else tuple(self.masks[i] for i in numbers.tolist()),
            points=None if self.points is None else self.points[numbers],
            area=None if self.area is None else self.area[numbers],
        )

    @property
    def crowds(self) -> NDArray[np.bool_]:
        """`crowd`, all false if it is None."""
        return np.zeros(len(self), np.bool_) if self.crowd is None else self.crowd

    @property
    def areas(self) -> NDArray[np.float64]:
        """As stated, else of masks, else of boxes, in square pixels, [n]."""
        if self.area is not None:
            return self.area.astype(np.float64)
        if self.masks is not None:
            return np.array([mask.area for mask in self.masks], np.float64)
        return box_areas(self.boxes)


def box_areas(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """Areas of boxes [n, 4], in 64 bits."""
    boxes = np.asarray(boxes, np.float64)
    result: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return result


def box_iou(
    ours: NDArray[Any], theirs: NDArray[Any], crowd: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Intersection over union of boxes, [n, m]; over our own area where theirs is a crowd."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)
    whole = box_areas(ours)[:, None] + box_areas(theirs)[None] - common
    if crowd is not None:
        whole = np.where(crowd[None], box_areas(ours)[:, None], whole)
    result: NDArray[np.float64] = common / np.maximum(whole, 1e-12)
    return result
