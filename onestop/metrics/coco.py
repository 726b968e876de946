"""COCO's metrics of objects: average precision and recall (https://cocodataset.org/#detection-eval).

The same numbers as pycocotools, to the last digits, which the tests check.

Legend: K classes, T overlaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.matches import average_precisions, matches_in, pairs_of, recalls
from onestop.metrics.objects import ImageObjects, Kind

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Ranges of an object's area in square pixels."""


def sizes_of(kind: Kind) -> tuple[str, ...]:
    """The names of the ranges of area that are scored: COCO marks no key points on small objects."""
    return tuple(size for size in SIZES if kind != "keypoints" or size != "small")


def coco_metrics(
    truths: Sequence[ImageObjects],
    found: Sequence[ImageObjects],
    names: Sequence[str],
    kind: Kind = "boxes",
    sigmas: Sequence[float] = (),
) -> dict[str, Any]:
    """Average precision and recall of the objects of some images.

    Args:
        truths: True objects of each image.
        found: Predicted objects of the same images.
        names: Of the K classes.
        kind: What is compared: boxes, masks or key points.
        sigmas: Of key points: how far off they may be, relative to the size of the object.

    Returns:
        `ap` (mean over ten overlaps), `ap50`, `ap75`, `ap_small`, `ap_medium`, `ap_large`, `ar`, and
        `per_class`: `ap`, `ap50` and `ar` of each class. NaN where there is no true object.
    """
    pairs = pairs_of(truths, found, len(names), kind, sigmas)
    matches = matches_in(pairs)
    precision, recall = average_precisions(matches), recalls(matches)  # [K, T]
    values: dict[str, Any] = {
        "ap": _mean(precision), "ap50": _mean(precision[:, 0]), "ap75": _mean(precision[:, 5]),
    }  # fmt: skip
    for size in sizes_of(kind):
        values[f"ap_{size}"] = _mean(average_precisions(matches_in(pairs, SIZES[size])))
    values["ar"] = _mean(recall)
    values["per_class"] = {
        name: {
            "ap": _mean(precision[k]), "ap50": _mean(precision[k, :1]), "ar": _mean(recall[k]),
        }
        for k, name in enumerate(names)
    }  # fmt: skip
    return values


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def flat(values: Mapping[str, Any], suffix: str = "") -> dict[str, float]:
    """The single numbers of `coco_metrics`, with a suffix, without those that are NaN."""
    return {
        f"{name}{suffix}": value
        for name, value in values.items()
        if isinstance(value, float) and not np.isnan(value)
    }
