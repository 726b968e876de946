"""A small table of images with several labels each: their dominant colours."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import onestop

LABELS = ("blue", "green", "red")
SMALL: dict[str, Any] = {
    "model": "lenet5_color", "image_size": 32, "epochs": 12, "batch_size": 16, "threads": 1,
    "quiet": True,
}  # fmt: skip
"""Settings of a run that takes a few seconds."""


def labelled_photos(
    folder: Path, counts: dict[str, int] | None = None, names: tuple[str, ...] = LABELS
) -> Path:
    """Write images and their table and return its path.

    Each colour is in about half of the images, so that one image in eight has no label.

    Args:
        folder: Where to write them.
        counts: Number of images by split.
        names: Names of the labels for blue, green and red.
    """
    rng = np.random.default_rng(0)
    rows = []
    for split, count in (counts or {"train": 64, "val": 32, "test": 32}).items():
        (folder / split).mkdir(parents=True)
        for number in range(count):
            has = rng.random(3) < 0.5
            pixels = rng.integers(0, 120, (36, 40, 3)) + 60 * has[::-1] * (rng.random(3) < 0.9)
            path = f"{split}/{number:03d}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / path)
            rows.append((path, "|".join(names[k] for k in np.flatnonzero(has)), split))
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "labels", "split"), *rows])
    return folder / "table.csv"


def train(source: Path, out: Path, name: str, **settings: Any) -> onestop.Run:
    """A run on a table of images, in `out`."""
    return onestop.train(str(source), out=out, name=name, **{**SMALL, **settings})
