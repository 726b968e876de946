"""LabelMe: a JSON file per image (labelme of Python), or an XML file per image (the older web tool)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.data.shapes import Polygons
from onestop.data.sources.objects.find import files_of, split_of_path
from onestop.data.sources.objects.locate import Images
from onestop.data.sources.objects.parse import (
    Node,
    boxed,
    listed,
    number,
    numbers,
    read_json,
    read_xml,
)
from onestop.data.sources.objects.raw import Box, Log, RawImage, RawObject, RawSet
from onestop.errors import DataError

KIND = "LabelMe"
_CIRCLE = 32  # corners of a circle's outline
_IMAGES = ("Images", "images", "JPEGImages")


def is_labelme(values: Any) -> bool:
    """Whether the value of a JSON file is LabelMe's."""
    return isinstance(values, Mapping) and isinstance(values.get("shapes"), list)


def read_labelme(source: Path) -> RawSet | None:
    """What is in a folder; None if no file is of this kind."""
    return _read(source, ".json", _of_json) or _read(source, ".xml", _of_xml)


def _read(source: Path, suffix: str, parse: Any) -> RawSet | None:
    files = files_of(source, suffix)
    root, log = source if source.is_dir() else source.parent, Log()
    images, splits = Images(root), dict[str, list[RawImage]]()
    count = 0
    for path in files:
        name = str(path.relative_to(root))
        try:
            read = parse(path, name, log)
        except DataError as error:
            log.dropped("file", f"damaged ({str(error).removeprefix(f'{path}: ')})", name)
            continue
        if read is None:
            log.dropped("file", f"that is none of {KIND}", name)
            continue
        count += 1
        image, called = read
        found = _image_of(path, called, root, images)
        if found is None:
            log.dropped("image", "not there", f"{name} ({called})")
            continue
        image.path = found
        splits.setdefault(split_of_path(path, root) or "train", []).append(image)
    return RawSet(KIND, root, splits, log=log) if count else None


def _image_of(path: Path, called: str, root: Path, images: Images) -> str | None:
    folder = path.parent.relative_to(root)
    near = [str(folder)]
    for top in _IMAGES:
        near.append(str(Path(*(top if p.lower() == "annotations" else p for p in folder.parts))))
        near.append(str(folder.parent / top))
    return images.find(called, near) or images.find_stem(path.stem, near)


def _of_json(path: Path, name: str, log: Log) -> tuple[RawImage, str] | None:
    values = read_json(path)
    if not is_labelme(values):
        return None
    image = RawImage(
        "", size=(number(values.get("imageWidth")), number(values.get("imageHeight"))), of=name
    )
    grouped: dict[tuple[str, Any], RawObject] = {}
    for place, row in enumerate(values["shapes"], 1):
        thing = _shape(row, f"shape {place}", name, log) if isinstance(row, Mapping) else None
        if thing is None:
            continue
        group = None if row.get("group_id") is None else str(row["group_id"])
        first = grouped.get((thing.name, group)) if group is not None else None
        if first is not None and first.shape and thing.shape:
            first.shape, first.box = _joined(first, thing), None
            continue
        if group is not None:
            grouped[(thing.name, group)] = thing
        image.objects.append(thing)
    return image, str(values.get("imagePath") or "")


def _joined(one: RawObject, other: RawObject) -> Polygons:
    """The outlines of two parts of one object, which have the same `group_id`."""
    parts = [s.parts for s in (one.shape, other.shape) if isinstance(s, Polygons)]
    return Polygons(tuple(part for those in parts for part in those))


def _shape(row: Mapping[str, Any], place: str, name: str, log: Log) -> RawObject | None:
    kind, label = row.get("shape_type") or "polygon", str(row.get("label") or "")
    pairs = [numbers(pair) for pair in listed(row.get("points"))]
    if any(pair is None or len(pair) != 2 for pair in pairs):
        log.dropped("object", "with a coordinate that is no number", f"{name}: {place}")
        return None
    corners = np.array(pairs, np.float64).reshape(-1, 2)
    if kind == "rectangle" and len(corners) in (2, 4):
        return RawObject(label, _around(corners), place)
    if kind == "circle" and len(corners) == 2:
        return RawObject(label, None, place, shape=Polygons((_circle(corners),)))
    if kind == "polygon" and len(corners) > 2:
        return RawObject(label, None, place, shape=Polygons((corners,)))
    log.dropped("object", f"without area (a {kind} of {len(corners)} points)", f"{name}: {place}")
    return None


def _around(corners: NDArray[np.float64]) -> Box:
    return boxed([*corners.min(0).tolist(), *corners.max(0).tolist()])


def _circle(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """A circle by its centre and a point on it, as corners."""
    radius = math.dist(corners[0], corners[1])
    angle = np.linspace(0, 2 * math.pi, _CIRCLE, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], 1)
    circle: NDArray[np.float64] = corners[0] + radius * unit
    return circle


def _of_xml(path: Path, name: str, log: Log) -> tuple[RawImage, str] | None:
    node = read_xml(path)
    if node.tag != "annotation":
        return None
    size = number(node.value("imagesize", "ncols")), number(node.value("imagesize", "nrows"))
    image = RawImage("", size=size, of=name)
    for place, thing in enumerate(node.all("object"), 1):
        if thing.value("deleted") == "1":
            continue
        found = _object_of(thing, f"object {place}")
        if found is None:
            log.dropped("object", "without outline", f"{name}: object {place}")
        else:
            image.objects.append(found)
    return image, node.value("filename")


def _object_of(thing: Node, place: str) -> RawObject | None:
    """An object with a polygon, or with the box of its mask."""
    name, polygon = thing.value("name"), thing.find("polygon")
    if polygon is not None:
        corners = [(number(p.value("x")), number(p.value("y"))) for p in polygon.all("pt")]
        if len(corners) > 2:
            table = np.array(corners)
            if thing.value("type") == "bounding_box":
                return RawObject(name, _around(table), place)
            return RawObject(name, None, place, shape=Polygons((table,)))
    box = thing.find("segm", "box")
    if box is None:
        return None
    sides: Sequence[float] = [number(box.value(s)) for s in ("xmin", "ymin", "xmax", "ymax")]
    return RawObject(name, boxed(sides), place)
