"""The data sets that `defaults.py` compares on, written as folders and tables that every way can read.

Nothing is downloaded: each set is made from a folder of the user's, and left out if it is not named.
Subsets are drawn with a fixed seed, the same for all ways and all seeds of training.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str]
TEST_EACH = 100
"""Images of each class that CIFAR-10 and MNIST are scored on."""
ENLARGED = 224
_RED_CELLS = 2  # of each picture; there are ten times as many as of the other two kinds


@dataclass(frozen=True)
class Set:
    """A data set on disk.

    Attributes:
        name: In the table of results.
        folder: Holds `labels.csv` with the columns path, label, split (train or test), and group if
            images belong together.
        numbers: Whether labels are numbers to be predicted.
    """

    name: str
    folder: Path
    numbers: bool = False

    @property
    def table(self) -> Path:
        """The table of its images."""
        return self.folder / "labels.csv"

    def rows(self) -> list[Row]:
        """The lines of the table."""
        with self.table.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def ants_and_bees(source: Path, out: Path) -> Set:
    """The folder itself, 244 and 153 photographs."""
    return _written("ants and bees", out, _links(source, out))


def _links(source: Path, out: Path) -> Iterator[Row]:
    for split, name in (("train", "train"), ("val", "test")):
        for path in sorted((source / split).glob("*/*.jpg")):
            copy = out / name / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            yield _row(copy, out, path.parent.name, name)


def cifar10(source: Path, out: Path, each: int, size: int) -> Set:
    """Some images of each class, at 32 pixels or enlarged."""
    rows = _classes(source, out, each, size)
    return _written(f"CIFAR-10, {each:,} per class, {size} pixels", out, rows)


def mnist(source: Path, out: Path, each: int) -> Set:
    """Some digits of each class, of torchvision's copy."""
    from torchvision.datasets import MNIST

    folder = out / "all"
    for split, train in (("train", True), ("test", False)):
        for number, (image, label) in enumerate(MNIST(str(source), train=train)):
            path = folder / split / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    made = _written(f"MNIST, {each:,} per class", out, _classes(folder, out, each, 28))
    shutil.rmtree(folder)
    return made


def _classes(source: Path, out: Path, each: int, size: int) -> Iterator[Row]:
    from PIL import Image

    for split, count in (("train", each), ("test", TEST_EACH)):
        for folder in sorted((source / split).iterdir()):
            paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
            for path in random.Random(f"{split} {folder.name}").sample(paths, count):
                copy = out / split / folder.name / f"{path.stem}.png"
                copy.parent.mkdir(parents=True, exist_ok=True)
                image = Image.open(path)
                if image.size != (size, size):
                    image = image.resize((size, size), Image.Resampling.BICUBIC)
                image.save(copy)
                yield _row(copy, out, folder.name, split)


def cells(source: Path, out: Path) -> Set:
    """Blood cells of BCCD cut out by their boxes; a picture is a group."""
    return _written("blood cells", out, _cut(source, out))


def _cut(source: Path, out: Path) -> Iterator[Row]:
    from PIL import Image

    for split in ("train", "test"):
        names = (source / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        for name in names:
            picture = Image.open(source / "JPEGImages" / f"{name}.jpg")
            for number, (label, box) in enumerate(_boxes(source / "Annotations" / f"{name}.xml")):
                copy = out / split / label / f"{name}-{number}.png"
                copy.parent.mkdir(parents=True, exist_ok=True)
                picture.crop(box).save(copy)
                yield {**_row(copy, out, label, split), "group": name}


def _boxes(path: Path) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Classes and boxes of a picture: at most so many red cells, and no box without an area."""
    red = 0
    for thing in ET.parse(path).getroot().iter("object"):
        label = str(thing.findtext("name"))
        left, top, right, bottom = (
            int(str(thing.findtext(f"bndbox/{edge}"))) for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        red += label == "RBC"
        if right > left and bottom > top and (label != "RBC" or red <= _RED_CELLS):
            yield label, (left, top, right, bottom)


def nuclei(source: Path, out: Path) -> Set:
    """How many nuclei a microscope picture shows."""
    return _written("nuclei (counts)", out, _counted(source, out), numbers=True)


def _counted(source: Path, out: Path) -> Iterator[Row]:
    for split, name in (("train", "train"), ("val", "test")):
        said = json.loads((source / "annotations" / f"{split}.json").read_text())
        for image in said["images"]:
            count = sum(one["image_id"] == image["id"] for one in said["annotations"])
            path = next((source / split).rglob(image["file_name"]))
            copy = out / name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            yield _row(copy, out, f"{count}.0", name)


def _row(path: Path, out: Path, label: str, split: str) -> Row:
    return {"path": path.relative_to(out).as_posix(), "label": label, "split": split}


def _written(name: str, out: Path, rows: Iterable[Row], *, numbers: bool = False) -> Set:
    """The set, with its table if that is not there yet."""
    made = Set(name, out, numbers)
    if not made.table.exists():
        out.mkdir(parents=True, exist_ok=True)
        lines = list(rows)
        with made.table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    return made
