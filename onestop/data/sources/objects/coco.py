"""COCO JSON: images, annotations and categories in one file, with boxes, masks and key points.

Plain (`annotations/instances_train.json`, images in `train/` or `images/train/`) or as Roboflow exports
it (`train/_annotations.coco.json` beside its images). Ids are only used to join the three lists: they
may have holes, begin at 0, or be repeated.

Legend: P key points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.names import key_of
from onestop.data.shapes import Polygons, Shape
from onestop.data.sources.objects.find import files_of, split_of_path
from onestop.data.sources.objects.locate import Images
from onestop.data.sources.objects.parse import boxed, listed, number, numbers, read_json
from onestop.data.sources.objects.raw import Box, Log, RawImage, RawObject, RawSet
from onestop.errors import DataError
from onestop.metrics.rle import Rle, from_coco
from onestop.text import listing, plural

KIND = "COCO JSON"
_PREFIXES = ("instances", "person_keypoints", "annotations", "_annotations")
_LISTS = ("images", "annotations", "categories")
_SIDES = (("left", "right"), ("l", "r"), ("Left", "Right"), ("L", "R"))


def is_coco(values: Any) -> bool:
    """Whether the value of a JSON file has COCO's lists."""
    return isinstance(values, Mapping) and all(isinstance(values.get(k), list) for k in _LISTS)


def read_coco(source: Path) -> RawSet | None:
    """What is in a folder, or in one file; None if there is no such JSON."""
    root = source if source.is_dir() else _root_of(source)
    files = files_of(source, ".json")
    parts = [(path, values) for path in files if is_coco(values := _value(path, source))]
    if not parts:
        return None
    log = Log()
    chosen = _one_per_split(parts, root, log)
    images, splits = Images(root), dict[str, list[RawImage]]()
    people = _Points()
    for split, (path, values) in chosen.items():
        log.split = split
        splits[split] = _images(values, path, root, images, people, log)
    log.split = ""
    names = _names([values for _, values in chosen.values()])
    return RawSet(
        KIND, root, splits, names, people.names, flip_pairs(people.names), people.skeleton, log
    )


def _value(path: Path, source: Path) -> Any:
    """The value of a JSON file; None if it is damaged and may be about anything.

    Raises:
        DataError: It is damaged, and is named as COCO's are.
    """
    try:
        return read_json(path)
    except DataError:
        if path == source or "coco" in path.name or path.name.startswith(_PREFIXES):
            raise
        return None


def _root_of(file: Path) -> Path:
    """The folder of a set of which one file is named: not `annotations`, which has no images."""
    folder = file.parent
    return folder.parent if folder.name.lower().startswith("annotation") else folder


def _one_per_split(
    parts: Sequence[tuple[Path, Any]], root: Path, log: Log
) -> dict[str, tuple[Path, Any]]:
    """The file of each split: of several, the one with most annotations, key points before others."""
    ranked: dict[str, list[tuple[tuple[int, int], Path, Any]]] = {}
    for path, values in parts:
        split = split_of_path(path, root) or "train"
        points = any(
            listed(c.get("keypoints")) for c in values["categories"] if isinstance(c, Mapping)
        )
        rank = (int(points), len(values["annotations"]))
        ranked.setdefault(split, []).append((rank, path, values))
    chosen = {}
    for split, those in ranked.items():
        _, path, values = max(those, key=lambda part: part[0])
        chosen[split] = path, values
        if others := [str(p.relative_to(root)) for _, p, _ in those if p != path]:
            log.notes.append(
                f"{path.relative_to(root)} is read for split {split!r}, not {listing(others)}; name "
                "the file to choose another"
            )
    return chosen


class _Points:
    """The key points of all categories: one set of names for all."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.skeleton: tuple[tuple[int, int], ...] = ()

    def take(self, category: Mapping[str, Any], path: Path) -> None:
        """Take the points of a category into account."""
        names = tuple(map(str, listed(category.get("keypoints"))))
        if not names:
            return
        if self.names and names != self.names:
            raise DataError(
                f"{path}: categories have different key points ({len(self.names)} and {len(names)}); "
                "keep categories with the same ones in one file"
            )
        self.names = names
        pairs = [numbers(pair) for pair in listed(category.get("skeleton"))]
        ends = [(int(p[0]) - 1, int(p[1]) - 1) for p in pairs if p and len(p) == 2]
        self.skeleton = tuple(e for e in ends if all(0 <= end < len(names) for end in e))


def flip_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...] | None:
    """Key points that change places in a mirror, by their names; None if names do not tell.

    >>> flip_pairs(["nose", "left_eye", "right_eye"]), flip_pairs(["eyeL", "eyeR"])
    (((1, 2),), ((0, 1),))
    >>> flip_pairs(["left", "top", "right", "bottom"]), flip_pairs(["1", "2"]) is None
    (((0, 2),), True)
    """
    place = {name: i for i, name in enumerate(names)}
    pairs = set()
    for name, i in place.items():
        for left, right in _SIDES:
            for found in re.finditer(_word(left), name):
                other = name[: found.start()] + right + name[found.end() :]
                if other in place and other != name:
                    pairs.add((i, place[other]))
    return tuple(sorted(pairs)) if pairs else None


def _word(side: str) -> str:
    """A side as a word of a name: not within another one, as the l of `tail` would be."""
    if len(side) > 1:
        return side
    before = r"(?<![a-zA-Z])" if side.islower() else r"(?<![A-Z])"
    after = r"(?![a-zA-Z])" if side.islower() else r"(?![a-z])"
    return f"{before}{side}{after}"


def _names(files: Iterable[Mapping[str, Any]]) -> list[str]:
    """The classes of all files in their order, without groups of classes that are none themselves."""
    rows = [c for values in files for c in values["categories"] if isinstance(c, Mapping)]
    groups = {str(c.get("supercategory")) for c in rows}
    every = [a for v in files for a in v["annotations"] if isinstance(a, Mapping)]
    used = {_key(a.get("category_id")) for a in every}
    names = [
        str(c.get("name"))
        for c in rows
        if c.get("name") not in (None, "")
        and (
            _key(c.get("id")) in used
            or str(c["name"]) not in groups
            or c.get("supercategory") == c["name"]
        )
    ]
    return list(dict.fromkeys(names))


def _images(
    values: Mapping[str, Any], path: Path, root: Path, images: Images, people: _Points, log: Log
) -> list[RawImage]:
    """The images of one file with their objects."""
    of = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    categories = _categories(values, path, people)
    near = _near(path, root, log.split)
    by_id: dict[Any, RawImage] = {}
    missing: set[Any] = set()
    for row in values["images"]:
        if not isinstance(row, Mapping) or not isinstance(row.get("file_name"), str):
            log.dropped("image", "without file_name", f"{of}: {str(row)[:40]}", "images")
            continue
        found = images.find(row["file_name"], near)
        if found is None:
            log.dropped("image", "not there", row["file_name"])
            missing.add(_key(row.get("id")))
        elif _key(row.get("id")) in by_id:
            log.dropped("image", f"with the id {row.get('id')} of another", row["file_name"])
        else:
            size = number(row.get("width")), number(row.get("height"))
            by_id[_key(row.get("id"))] = RawImage(found, size=size, of=of)
    for place, row in enumerate(values["annotations"], 1):
        _add(row, f"annotation {place}", by_id, missing, categories, people, of, log)
    return list(by_id.values())


def _key(value: Any) -> Any:
    """An id as text, since some programs write 3 in one list and "3" in the other."""
    return str(value) if isinstance(value, int | str) else None


def _categories(values: Mapping[str, Any], path: Path, people: _Points) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for row in values["categories"]:
        if not isinstance(row, Mapping) or row.get("name") in (None, ""):
            continue
        key = _key(row.get("id"))
        if key in names and key_of(names[key]) != key_of(str(row["name"])):
            raise DataError(
                f"{path}: category id {key} is both {names[key]!r} and {row['name']!r}; give each "
                "its own"
            )
        names[key] = str(row["name"])
        people.take(row, path)
    if not names:
        raise DataError(f"{path}: categories without names; add them")
    return names


def _near(path: Path, root: Path, split: str) -> list[str]:
    """Where the images of a file probably are."""
    beside = str(path.parent.relative_to(root)) if path.parent.is_relative_to(root) else ""
    words = {split, path.stem, re.sub(r"^.*?(?=train|val|test)", "", path.stem)} - {""}
    if split == "val":
        words |= {"valid", "validation"}
    folders = [f"{top}{word}" for word in sorted(words) for top in ("", "images/")]
    return [beside, *folders, *(f"{f}/images" for f in folders), "images", ""]


def _add(
    row: Any, place: str, by_id: Mapping[Any, RawImage], missing: set[Any],
    categories: Mapping[Any, str], people: _Points, of: str, log: Log,
) -> None:  # fmt: skip
    """Add an annotation to its image."""
    if not isinstance(row, Mapping):
        log.dropped("annotation", "that is no object of JSON", f"{of}: {place}")
        return
    image = by_id.get(_key(row.get("image_id")))
    if image is None:
        if _key(row.get("image_id")) not in missing:
            log.dropped("annotation", "of an image that is not listed", f"{of}: {place}")
        return
    name = categories.get(_key(row.get("category_id")))
    if name is None:
        where = f"{of}: {place} ({row.get('category_id')})"
        log.dropped("annotation", "of a category that is not listed", where)
        return
    shape = _shape(row.get("segmentation"), f"{image.path}: {place}", log)
    stated = number(row.get("area"))
    points = _points(row.get("keypoints"), len(people.names), f"{image.path}: {place}", log)
    box, crowd, area = _box(row.get("bbox"), shape), bool(row.get("iscrowd")), max(0.0, stated)
    image.objects.append(RawObject(name, box, place, crowd, shape, points, area))


def _box(values: Any, shape: Shape | None) -> Box | None:
    """x, y, width and height as corners; None without a box, where an outline may give it."""
    if values in (None, []) and shape is not None:
        return None
    sides = [number(v) for v in values] if isinstance(values, list) and len(values) == 4 else []
    if not sides:
        return None if shape is not None else boxed([float("nan")] * 4)
    x, y, width, height = sides
    return boxed([x, y, x + width, y + height])


def _shape(values: Any, place: str, log: Log) -> Shape | None:
    """Polygons, or run lengths as a list or as text."""
    if not values:
        return None
    if isinstance(values, Mapping):
        return _runs(values, place, log)
    parts = []
    for flat in values if isinstance(values, list) else ():
        corners = numbers(flat)
        if corners and len(corners) % 2 == 0 and len(corners) >= 6:
            parts.append(np.array(corners).reshape(-1, 2))
    if len(parts) < (len(values) if isinstance(values, list) else 1):
        log.changed("object", "with an outline of fewer than three corners: left out", place)
    return Polygons(tuple(parts)) if parts else None


def _runs(values: Mapping[str, Any], place: str, log: Log) -> Rle | None:
    try:
        return from_coco(values)
    except (KeyError, TypeError, ValueError) as error:
        log.changed("object", f"with a damaged mask ({error}): the box is used", place)
        return None


def _points(values: Any, count: int, place: str, log: Log) -> Any:
    """Key points as [P, 3]; None if there are none."""
    flat = numbers(values) if values else None
    if flat is None:
        return None
    if not count:
        log.changed("object", "with key points that its category does not name: left out", place)
        return None
    if len(flat) != 3 * count:
        what = f"with {plural(len(flat) // 3, 'key point')} instead of {count}: left out"
        log.changed("object", what, place)
        return None
    return np.array(flat).reshape(count, 3)
