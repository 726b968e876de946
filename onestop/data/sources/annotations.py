"""Folders of masks and labels beside folders of images: pictures about images, which are no classes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from onestop.data.sources.split_names import ANNOTATIONS, IMAGES, split_in, tokens_of
from onestop.data.sources.tree import Tree

_VOC = frozenset(("class", "object"))  # SegmentationClass, SegmentationObject
_LOOKED_AT = 200  # names that are compared
_ENDING = re.compile(
    r"[\s_.-]+(?:masks?|seg(?:mentation)?s?|labels?|gt|annotations?|ground[_-]?truth)(?:[\s_.-]*\d+)?$",
    re.IGNORECASE,
)


def set_apart(folders: Sequence[Tree]) -> tuple[list[Tree], list[tuple[Tree, Tree]]]:
    """Folders without those of annotations; and these, each with the folder of its images.

    `masks` belongs to `images`, `train_masks` to `train`; `cats_masks`, if its files are named as those
    of `cats`, to that: see `is_sure`.
    """
    pairs = [(folder, of) for folder in folders if (of := _images_of(folder, folders))]
    apart = {folder.path for folder, _ in pairs}
    return [folder for folder in folders if folder.path not in apart], pairs


def is_sure(folder: Tree, of: Tree) -> bool:
    """Whether a folder can only be of annotations: `cats_mask` beside `cats` may be a class as well."""
    return not _own_words(folder) or split_in(of.name) is not None


def masks_within(folder: Tree) -> list[PurePath]:
    """The folders of annotations in a class folder: with files named as the images beside."""
    masks = []
    for inner in folder.folders:
        if not ANNOTATIONS.intersection(tokens_of(inner.name)):
            continue
        beside = [other for other in folder.folders if _plain(other)]
        if any(_mirrors(inner, images) for images in (folder, *beside)):
            masks.append(inner.path)
    return masks


def masks_among(names: Iterable[str]) -> set[str]:
    """The files that are annotations of others by their names: `7_mask.png` beside `7.png`.

    >>> masks_among(["7.jpg", "7_mask.png", "8_mask.png"])
    {'7_mask.png'}
    """
    names = list(names)
    ending = [(name, short) for name in names if (short := _without_ending(name))]
    stems = {PurePath(name).stem for name in names} if ending else set()
    return {name for name, short in ending if short in stems}


def _images_of(folder: Tree, folders: Sequence[Tree]) -> Tree | None:
    """The folder beside this one whose images it is about; None if it is about none."""
    tokens = tokens_of(folder.name)
    if not ANNOTATIONS.intersection(tokens):
        return None
    rest = _own_words(folder)
    for other in folders:
        own = tokens_of(other.name)
        if other is folder or ANNOTATIONS.intersection(own) or not other.holds:
            continue
        if tuple(token for token in own if token not in IMAGES) != rest:
            continue
        if not rest or split_in(other.name) or _mirrors(folder, other):
            return other
    return None


def _own_words(folder: Tree) -> tuple[str, ...]:
    return tuple(t for t in tokens_of(folder.name) if t not in ANNOTATIONS | IMAGES | _VOC)


def _plain(folder: Tree) -> bool:
    return IMAGES.issuperset(tokens_of(folder.name))


def _mirrors(folder: Tree, images: Tree) -> bool:
    """Whether at least half of the images in a folder are named as images of another."""
    names = folder.images[:_LOOKED_AT]
    stems = {PurePath(name).stem for name in images.images}
    same = [
        name for name in names if PurePath(name).stem in stems or _without_ending(name) in stems
    ]
    return bool(names) and 2 * len(same) >= len(names)


def _without_ending(name: str) -> str | None:
    """The stem of a name without `_mask` or the like at its end; None if there is no such ending."""
    stem = os.path.splitext(name)[0]  # noqa: PTH122 - a million times
    short = _ENDING.sub("", stem)
    return short if short and short != stem else None
