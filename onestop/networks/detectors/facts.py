"""What is known of a detector by its name, without building it.

Imports neither torch nor other networks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from onestop.errors import UsageError
from onestop.metrics.objects import Kind
from onestop.networks.detectors.rcnn_name import is_rcnn
from onestop.networks.detectors.table import PERSON_POINTS, PERSON_SIGMAS, TABLE

NAMES = tuple(TABLE)
"""torchvision's detectors."""
PARTS: tuple[Kind, ...] = ("boxes", "masks", "keypoints")
RCNN_SIZE = 320
"""Usual pixels per side of `rcnn:BACKBONE`."""
RCNN_SMALLEST = 64
"""Smallest ones."""


def plain(name: str) -> str:
    """A name as the table has it; that of a backbone stays as it is."""
    spelled = name.lower().replace("-", "_").removeprefix("torchvision:")
    return spelled if spelled in TABLE else name


def is_detector(name: str) -> bool:
    """Whether a name is that of a detector, known or not."""
    return plain(name) in TABLE or is_rcnn(name)


def sizes_of(name: str) -> tuple[int, int]:
    """Usual and smallest pixels per side."""
    if name not in TABLE:
        return RCNN_SIZE, RCNN_SMALLEST
    entry = TABLE[name].entry
    return entry.image_size, entry.min_size


def parts_of(name: str, has: Mapping[str, bool]) -> tuple[Kind, ...]:
    """What a detector learns from data that have some of `PARTS`.

    Raises:
        UsageError: It learns something that the data do not have.
    """
    if is_rcnn(name):
        return tuple(part for part in PARTS if part == "boxes" or has.get(part))
    parts = TABLE[name].parts
    if missing := [part for part in parts if part != "boxes" and not has.get(part)]:
        words = {"masks": "masks", "keypoints": "key points"}[missing[0]]
        raise UsageError(
            f"--model {name}: learns {words}, which these data do not have; choose another, "
            "such as fasterrcnn_resnet50_fpn or rcnn:mobilenet_v3_small"
        )
    return parts


def is_new(name: str) -> bool:
    """Whether a detector has no published weights of its own, only those of its backbone."""
    return is_rcnn(name)


def stretches(name: str) -> bool:
    """Whether a detector was trained on images without regard to their shape."""
    return name in TABLE and TABLE[name].divisor == 1


def frozen_stages(name: str) -> str:
    """What is not trained by default, in terms of `--freeze`, of a pretrained detector or backbone."""
    return "2" if is_rcnn(name) or TABLE[name].divisor > 1 else "none"


def losses_of(name: str, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts of a detector's loss, by name."""
    row = TABLE.get(name)
    if row is not None and not row.strides:
        centre = ("loss_centre",) if name.startswith("fcos") else ()
        return ("loss_class", "loss_box", *centre)
    masks = ("loss_mask",) if "masks" in parts else ()
    points = ("loss_points",) if "keypoints" in parts else ()
    return ("loss_class", "loss_box", *masks, *points, "loss_object", "loss_region")


def known_sigmas(points: Sequence[str]) -> tuple[float, ...]:
    """Sigmas of COCO's key points of people; empty for others, for which nobody measured any."""
    same = [re.sub(r"[\W_]+", "_", name.strip().lower()) for name in points] == [*PERSON_POINTS]
    return PERSON_SIGMAS if same else ()
