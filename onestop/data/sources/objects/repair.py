"""What is the same for annotations of every format: units, EXIF, clipping, dropping, classes, notes.

Nothing is dropped or changed without a count and names in the notes of the data set.

Legend: n objects of an image, P key points, W and H width and height of an upright picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from onestop.data.dataset import Dataset, Skipped
from onestop.data.names import key_of, one_each
from onestop.data.objects import Annotation, Objects
from onestop.data.samples import FileSamples, Samples
from onestop.data.shapes import Polygons, Shape
from onestop.data.sources.objects.raw import Box, Log, RawImage, RawObject, RawSet
from onestop.data.sources.objects.turn import turned_box, turned_places, turned_shape
from onestop.data.torch_samples import TorchSamples
from onestop.errors import BadImageError, DataError
from onestop.images.header import Stored, stored
from onestop.text import listing

LEAST = 1.0
"""Pixels that an object is wide and high at least."""
_EDGE = 0.01  # pixels beyond the picture that are rounding
_OUTSIDE = "outside the picture"
_CLIPPED = "reaching beyond the picture: clipped"
_ENOUGH = 4  # boxes of which most say something
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class _Picture:
    """A picture and what is annotated in it, in upright pixels."""

    path: str
    group: str
    size: tuple[int, int]  # H, W
    objects: list[RawObject]


def repaired(raw: RawSet, *, for_training: bool = True) -> Dataset:
    """The data set of what a reader found.

    Args:
        raw: As the files have it.
        for_training: Whether there must be a split `train` with an object.

    Raises:
        DataError: No image can be used, or none has an object.
    """
    raw.require_images()
    pictures: dict[str, list[_Picture]] = {}
    for split in sorted(raw.splits, key=_order):
        raw.log.split = split
        kept = [p for image in _merged(raw.splits[split], raw.log) if (p := _picture(raw, image))]
        if kept:
            pictures[split] = kept
    raw.log.split = ""
    if not pictures:
        raise raw.nothing()
    if for_training and "train" not in pictures:
        raise DataError(
            f"{raw.root}: read as {raw.kind}, has the splits {listing(pictures)} but no 'train'; "
            "call the images to train on so"
        )
    _note_other_corners(raw)
    names = _classes(raw, pictures)
    if for_training and not names:
        raise DataError(
            f"{raw.root}: read as {raw.kind}, no image has an object; annotate some first"
        )
    return _dataset(raw, pictures, names)


def _note_other_corners(raw: RawSet) -> None:
    """A hint where most boxes leave their pictures, as corners do that are read as sizes."""
    count = sum(len(image.objects) for image in raw.images())
    beyond = raw.log.count("object", _CLIPPED) + raw.log.count("object", f"{_OUTSIDE}: not used")
    if count >= _ENOUGH and beyond > count / 2:
        raw.log.notes.append(
            "most boxes leave their pictures; are they two corners where corner and size belong, or of "
            "images of another size?"
        )


def _order(split: str) -> int:
    return _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)


def _dataset(
    raw: RawSet, pictures: Mapping[str, Sequence[_Picture]], names: Sequence[str]
) -> Dataset:
    numbers = {key_of(name): number for number, name in enumerate(names)}
    every = [o for those in pictures.values() for p in those for o in p.objects]
    masks = any(o.shape is not None for o in every)
    points = raw.point_names if any(o.points is not None for o in every) else ()
    splits, groups = dict[str, Samples](), {}
    for split, those in pictures.items():
        values = [_annotation(p, numbers, len(points), masks=masks) for p in those]
        targets = Objects(values, names, points, raw.flip_pairs, raw.skeleton)
        splits[split] = _samples(raw, split, [p.path for p in those], targets)
        if any(p.group for p in those):
            _, index = np.unique([p.group or p.path for p in those], return_inverse=True)
            groups[split] = index.astype(np.int64)
    has = ["boxes", *(["masks"] if masks else []), *(["key points"] if points else [])]
    first = f"read as {raw.kind}: {listing(has)} of {listing(names, 4) or 'nothing'}"
    notes = (first, *_empty(pictures), *raw.log.sentences())
    return Dataset(
        str(raw.root), splits, tuple(Skipped(*row) for row in raw.log.skipped), notes, groups
    )


def _samples(raw: RawSet, split: str, paths: Sequence[str], targets: Objects) -> Samples:
    """Files, or, of data given in Python, numbers of a data set."""
    if split not in raw.inputs:
        return FileSamples(raw.root, paths, targets)
    numbers = np.array([int(path.removeprefix("#")) for path in paths], np.int64)
    return TorchSamples(raw.inputs[split], targets, numbers)


def _empty(pictures: Mapping[str, Sequence[_Picture]]) -> list[str]:
    counts = {split: sum(not p.objects for p in those) for split, those in pictures.items()}
    parts = [f"{count:,} of {len(pictures[s]):,} in {s!r}" for s, count in counts.items() if count]
    return [f"images without objects are background: {listing(parts)}"] if parts else []


def _merged(images: Sequence[RawImage], log: Log) -> list[RawImage]:
    """Each image once, with the objects of all its entries."""
    by_path: dict[str, RawImage] = {}
    for image in images:
        if image.path in by_path:
            by_path[image.path].objects += image.objects
            log.changed("image", "listed several times: entries joined", image.path)
        else:
            by_path[image.path] = replace(image, objects=[*image.objects])
    return list(by_path.values())


def _picture(raw: RawSet, image: RawImage) -> _Picture | None:
    """An image with its objects in upright pixels; None if it cannot be used."""
    try:
        file = image.file or stored(raw.root / image.path)
    except BadImageError as error:
        raw.log.dropped("image", f"not readable ({error})", image.path)
        return None
    turn = _orientation(file, image, raw.log)
    size = (file.height, file.width)
    kept, seen = [], set[tuple[object, ...]]()
    for thing in image.objects:
        sound = _sound(thing, image, file, turn, raw.log)
        if sound is None or sound.box is None:
            continue
        identity = (key_of(sound.name), sound.crowd, *(round(side, 2) for side in sound.box))
        if identity in seen:
            raw.log.dropped("object", "there twice", _place(image, thing))
            continue
        seen.add(identity)
        kept.append(sound)
    if image.objects and not kept:
        raw.log.dropped("image", "without a usable object left, and no background", image.path)
        return None
    return _Picture(image.path, image.group, size, kept)


def _orientation(file: Stored, image: RawImage, log: Log) -> int:
    """How the objects must be turned: the size that was annotated shows whether they were yet.

    The picture itself is always turned upright. A square picture, or one whose size the annotations do
    not state, is left as it is: most tools show photographs upright.
    """
    if image.size is None or not all(map(math.isfinite, image.size)) or min(image.size) <= 0:
        return 1
    declared, turns = [*image.size], file.orientation in (5, 6, 7, 8)
    seen, swapped = [file.width, file.height], [file.height, file.width]
    if declared == seen:
        return 1
    if turns and declared == swapped:
        log.changed("image", "annotated as stored: objects turned as EXIF says", image.path)
        return file.orientation
    what = "width and height swapped" if declared == swapped else "another size"
    log.changed("image", f"annotated with {what}: coordinates kept as pixels", image.path)
    return 1


def _place(image: RawImage, thing: RawObject) -> str:
    return f"{image.path}: {thing.place}"


def _sound(
    thing: RawObject, image: RawImage, file: Stored, turn: int, log: Log
) -> RawObject | None:
    """An object in upright pixels within the picture; None if it cannot be used."""
    place = _place(image, thing)
    if not key_of(thing.name).strip():
        log.dropped("object", "without a class", place)
        return None
    if (shape := thing.shape) is not None:
        shape = _sound_shape(shape, image, file, turn, place, log)
    box = thing.box
    if box is not None and not all(map(math.isfinite, box)):
        log.dropped("object", "with a coordinate that is no number", place)
        return None
    if box is not None:
        box = turned_box(
            _in_pixels(_ordered(box, place, log), image, file), turn, _stored(file, turn)
        )
    elif shape is not None:
        box = _box_of(shape)
    if box is None:
        log.dropped("object", "without a box", place)
        return None
    clipped = _clipped(box, file, place, log)
    if clipped is None:
        return None
    points = _sound_points(thing, image, file, turn, place, log)
    return replace(thing, box=clipped, shape=shape, points=points)


def _stored(file: Stored, turn: int) -> tuple[int, int]:
    """Width and height of the picture that the coordinates are of."""
    return (file.height, file.width) if turn in (5, 6, 7, 8) else (file.width, file.height)


def _scale(image: RawImage, file: Stored) -> tuple[float, float]:
    return (file.width / image.unit, file.height / image.unit) if image.unit else (1.0, 1.0)


def _in_pixels(box: Box, image: RawImage, file: Stored) -> Box:
    x, y = _scale(image, file)
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y


def _ordered(box: Box, place: str, log: Log) -> Box:
    x1, y1, x2, y2 = box
    if x2 < x1 or y2 < y1:
        log.changed("object", "with corners in another order: sorted", place)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _clipped(box: Box, file: Stored, place: str, log: Log) -> Box | None:
    x1, y1, x2, y2 = box
    if x2 <= 0 or y2 <= 0 or x1 >= file.width or y1 >= file.height:
        log.dropped("object", _OUTSIDE, place)
        return None
    inside = max(x1, 0.0), max(y1, 0.0), min(x2, float(file.width)), min(y2, float(file.height))
    if inside[2] - inside[0] < LEAST - 1e-4 or inside[3] - inside[1] < LEAST - 1e-4:
        log.dropped("object", "less than a pixel wide or high", place)
        return None
    if max(abs(a - b) for a, b in zip(box, inside, strict=True)) > _EDGE:
        log.changed("object", _CLIPPED, place)
    return inside


def _sound_shape(
    shape: Shape, image: RawImage, file: Stored, turn: int, place: str, log: Log
) -> Shape | None:
    if isinstance(shape, Polygons):
        scale = np.array(_scale(image, file))
        parts = [part for part in shape.parts if len(part) > 2 and np.isfinite(part).all()]
        if len(parts) < len(shape.parts):
            log.changed("object", "with an outline of fewer than three corners: left out", place)
        if not parts:
            return None
        return turned_shape(
            Polygons(tuple(part * scale for part in parts)), turn, _stored(file, turn)
        )
    if shape.size != _stored(file, turn)[::-1]:
        log.changed("object", "with a mask of another size: the box is used", place)
        return None
    return turned_shape(shape, turn, _stored(file, turn)) if shape.area else None


def _box_of(shape: Shape) -> Box | None:
    if isinstance(shape, Polygons):
        return shape.box
    return shape.box if shape.area else None


def _sound_points(
    thing: RawObject, image: RawImage, file: Stored, turn: int, place: str, log: Log
) -> NDArray[np.float64] | None:
    """Key points in upright pixels; those outside the picture count as absent."""
    if thing.points is None:
        return None
    points = thing.points.astype(np.float64)
    there = (points[:, 2] > 0) & np.isfinite(points).all(1)
    places = turned_places(points[:, :2] * _scale(image, file), turn, _stored(file, turn))
    inside = ((places >= 0) & (places <= (file.width, file.height))).all(1)
    if (there & ~inside).any():
        log.changed("object", "with key points outside the picture: they count as absent", place)
    kept = np.hstack([places, points[:, 2:]])
    kept[~(there & inside)] = 0
    return kept


def _classes(raw: RawSet, pictures: Mapping[str, Sequence[_Picture]]) -> tuple[str, ...]:
    """The classes that there are objects of, in the order of the source's list, else sorted by name."""
    used = {s: {key_of(o.name) for p in those for o in p.objects} for s, those in pictures.items()}
    present = set().union(*used.values())
    listed = list(dict.fromkeys(key_of(name) for name in raw.names))
    names = [name for name in listed if name in present]
    if unused := [name for name in listed if name not in present]:
        raw.log.notes.append(f"classes without objects are left out: {listing(unused)}")
    names += one_each(present - set(names))
    if "train" in used and (unseen := sorted(present - used["train"])):
        raw.log.notes.append(
            f"classes without objects in 'train' cannot be learned: {listing(unseen)}"
        )
    return tuple(names)


def _annotation(
    picture: _Picture, numbers: Mapping[str, int], count: int, *, masks: bool
) -> Annotation:
    objects = picture.objects
    boxes = np.array([o.box for o in objects], np.float32).reshape(-1, 4)
    shapes = tuple(o.shape for o in objects) if masks else None
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    areas = [o.area or _area(o.shape) or side for o, side in zip(objects, sides, strict=True)]
    points = None
    if count:
        none = np.zeros((count, 3))
        rows = [none if o.points is None else o.points for o in objects]
        points = np.array(rows, np.float32).reshape(-1, count, 3)
    return Annotation(
        picture.size, boxes, np.array([numbers[key_of(o.name)] for o in objects], np.int64),
        np.array([o.crowd for o in objects], np.bool_), np.array(areas, np.float32), shapes, points,
    )  # fmt: skip


def _area(shape: Shape | None) -> float:
    return 0.0 if shape is None else float(shape.area)
