"""Detectors: networks that find objects, with boxes, and perhaps masks and key points.

torchvision's by their names, and `rcnn:BACKBONE`, a small Faster R-CNN over any backbone. All of them
are called alike: in training with normalised inputs [B, C, h, w] and a list of B targets, for a
dictionary of losses; in evaluation with inputs alone, for B dictionaries of `boxes` (x1, y1, x2, y2
in pixels of the input), `scores` and `labels`, best first, and perhaps `masks` and `keypoints`. Classes
are numbered from 0; the background that torchvision counts as 0 never shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.catalog import Entry
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE
from onestop.networks.pretrained import Release

if TYPE_CHECKING:
    from onestop.networks.detectors.detector import Detector


def build(
    entry: Entry, classes: int, channels: int | None, image_size: int | None,
    needs: Mapping[str, Any],
) -> Detector:  # fmt: skip
    """Build a detector with random weights, drawn from torch's generator.

    Args:
        entry: Of the network.
        classes: How many there are, without background.
        channels: Of the input.
        image_size: Height and width of the input.
        needs: `parts`, some of `PARTS` (default: boxes, and what the network is for); `points`, the
            number of key points; `anchors` (see `onestop.networks.detectors.anchors`).

    Raises:
        UsageError: `classes` is less than 1, or the backbone is not there.
        ArchitectureError: It does not accept such images, or cannot be built.
    """
    channels, size = channels or entry.channels, image_size or entry.image_size
    if classes < 1:
        raise UsageError(f"{entry.name}: needs at least one class (got {classes})")
    if size < entry.min_size:
        raise ArchitectureError(
            f"{entry.name}: images of {size} pixels are too small; it needs {entry.min_size} or more"
        )
    if is_rcnn(entry.name):
        from onestop.networks.detectors import rcnn

        width, backbone = parsed(entry.name)
        network: nn.Module = rcnn.build(backbone, width, classes, channels, size, needs)
    else:
        from onestop.networks.detectors import zoo

        network = zoo.build(entry.name, classes, channels, size, needs)
    from onestop.networks.detectors.detector import as_detector

    return as_detector(network, TABLE[entry.name].divisor if entry.name in TABLE else 32)


def release(entry: Entry, which: str, of_backbone: Callable[[], Release]) -> Release:
    """A published set of weights of a detector; of `rcnn:BACKBONE`, one of its backbone.

    Args:
        entry: Of the network.
        which: Name of the set, or `default`.
        of_backbone: Finds the set of its backbone.

    Raises:
        UsageError: There are none of that name.
    """
    if not is_rcnn(entry.name):
        from onestop.networks.detectors import zoo

        return zoo.release(entry.name, which)
    found = of_backbone()
    seen_whole = dataclasses.replace(found.inputs, crop_fraction=1.0, fit="pad")
    return dataclasses.replace(found, inputs=seen_whole)
