"""What a detector finds in one input, kept small, and how it becomes objects of the image.

Legend: n objects, P key points, m side of a mask within its box, H and W of the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from onestop.metrics.objects import Floats, Frame, ImageObjects
from onestop.metrics.rle import Rle, pasted

_SMALLEST = 0.5  # pixels of the image that an object is wide and high at least


@dataclass(frozen=True, eq=False)
class Detected:
    """What was found in one input, in pixels of the input.

    Attributes:
        boxes: x1, y1, x2, y2, float32 [n, 4].
        classes: Counted from 0, int64 [n].
        scores: Best first, float32 [n].
        patches: Masks within their boxes, in [0, 1], float16 [n, m, m]; None without masks.
        points: x, y and a score in [0, 1], float32 [n, P, 3]; None without key points.
        finite: Whether all that the network computed of the input is.
    """

    boxes: Floats
    classes: NDArray[np.int64]
    scores: Floats
    patches: NDArray[np.float16] | None = None
    points: Floats | None = None
    finite: bool = True

    def in_image(self, frame: Frame, size: tuple[int, int]) -> ImageObjects:
        """The same in pixels of the image, within its borders; masks are pasted one by one.

        Args:
            frame: Where the image lies in the input.
            size: H and W.
        """
        scale, offset = np.tile(frame[:2], 2), np.tile(frame[2:], 2)
        whole = (self.boxes.astype(np.float64) - offset) / scale
        limits = np.array([size[1], size[0]] * 2, np.float64)
        boxes = np.clip(whole, 0, limits)
        there = ((boxes[:, 2:] - boxes[:, :2]) >= _SMALLEST).all(1)
        kept = self.take(there)
        points = kept.points
        if points is not None:
            places = (points[..., :2].astype(np.float64) - offset[:2]) / scale[:2]
            points = np.concatenate([places, points[..., 2:]], 2).astype(np.float32)
        masks = None
        if kept.patches is not None:
            pairs = zip(kept.patches, whole[there], strict=True)
            masks = tuple(mask_in_image(patch, box, size) for patch, box in pairs)
        return ImageObjects(
            size, boxes[there].astype(np.float32), kept.classes, kept.scores, None, masks, points
        )

    def take(self, which: NDArray[np.bool_]) -> Detected:
        """Some of the objects."""
        return replace(
            self,
            boxes=self.boxes[which], classes=self.classes[which], scores=self.scores[which],
            patches=None if self.patches is None else self.patches[which],
            points=None if self.points is None else self.points[which],
        )  # fmt: skip


def detected(found: Mapping[str, Tensor]) -> Detected:
    """What a network returns for one input; see `onestop.networks.detectors`.

    Objects whose numbers are not finite are left out.
    """
    values = {name: tensor.detach().float().cpu() for name, tensor in found.items()}
    boxes, scores = values["boxes"].numpy(), values["scores"].numpy()
    patches = values["masks"][:, 0].numpy().astype(np.float16) if "masks" in values else None
    points = None
    if "keypoints" in values:
        points = values["keypoints"].numpy().copy()
        points[..., 2] = values["keypoints_scores"].sigmoid().numpy()
    sound = bool(found["finite"]) if "finite" in found else True
    whole = Detected(boxes, found["labels"].cpu().numpy(), scores, patches, points, sound)
    finite = np.isfinite(boxes).all(1) & np.isfinite(scores)
    return whole if finite.all() else whole.take(finite)


def mask_in_image(
    patch: NDArray[np.floating], box: NDArray[np.float64], size: tuple[int, int]
) -> Rle:
    """A mask [m, m] that fills a box, stretched over it, as runs; cut off at the image's borders.

    Args:
        patch: In [0, 1]; from 0.5 on a pixel belongs to the object.
        box: x1, y1, x2, y2 in pixels of the image.
        size: H and W.
    """
    left, top = (max(0, math.floor(low)) for low in box[:2])
    right, bottom = (
        min(side, math.ceil(high)) for side, high in zip(size[::-1], box[2:], strict=True)
    )
    if right <= left or bottom <= top:
        return pasted(np.zeros((0, 0), np.bool_), 0, 0, size)
    rows = _between(patch.shape[0], box[1], box[3], top, bottom)
    columns = _between(patch.shape[1], box[0], box[2], left, right)
    values = rows @ patch.astype(np.float32) @ columns.T
    return pasted(values >= 0.5, left, top, size)


def _between(cells: int, low: float, high: float, first: int, end: int) -> Floats:
    """How much each of some cells counts at the centre of each pixel, [end - first, cells].

    Linear between the centres of cells; beyond the outer ones there is nothing, as in torchvision.
    """
    centres = (np.arange(first, end) + 0.5 - low) / max(high - low, 1e-6) * cells - 0.5
    distance = np.abs(centres[:, None] - np.arange(cells)[None])
    shares: Floats = np.clip(1 - distance, 0, None).astype(np.float32)
    return shares
