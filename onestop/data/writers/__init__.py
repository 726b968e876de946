"""Annotations of objects written for other programs: COCO JSON, Pascal VOC, YOLO.

Legend: n objects of an image, P key points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from onestop.data.writers import coco, voc, yolo
from onestop.data.writers.pictures import Picture, Scheme

Files: TypeAlias = Mapping[str, str]
"""Contents by path below the folder that is written."""
Writer: TypeAlias = Callable[[Mapping[str, Sequence[Picture]], Scheme], tuple[Files, list[str]]]
"""From the pictures of each split, with their names below its folder of images, to files and notes."""

WRITERS: Mapping[str, Writer] = {
    "coco": coco.written, "voc": voc.written, "yolo": yolo.written,
}  # fmt: skip
"""By the name of the format."""
IMAGES: Mapping[str, str] = {
    "coco": "images/{split}", "voc": "JPEGImages", "yolo": "images/{split}",
}  # fmt: skip
"""The folder for the images of a split."""
