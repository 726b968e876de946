"""Masks as pictures: the value of a pixel is the number of its object, 0 the background.

Penn-Fudan's way, `PNGImages/` beside `PedMasks/` with one file per picture, or a file per object in a
folder or with a numbered name. Values are read as they are stored, without palette or colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.data.sources.objects.find import below, split_of_path
from onestop.data.sources.objects.locate import is_picture
from onestop.data.sources.objects.raw import Log, RawImage, RawObject, RawSet
from onestop.data.sources.split_names import ANNOTATIONS, IMAGES, rest_of, tokens_of
from onestop.errors import DataError
from onestop.images.damage import DAMAGE
from onestop.metrics.rle import encode
from onestop.text import listing

KIND = "masks as pictures"
NAME = "object"
"""The class of all objects: masks do not name any."""
_MASKS = frozenset(("mask", "masks"))
_ENDING = re.compile(r"[\s_.-]*(?:masks?|labels?|gt|seg|instances?)$", re.IGNORECASE)
_NUMBER = re.compile(r"[\s_.-]*(?:(?:masks?|objects?|obj|instances?)[\s_.-]*)?\d+$", re.IGNORECASE)
_WHOLE = ("L", "P", "1", "I", "I;16", "I;16B", "I;16L")
_MOST = 20_000  # objects of a picture
_LOOKED_AT = 20  # masks that show whether values are objects or classes


def read_masks(source: Path) -> RawSet | None:
    """What is in a folder; None if no folder of masks stands beside one of images."""
    if not source.is_dir():
        return None
    pairs = [*_pairs(source)]
    if not pairs:
        return None
    log, splits = Log(), dict[str, list[RawImage]]()
    log.notes.append(f"masks do not name classes: all objects are of the class {NAME!r}")
    files: list[Path] = []
    for picture, masks in pairs:
        split = split_of_path(source / picture, source) or "train"
        log.split = split
        if not masks:
            log.dropped("image", "without mask", picture)
            continue
        files += masks
        splits.setdefault(split, []).append(_image(picture, masks, source, log))
    _refuse_classes(files[:: max(1, len(files) // _LOOKED_AT)][:_LOOKED_AT], source)
    log.split = ""
    return RawSet(KIND, source, splits, [NAME], log=log)


def _pairs(root: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each image with its masks."""
    folders: dict[Path, list[Path]] = {}
    for path in below(root, deep=4):
        if is_picture(path):
            folders.setdefault(path.parent, []).append(path)
    masks = {folder for folder in folders if _is_of_masks(folder, root)}
    if not masks or not all(_is_of_images(folder) for folder in set(folders) - masks):
        return  # folders of classes
    for folder in sorted(set(folders) - masks):
        if (found := _masks_beside(folder, masks, root)) is None:
            continue
        by_stem = _by_stem(found, folders, masks)
        for path in sorted(folders[folder]):
            own = by_stem.get(path.stem, [])
            if not own and len(folders[folder]) == 1:
                own = sorted(folders.get(found, []))  # a folder of masks for a single image
            yield str(path.relative_to(root)), own


def _is_of_images(folder: Path) -> bool:
    """Whether a folder is called after images or a split, not after a class."""
    return not rest_of(folder.name) or IMAGES.issuperset(rest_of(folder.name))


def _is_of_masks(folder: Path, root: Path) -> bool:
    return any(_MASKS.intersection(tokens_of(part)) for part in folder.relative_to(root).parts)


def _masks_beside(folder: Path, masks: set[Path], root: Path) -> Path | None:
    """The folder of masks for a folder of images: beside it, or beside the one above it."""
    for up in (folder, *folder.parents):
        beside = sorted(
            other
            for mask in masks
            for other in (mask, *mask.parents)
            if other.parent == up.parent and other != up and _is_of_masks(other, root)
        )
        if beside and up != root:
            inner = folder.relative_to(up)
            own = [top for top in beside if _fits(top, up)] or beside
            nested = own[0] / inner
            return nested if nested in masks else own[0]
        if up == root:
            return None
    return None


def _fits(masks: Path, images: Path) -> bool:
    """Whether `train_masks` is for `train` rather than for `val`."""
    rest = [t for t in tokens_of(masks.name) if t not in ANNOTATIONS]
    return rest == [t for t in tokens_of(images.name) if t not in ("images", "image")]


def _by_stem(top: Path, folders: dict[Path, list[Path]], masks: set[Path]) -> dict[str, list[Path]]:
    """The masks of each image by its stem."""
    by_stem: dict[str, list[Path]] = {}
    for folder in sorted(masks):
        if top in (folder, folder.parent):
            for path in sorted(folders[folder]):
                names = {_ENDING.sub("", path.stem), path.stem, _NUMBER.sub("", path.stem)}
                names |= {_ENDING.sub("", name) for name in names}
                names |= {folder.name} if folder != top else set()
                for name in names:
                    by_stem.setdefault(name, []).append(path)
    exact = {path.stem for paths in by_stem.values() for path in paths}
    return {
        stem: [p for p in paths if p.stem == stem] if stem in exact and len(paths) > 1 else paths
        for stem, paths in by_stem.items()
    }


def values_of(path: Path) -> NDArray[Any]:
    """The values of a mask as they are stored, [H, W].

    Raises:
        DataError: It cannot be read, or has colours.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in _WHOLE:
                raise DataError(
                    f"{path}: is a picture in colours ({image.mode}), where the value of a pixel must "
                    "be the number of its object; write one grey value per object"
                )
            return np.asarray(image)
    except DAMAGE as error:
        raise DataError(f"{path}: mask cannot be read ({error})") from None


def _image(picture: str, masks: Sequence[Path], root: Path, log: Log) -> RawImage:
    """An image with an object for each value of its mask, or for each of its masks."""
    image = RawImage(picture, of=str(masks[0].relative_to(root)))
    each = len(masks) > 1
    for path in masks:
        values = values_of(path)
        name = str(path.relative_to(root))
        image.size = (float(values.shape[1]), float(values.shape[0]))
        numbers = np.unique(values[values > 0]) if not each else np.ones(1, np.int64)
        if len(numbers) > _MOST:
            raise DataError(
                f"{path}: {len(numbers):,} values; no mask, or one resized with averages"
            )
        for number in numbers.tolist():
            part = values > 0 if each else values == number
            place = name if each else f"value {number} of {name}"
            if part.any():
                image.objects.append(RawObject(NAME, None, place, shape=encode(part)))
            else:
                log.dropped("object", "with an empty mask", place)
    return image


def _refuse_classes(files: Sequence[Path], root: Path) -> None:
    """Refuse masks whose values are classes: which object is which they do not say.

    Raises:
        DataError: In most of them a value is in several places, and the set has few values.
    """
    from scipy.ndimage import label

    several, known = 0, set[int]()
    for path in files:
        values = values_of(path)
        numbers = np.unique(values[values > 0]).tolist()
        known |= set(numbers)
        scattered = [n for n in numbers[:50] if label(values == n, np.ones((3, 3)))[1] > 2]
        several += bool(numbers) and len(scattered) > len(numbers) / 2
    if files and several > len(files) / 2 and len(known) <= 30:
        raise DataError(
            f"{root}: values of the masks ({listing(sorted(known), 5)}) seem to be classes, not "
            "objects: each is in several places; write a value per object, as Penn-Fudan does"
        )
