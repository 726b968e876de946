"""Pascal VOC XML: a file per image, in `Annotations/` beside `JPEGImages/`, or beside its image.

The standard counts pixels from 1 and includes both ends; some programs count from 0. The whole set
tells which: where any xmin or ymin is 0, it is from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from onestop.data.names import nfc
from onestop.data.shapes import Polygons
from onestop.data.sources.objects.find import files_of, split_of_path
from onestop.data.sources.objects.locate import Images
from onestop.data.sources.objects.parse import Node, boxed, number, read_text, read_xml
from onestop.data.sources.objects.raw import Log, RawImage, RawObject, RawSet
from onestop.data.sources.split_names import SPLITS
from onestop.errors import DataError
from onestop.text import listing, plural

KIND = "Pascal VOC"
_BESIDE = ("JPEGImages", "jpegimages", "images", "Images", "imgs", "img", "image")
_LISTS = ("train", "val", "test", "trainval")


def is_voc(node: Node) -> bool:
    """Whether the root of an XML file is of VOC rather than of LabelMe, which has the same tag."""
    if node.tag != "annotation":
        return False
    objects = [*node.all("object")]
    return any(o.find("bndbox") for o in objects) or not any(
        o.find("polygon") or o.find("segm") for o in objects
    )


def read_voc(source: Path) -> RawSet | None:
    """What is in a folder; None if there is no XML of this kind."""
    files = files_of(source, ".xml")
    if not files or not _any_is_voc(files):
        return None
    root, log = source if source.is_dir() else source.parent, Log()
    images, read = Images(root), dict[str, tuple[Path, RawImage]]()
    for path in files:
        name = str(path.relative_to(root))
        try:
            node = read_xml(path)
        except DataError as error:
            log.dropped("file", f"damaged ({str(error).removeprefix(f'{path}: ')})", name)
            continue
        if not is_voc(node):
            log.dropped("file", "that is no annotation of VOC", name)
            continue
        found = _image_of(node, path, root, images)
        if found is None:
            log.dropped("image", "not there", f"{name} ({node.value('filename')})")
            continue
        read[name] = path, RawImage(found, _objects(node, name, log), _size(node), of=name)
    splits = _from_zero(_splits(root, read, log), log)
    _name_unannotated(images, read, log)
    return RawSet(KIND, root, splits, log=log)


def _any_is_voc(files: list[Path]) -> bool:
    for path in files[:20]:
        try:
            if is_voc(read_xml(path)):
                return True
        except DataError:
            continue
    return False


def _image_of(node: Node, path: Path, root: Path, images: Images) -> str | None:
    """The image of a file: of its own stem, since `filename` often names another file or suffix."""
    folder = path.parent.relative_to(root)
    near = [str(folder), *(str(folder.parent / name) for name in _BESIDE), str(folder.parent)]
    near += [  # Annotations/train/1.xml of JPEGImages/train/1.jpg
        str(Path(*(name if _is_annotations(p) else p for p in folder.parts))) for name in _BESIDE
    ]
    return images.find_stem(path.stem, near) or images.find(node.value("filename"), near)


def _is_annotations(name: str) -> bool:
    return name.lower().startswith(("annotation", "xml", "label"))


def _size(node: Node) -> tuple[float, float]:
    """Width and height; 0 x 0 says nothing."""
    return number(node.value("size", "width")), number(node.value("size", "height"))


def _objects(node: Node, of: str, log: Log) -> list[RawObject]:
    """The objects directly in an annotation: those in `part` belong to another."""
    objects = []
    for place, thing in enumerate(node.all("object"), 1):
        box = thing.find("bndbox")
        sides = [number(box.value(side)) if box else float("nan") for side in _SIDES]
        if box is None:
            log.dropped("object", "without bndbox", f"{of}: object {place}")
            continue
        ignored = thing.value("difficult") not in ("", "0")
        objects.append(
            RawObject(
                thing.value("name"), boxed(sides), f"object {place}", ignored, _outline(thing)
            )
        )
    if ignored_count := sum(o.crowd for o in objects):
        for _ in range(ignored_count):
            log.changed("object", "marked difficult: not trained on and not counted", of)
    return objects


_SIDES = ("xmin", "ymin", "xmax", "ymax")


def _outline(thing: Node) -> Polygons | None:
    """The polygon of an object, which Roboflow writes as x1, y1, x2, y2, ..."""
    node = thing.find("polygon")
    corners: list[tuple[float, float]] = []
    while node is not None and node.find(f"x{len(corners) + 1}"):
        place = len(corners) + 1
        corners.append((number(node.value(f"x{place}")), number(node.value(f"y{place}"))))
    return Polygons((np.array(corners),)) if len(corners) > 2 else None


def _splits(
    root: Path, read: Mapping[str, tuple[Path, RawImage]], log: Log
) -> dict[str, list[RawImage]]:
    """By the lists in `ImageSets/Main`, or else by folders."""
    lists = _lists(root)
    splits: dict[str, list[RawImage]] = {}
    if not lists:
        for path, image in read.values():
            splits.setdefault(split_of_path(path, root) or "train", []).append(image)
        return splits
    place = {nfc(stem): split for split in reversed(SPLITS) for stem in lists.get(split, ())}
    for path, image in read.values():
        split = place.get(nfc(path.stem))
        if split is None:
            log.dropped("image", "in none of the lists of ImageSets/Main", image.path)
        else:
            splits.setdefault(split, []).append(image)
    stems = {nfc(path.stem) for path, _ in read.values()}
    for split, names in lists.items():
        for name in names:
            if nfc(name) not in stems:
                log.dropped("image", f"listed in {split}.txt without XML", name)
    doubled = [n for s, ns in lists.items() for n in ns if place[nfc(n)] != s]
    for name in doubled:
        log.changed("image", "in two lists: taken for the first of train, val, test", name)
    return splits


def _lists(root: Path) -> dict[str, list[str]]:
    """The names of images in `train.txt`, `val.txt`, `test.txt`; `trainval.txt` without others."""
    folders = [f for f in (root / "ImageSets" / "Main", root / "ImageSets") if f.is_dir()]
    if not folders:
        return {}
    lists = {}
    for split in _LISTS:
        path = folders[0] / f"{split}.txt"
        if path.is_file():
            lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
            lists[split] = [Path(words[0]).stem if "/" in words[0] else words[0] for words in lines]
    both = lists.pop("trainval", None)
    return {"train": both, **lists} if both and "train" not in lists else lists


def _from_zero(splits: dict[str, list[RawImage]], log: Log) -> dict[str, list[RawImage]]:
    """Coordinates counted from 0 with ends exclusive."""
    boxes = [o.box for images in splits.values() for i in images for o in i.objects if o.box]
    if any(box[0] == 0 or box[1] == 0 for box in boxes):
        log.notes.append("coordinates count from 0: some xmin or ymin is 0")
        return splits
    if not boxes:
        return splits
    log.notes.append("coordinates count from 1, as the standard has it: no xmin or ymin is 0")
    return {
        split: [replace(image, objects=[_less_one(o) for o in image.objects]) for image in images]
        for split, images in splits.items()
    }


def _less_one(thing: RawObject) -> RawObject:
    x1, y1, x2, y2 = thing.box or (0.0, 0.0, 0.0, 0.0)
    return replace(thing, box=(x1 - 1, y1 - 1, x2, y2))


def _name_unannotated(images: Images, read: Mapping[str, tuple[Path, RawImage]], log: Log) -> None:
    """Count the images without XML: nobody said that nothing is in them."""
    used = {image.path for _, image in read.values()}
    folders = {str(Path(path).parent) for path in used}
    rest = sorted(path for folder in folders for path in images.images(folder) if path not in used)
    if rest:
        log.notes.append(
            f"{plural(len(rest), 'image')} without XML not used ({listing(rest, 3)}); for background, "
            "write one without objects"
        )
