"""Annotations of objects: people's own files, in the formats that tools write.

`open_objects` finds out which it is, reads it, and repairs what is broken, each with a count and names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from onestop.data.dataset import Dataset
from onestop.data.objects import Objects
from onestop.data.sources.objects import coco, labelme, masks, tables, voc, yolo
from onestop.data.sources.objects.raw import RawSet
from onestop.data.sources.objects.repair import repaired
from onestop.data.sources.options import OF_TABLES, Options
from onestop.errors import DataError

TASK = Objects.task
_DEFAULTS = Options()
Reader: TypeAlias = Callable[[Path], RawSet | None]

READERS: Mapping[str, Reader] = {
    coco.KIND: coco.read_coco,
    yolo.KIND: yolo.read_yolo,
    voc.KIND: voc.read_voc,
    labelme.KIND: labelme.read_labelme,
    tables.KIND: tables.read_tables,
    masks.KIND: masks.read_masks,
}
"""By the name of the format, in the order in which they are tried: those that say most come first."""


def open_objects(
    source: Path, options: Options = _DEFAULTS, *, for_training: bool = True
) -> Dataset | None:
    """The objects in a folder or file, if they are annotated in a known format; else None.

    Args:
        source: A folder, or a COCO JSON, a data.yaml, or a table of boxes.
        options: Objects are read if the task is theirs, or not set.
        for_training: Whether there must be a split `train` with an object.

    Raises:
        DataError: The annotations cannot be used.
    """
    if options.task not in (None, TASK) or not source.exists():
        return None
    for read in READERS.values():
        raw = read(source)
        if raw is not None:
            options.require_none(OF_TABLES, "tables of paths and labels", str(source))
            return repaired(raw, for_training=for_training)
    if options.task == TASK:
        raise DataError(
            f"{source}: no annotations of objects in a known format ({', '.join(READERS)})"
        )
    return None
