"""Objects given in Python: images with a mapping of boxes and labels each, as in torchvision.

Boxes are two corners in pixels of the image as it is given; `masks`, `keypoints`, `iscrowd` and `area`
may be there too.

Legend: n objects of an image, P key points, H and W height and width of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onestop.data.sources.objects.raw import RawImage, RawObject, RawSet
from onestop.errors import BadImageError, DataError, UsageError
from onestop.images.arrays import one_image
from onestop.images.forms import image_form
from onestop.images.header import Stored, stored
from onestop.images.pillow import measure_pillow

KIND = "objects given in Python"


def has_objects(part: Any) -> bool:
    """Whether a sequence or data set gives pairs of an image and a mapping with boxes."""
    columns = hasattr(part, "column_names")  # of Hugging Face: gives mappings, no pairs
    if columns or isinstance(part, Mapping | str | bytes) or not hasattr(part, "__getitem__"):
        return False
    try:
        first = part[0] if len(part) else None
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError):
        return False
    return _is_one(first)


def _is_one(item: Any) -> bool:
    return (
        isinstance(item, tuple | list)
        and len(item) == 2
        and isinstance(item[1], Mapping)
        and "boxes" in item[1]
    )


def read_given(splits: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> RawSet:
    """What is in data sets of images with objects.

    Args:
        splits: Of each split a sequence of pairs.
        names: Of each split what numbers of classes stand for; empty if that is not known.

    Raises:
        DataError: Objects of an image do not belong together.
    """
    raw = RawSet(KIND, Path(), {}, inputs=splits)
    every: dict[str, list[RawImage]] = {}
    points = 0
    for split, part in splits.items():
        every[split] = []
        for number in range(len(part)):
            item = part[number]
            if not _is_one(item):
                raise DataError(
                    f"#{number} of split {split!r}: is no image with a mapping of boxes"
                )
            try:
                image, count = _image(item, number, split, names.get(split, ()))
            except (BadImageError, UsageError) as error:
                raw.log.split = split
                raw.log.dropped("image", f"not readable ({error})", f"#{number}")
                continue
            points = max(points, count)
            every[split].append(image)
    raw.splits = every
    raw.point_names = [str(k) for k in range(1, points + 1)]
    return raw


def _image(item: Any, number: int, split: str, names: Sequence[str]) -> tuple[RawImage, int]:
    """An image with its objects, and how many key points they have."""
    target, place = item[1], f"#{number} of split {split!r}"
    image = RawImage(f"#{number}", file=_measured(item[0]))
    boxes = _array(target["boxes"], place).reshape(-1, 4).astype(np.float64)
    form = str(getattr(getattr(target["boxes"], "format", None), "name", "XYXY"))
    if form == "XYWH":
        boxes[:, 2:] += boxes[:, :2]
    elif form == "CXCYWH":
        boxes = np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
    labels = _labels(target.get("labels"), len(boxes), names)
    parts = {k: _array(target[k], place) for k in _PARTS if target.get(k) is not None}
    for name, values in [("labels", labels), *parts.items()]:
        if len(values) != len(boxes):
            raise DataError(f"{place}: {len(values)} {name} for {len(boxes)} boxes")
    for i, box in enumerate(boxes.tolist()):
        image.objects.append(
            RawObject(
                labels[i],
                (box[0], box[1], box[2], box[3]),
                f"object {i}",
                bool(parts["iscrowd"][i]) if "iscrowd" in parts else False,
                _encoded(parts["masks"][i]) if "masks" in parts else None,
                parts["keypoints"][i].astype(np.float64) if "keypoints" in parts else None,
                float(parts["area"][i]) if "area" in parts else 0.0,
            )
        )
    return image, parts["keypoints"].shape[1] if "keypoints" in parts and len(boxes) else 0


_PARTS = ("masks", "keypoints", "iscrowd", "area")


def _encoded(mask: Any) -> Any:
    from onestop.metrics.rle import encode

    return encode(np.ascontiguousarray(mask) > 0)


def _measured(image: Any) -> Stored:
    """Height and width of an image in any form."""
    form = image_form(image)
    if isinstance(form, Path | bytes):
        return stored(form)
    if isinstance(form, Image.Image):  # turned upright when it is read
        height, width, _ = measure_pillow(form)
        return Stored(height, width, 1)
    height, width, _ = one_image(form)[0].shape
    return Stored(height, width, 1)


def _array(values: Any, place: str) -> Any:
    try:
        return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except (ValueError, TypeError):
        raise DataError(f"{place}: boxes or what belongs to them differ in shape") from None


def _labels(values: Any, count: int, names: Sequence[str]) -> list[str]:
    """Classes in words: numbers by the names of the data set, where it has them."""
    if values is None:
        return ["object"] * count
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    if all(isinstance(value, int) and 0 <= value < len(names) for value in listed):
        return [str(names[value]) for value in listed]
    return [str(value) for value in listed]
