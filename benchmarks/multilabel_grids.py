"""Makes a data set with several labels per image: grids of 2 x 2 pictures of a classification data set.

    python benchmarks/multilabel_grids.py --root FOLDER_OF_CIFAR10 --out grids
    onestop train grids/images.csv

FOLDER_OF_CIFAR10 has train/<class>/* and test/<class>/*, pictures of 32 x 32 pixels. Each grid is a
lossless PNG of 64 x 64 pixels, and its labels are the classes of its four pictures: 3.4 of 10 on
average. One grid in twenty (--empty) has no label: each of its four squares is uniform noise or a
uniform grey. grids/images.csv has the columns path, labels (separated by |, empty for no label) and
split.

Each picture is used in at most one grid, so no two grids share a picture. Grids for training and
validation are made from train/, those for the test from test/. The same arguments give the same pixels
and the same table. Another --seed makes another data set, such as one for each of the --seeds of a
benchmark.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RNG = np.random.Generator
SIDE = 32
Pixels = NDArray[np.uint8]
Row = tuple[str, str, str]


def main() -> None:
    """Parse the arguments, make the grids, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument(
        "--train", type=int, default=10_000, help="number of grids (default: 10000)"
    )
    parser.add_argument("--val", type=int, default=1_000, help="number of grids (default: 1000)")
    parser.add_argument("--test", type=int, default=2_000, help="number of grids (default: 2000)")
    parser.add_argument(
        "--empty", type=float, default=0.05, help="fraction without labels (default: 0.05)"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        rows = make_grids(
            arguments.root,
            arguments.out,
            {split: getattr(arguments, split) for split in ("train", "val", "test")},
            arguments.empty,
            arguments.seed,
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(
        f"{arguments.out / 'images.csv'}: {len(rows):,} images, {_without(rows):,} without labels"
    )


def make_grids(
    root: Path, out: Path, grids: dict[str, int], empty: float = 0.05, seed: int = 0
) -> list[Row]:
    """Make a data set and return the rows of its table.

    Args:
        root: Folder with train/<class>/* and test/<class>/*.
        out: New folder.
        grids: Number of grids by split (train, val, test).
        empty: Fraction of grids without labels in each split.
        seed: Seed of all random choices.

    Raises:
        ValueError: There are too few pictures for a split, or the classes of train/ and test/ differ.
        FileExistsError: `out` already exists.
    """
    if not 0 <= empty <= 1:
        raise ValueError(f"--empty {empty}: must be from 0 to 1")
    sources = {
        folder: shuffled(root / folder, np.random.default_rng((seed, number)))
        for number, folder in enumerate(("train", "test"))
    }
    if classes_of(sources["train"]) != classes_of(sources["test"]):
        raise ValueError(f"{root}: train/ and test/ have different classes")
    for folder, splits in (("train", ("train", "val")), ("test", ("test",))):
        needed = sum(4 * len(full_places(grids[split], empty)) for split in splits)
        if needed > len(sources[folder]):
            raise ValueError(
                f"{root / folder}: {len(sources[folder]):,} pictures, {needed:,} needed"
            )
    out.mkdir(parents=True)
    pictures = {folder: iter(paths) for folder, paths in sources.items()}
    rows: list[Row] = []
    for number, (split, count) in enumerate(grids.items()):
        rng = np.random.default_rng((seed, 2 + number))
        source = pictures["test" if split == "test" else "train"]
        rows += make_split(out, split, count, empty, source, rng)
    write_table(out / "images.csv", rows)
    return rows


def make_split(
    out: Path, split: str, count: int, empty: float, pictures: Iterator[Path], rng: RNG
) -> list[Row]:
    """Write the grids of one split and return their rows of the table."""
    (out / split).mkdir()
    full = full_places(count, empty, rng)
    rows: list[Row] = []
    for number in range(count):
        paths = [next(pictures) for _ in range(4)] if number in full else []
        name = f"{split}/{number:05}.png"
        Image.fromarray(grid(paths, rng)).save(out / name)
        rows.append((name, "|".join(classes_of(paths)), split))
    return rows


def full_places(count: int, empty: float, rng: RNG | None = None) -> set[int]:
    """The numbers of the grids with pictures: all but the fraction without labels, chosen at random."""
    places = np.arange(count) if rng is None else rng.permutation(count)
    return set(places[round(count * empty) :].tolist())


def grid(paths: Sequence[Path], rng: RNG) -> Pixels:
    """Four pictures, or without paths four squares without content, as uint8 [64, 64, 3]."""
    squares = [picture(path) for path in paths] or [blank(rng) for _ in range(4)]
    return np.vstack([np.hstack(squares[:2]), np.hstack(squares[2:])])


def picture(path: Path) -> Pixels:
    """A picture, uint8 [32, 32, 3]."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    if pixels.shape != (SIDE, SIDE, 3):
        raise ValueError(f"{path}: {pixels.shape[1]} x {pixels.shape[0]} pixels, not 32 x 32")
    return pixels


def blank(rng: RNG) -> Pixels:
    """A square of uniform noise or of one grey, uint8 [32, 32, 3]."""
    if rng.random() < 0.5:
        return rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return np.full((SIDE, SIDE, 3), rng.integers(0, 256), np.uint8)


def shuffled(folder: Path, rng: RNG) -> list[Path]:
    """All pictures of a folder with a folder per class, in random order."""
    paths = sorted(path for path in folder.glob("*/*") if not path.name.startswith("."))
    return [paths[k] for k in rng.permutation(len(paths)).tolist()]


def classes_of(paths: Sequence[Path]) -> list[str]:
    """The classes of some pictures, sorted: the names of their folders."""
    return sorted({path.parent.name for path in paths})


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write the table, one row per image."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "labels", "split"))
        writer.writerows(rows)


def _without(rows: Sequence[Row]) -> int:
    return sum(not labels for _, labels, _ in rows)


if __name__ == "__main__":
    main()
