"""YOLO: a text file per image, a line per object, coordinates as fractions of width and height.

`class cx cy width height` is a box, `class x1 y1 x2 y2 x3 y3 ...` a polygon; key points follow a box if
`kpt_shape` in data.yaml says so. An image without a file, or with an empty one, is background.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.data.shapes import Polygons
from onestop.data.sources.objects.find import below, files_of, split_of_path
from onestop.data.sources.objects.locate import Images, is_picture
from onestop.data.sources.objects.parse import boxed, number, numbers, read_text, read_yaml
from onestop.data.sources.objects.raw import Log, RawImage, RawObject, RawSet
from onestop.data.sources.split_names import SPLITS, split_of
from onestop.errors import DataError
from onestop.text import listing

KIND = "YOLO"
_YAMLS = (".yaml", ".yml")
_IMAGES = ("images", "jpegimages", "imgs", "img")
_LABELS = ("labels", "annotations")
_SPELLED = {"jpegimages": "JPEGImages"}
_NAMES = ("obj.names", "classes.txt", "classes.names", "names.txt", "coco.names")
_BACKGROUND = "without text file"
_FAR = 2.0
"""Fractions above this are no fractions: coordinates in pixels."""


@dataclass(frozen=True)
class _Layout:
    """What data.yaml or a list of names says.

    Attributes:
        names: Classes by their numbers.
        points: How many key points follow a box, and how many values each has.
        pairs: Numbers of the key points in a mirror.
        point_names: Of the key points.
    """

    names: Mapping[int, str]
    points: tuple[int, int] = (0, 0)
    pairs: tuple[tuple[int, int], ...] | None = None
    point_names: tuple[str, ...] = ()


def read_yolo(source: Path) -> RawSet | None:
    """What is in a folder, or what a data.yaml names; None if it is no such set."""
    root = source if source.is_dir() else source.parent
    settings = _settings(source)
    if settings is not None:
        path, values = settings
        layout, places = _layout(values, path), _places(values, path)
        root = _common(path.parent, places)
        top = path.parent.resolve().relative_to(root.resolve())
    else:
        folders = _label_folders(root) if source.is_dir() else []
        if not folders:
            return None
        layout, places, top = _Layout(_names_beside(root)), {}, Path()
    log = Log()
    paths = _listed(places, root, log) if places else _by_folders(root)
    if not any(paths.values()):
        return None
    splits: dict[str, list[RawImage]] = {}
    for split, those in paths.items():
        log.split = split
        splits[split] = [_image(path, root, top, layout, log) for path in those]
    log.split = ""
    known = [layout.names[k] for k in sorted(layout.names)]
    return RawSet(KIND, root, splits, known, layout.point_names, layout.pairs, log=log)


def _settings(source: Path) -> tuple[Path, dict[str, Any]] | None:
    """A YAML file with names and splits, and what is in it: in the folder, or in one in it."""
    if source.is_file():
        return _settings_in(source, [source])
    here = _settings_in(source, sorted(source.iterdir()))
    inner = [p for p in below(source, deep=1, ending=_YAMLS) if p.parent != source and not here]
    found = [each for p in inner if (each := _settings_in(source, [p]))]
    if len(found) > 1:
        raise DataError(
            f"{source}: has several sets; name one: {listing(path for path, _ in found)}"
        )
    return here or next(iter(found), None)


def _settings_in(source: Path, files: Sequence[Path]) -> tuple[Path, dict[str, Any]] | None:
    for path in files:
        if path.suffix.lower() not in _YAMLS or not path.is_file():
            continue
        try:
            values = read_yaml(path)
        except DataError:
            if path == source or path.stem in ("data", "dataset"):
                raise
            continue
        if isinstance(values.get("train", values.get("val")), str | list) and (
            "names" in values or "nc" in values
        ):
            return path, values
    return None


def _layout(values: Mapping[str, Any], path: Path) -> _Layout:
    names = values.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if isinstance(names, Mapping):
        known = {int(n): str(v) for k, v in names.items() if not math.isnan(n := number(k))}
    else:
        count = number(values.get("nc"))
        known = {} if math.isnan(count) else {k: str(k) for k in range(min(int(count), 10_000))}
    shape = numbers(values.get("kpt_shape") or ())
    if not shape:
        return _Layout(known)
    if len(shape) != 2 or shape[1] not in (2, 3) or not 1 <= shape[0] <= 1000:
        raise DataError(f"{path}: kpt_shape {values['kpt_shape']} must be [points, 2 or 3]")
    count = int(shape[0])
    flips = numbers(values.get("flip_idx") or ())
    pairs = None
    if flips and sorted(flips) == [*range(count)]:
        pairs = tuple((i, int(j)) for i, j in enumerate(flips) if i < j)
    elif flips:
        raise DataError(f"{path}: flip_idx must hold each of 0 to {count - 1} once")
    own = values.get("kpt_names")
    if isinstance(own, Mapping):
        own = next(iter(own.values()), None)
    listed = isinstance(own, list) and len(own) == count
    point_names = tuple(map(str, own)) if listed and own else tuple(map(str, range(1, count + 1)))
    return _Layout(known, (count, int(shape[1])), pairs, point_names)


def _places(values: Mapping[str, Any], path: Path) -> dict[str, list[Path]]:
    """The folders or lists of images of each split that data.yaml names."""
    base = path.parent
    top = values.get("path")
    bases = [base / top, Path(top)] if isinstance(top, str) else []
    bases += [base, base.parent]
    places: dict[str, list[Path]] = {}
    for key, value in values.items():
        split = split_of(key)
        if split is None or value is None:
            continue
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and (found := _found(name, bases)):
                places.setdefault(split, []).append(found)
            elif split != "test":
                raise DataError(f"{path}: {key}: {name!r}: no such folder or list of images")
    return places


def _found(name: str, bases: Sequence[Path]) -> Path | None:
    """A path of data.yaml: relative to `path` or to the file; Roboflow's lead a folder too far up."""
    tail = name
    while tail.startswith("../"):
        tail = tail[3:]
    tails = [name, tail]
    tails += [tail.replace("valid", "val", 1), tail.replace("val", "valid", 1)]
    return next((b / t for t in tails for b in bases if t and (b / t).exists()), None)


def _common(root: Path, places: Mapping[str, Sequence[Path]]) -> Path:
    """The folder that all images are below: the source's, or one above it."""
    real = root.resolve()
    for those in places.values():
        for path in those:
            folder = path.resolve()
            while not folder.is_relative_to(real) and real.parent != real:
                real = real.parent
    return root if real == root.resolve() else real


def _listed(places: Mapping[str, Sequence[Path]], root: Path, log: Log) -> dict[str, list[str]]:
    """The images of each split, relative to the root."""
    real, splits = root.resolve(), dict[str, list[str]]()
    for split, those in places.items():
        paths: list[str] = []
        for place in those:
            if place.is_dir():
                found = sorted(p for p in below(place) if is_picture(p))
            elif is_picture(place):
                found = [place]
            else:
                found = [*_of_list(place, root, log)]
            paths += [str(p.resolve().relative_to(real)) for p in found]
        splits[split] = list(dict.fromkeys(paths))
    return {split: splits[split] for split in SPLITS if splits.get(split)}


def _of_list(file: Path, root: Path, log: Log) -> list[Path]:
    """The images that a text file lists, a line each."""
    images, paths = Images(root), []
    for line in read_text(file).splitlines():
        if not (name := line.strip()):
            continue
        beside = str(file.parent.relative_to(root)) if file.is_relative_to(root) else ""
        found = images.find(name.removeprefix("data/"), ("", beside)) or images.find(name)
        if found is None:
            log.dropped("image", "not there", name)
        else:
            paths.append(root / found)
    return paths


def _label_folders(root: Path) -> list[Path]:
    """Folders of text files for images: `labels` beside `images`, or names of classes and images."""
    files = [p for p in files_of(root, ".txt") if p.name not in _NAMES]
    images = Images(root)
    return sorted({p.parent for p in files if _is_label_file(p, root, images)})


def _is_label_file(path: Path, root: Path, images: Images) -> bool:
    """Whether a text file holds objects of an image that is there."""
    try:
        lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    except DataError:
        return False
    if not lines or any(len(words) < 5 or numbers(words) is None for words in lines[:20]):
        return False
    folder = path.parent.relative_to(root)
    near = [str(folder), *_swapped(folder)]
    return images.find_stem(path.stem, near) is not None


def _swapped(
    folder: Path, there: Sequence[str] = _LABELS, other: Sequence[str] = _IMAGES
) -> list[str]:
    """A folder with `labels` in it replaced by `images`, in the spellings that people use."""
    result: list[str] = []
    for i, part in enumerate(folder.parts):
        if part.lower() in there:
            before, after = folder.parts[:i], folder.parts[i + 1 :]
            spelled = [s for n in other for s in (n, n.capitalize(), _SPELLED.get(n, n))]
            result += [str(Path(*before, name, *after)) for name in spelled]
    return list(dict.fromkeys(result))


def _names_beside(root: Path) -> dict[int, str]:
    for path in below(root):
        if path.name in _NAMES or path.suffix.lower() == ".names":
            lines = [line.strip() for line in read_text(path).splitlines()]
            return {k: name for k, name in enumerate(lines) if name}
    return {}


def _by_folders(root: Path) -> dict[str, list[str]]:
    """All images by the split that their folders name."""
    splits: dict[str, list[str]] = {}
    for path in below(root):
        if is_picture(path):
            split = split_of_path(path, root) or "train"
            splits.setdefault(split, []).append(str(path.relative_to(root)))
    return {split: sorted(splits[split]) for split in SPLITS if split in splits}


def _image(path: str, root: Path, top: Path, layout: _Layout, log: Log) -> RawImage:
    """An image and the objects of its text file."""
    image = RawImage(path, unit=1.0)
    file = _label_file(Path(path), root, top)
    if file is None:
        log.changed("image", f"{_BACKGROUND}: background", path)
        return image
    image.of = str(file)
    for row, line in enumerate(read_text(root / file).splitlines(), 1):
        if line.strip():
            thing = _object(line.split(), f"{file}:{row}", row, layout, log)
            image.objects += [thing] if thing else []
    return image


def _label_file(path: Path, root: Path, top: Path) -> Path | None:
    """The text file of an image, with `labels` for `images`; `top` is the folder of data.yaml."""
    folder = path.parent
    swapped = _swapped(folder, _IMAGES, ("labels", "annotations"))
    inner = [str(top / place) for place in swapped]  # labels of its own for images of another
    for place in (*inner, *swapped, str(folder), str(folder.parent / "labels")):
        file = Path(place, f"{path.stem}.txt")
        if (root / file).is_file():
            return file
    return None


def _object(
    words: Sequence[str], place: str, row: int, layout: _Layout, log: Log
) -> RawObject | None:
    """The object of a line; None if it is none."""
    values = numbers(list(words))
    if why := _why_not(words, values, layout):
        few = values is None or len(values) < 5
        log.dropped("line" if few else "object", why, place)
        return None
    kind, rest = int(values[0]) if values else 0, np.array((values or [])[1:])
    name, (count, size) = layout.names.get(kind, str(kind)), layout.points
    if count and len(rest) == 4 + count * size:
        points = _points(rest[4:].reshape(count, size))
        return RawObject(name, _box(rest[:4]), f"line {row}", points=points)
    if len(rest) >= 6 and len(rest) % 2 == 0:
        return RawObject(name, None, f"line {row}", shape=Polygons((rest.reshape(-1, 2),)))
    if len(rest) == 5:
        log.changed("object", "with a sixth number, as predictions have: left out", place)
    return RawObject(name, _box(rest[:4]), f"line {row}")


def _why_not(words: Sequence[str], values: list[float] | None, layout: _Layout) -> str:
    """Why a line is no object; empty if it is one."""
    if values is None or len(values) < 5:
        return "that is no object (class and four or more numbers)"
    kind, count = values[0], layout.points[0] * layout.points[1]
    if kind != int(kind) or kind < 0 or (layout.names and int(kind) not in layout.names):
        return f"of class {words[0]}, which has no name"
    if max(map(abs, values[1:5])) > _FAR:
        return "with coordinates that are no fractions of the picture"
    known = len(values) in (5, 6, 5 + count) or len(values) % 2 == 1
    return "" if known else f"of {len(values)} numbers, neither a box nor a polygon"


def _box(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y, width, height = values.tolist()
    return boxed([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _points(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y and visibility; points without one are visible unless they lie at 0, 0."""
    if rows.shape[1] == 3:
        return rows
    return np.hstack([rows, 2.0 * (rows != 0).any(1, keepdims=True)])
