"""What a data set knows of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data.dataset import Dataset, DatasetInfo, facts
from onestop.data.samples import ArraySamples, FileSamples
from onestop.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)


def made(pixels: np.ndarray = PIXELS, labels: tuple[int, ...] = (0, 1, 0, 1, 1, 1)) -> Dataset:
    return Dataset("set", ("a", "b"), {"train": ArraySamples(pixels, np.array(labels))})


def test_a_split_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match="set: has no split 'test'; it has train"):
        made().split("test")
    assert len(made().split("train")) == 6


def test_counts_have_a_place_for_every_class() -> None:
    assert made(labels=(0,) * 6).counts("train").tolist() == [6, 0]


def test_the_fingerprint_changes_with_pixels_labels_classes_and_splits() -> None:
    changed = PIXELS.copy()
    changed[5, 7, 8, 2] ^= 1
    train = made().splits["train"]
    others = [
        made(changed),
        made(labels=(1, 0, 0, 1, 1, 1)),
        Dataset("set", ("a", "c"), made().splits),
        Dataset("set", ("a", "b"), {"train": train, "val": train}),
        Dataset("set", ("a", "b"), {"train": train, "test": train}),
    ]
    prints = {dataset.fingerprint() for dataset in [made(), *others]}
    assert len(prints) == 6
    assert Dataset("another name", ("a", "b"), made().splits).fingerprint() == made().fingerprint()


def test_facts_of_arrays() -> None:
    assert facts(made()) == DatasetInfo(6, 2, 3, 8, 9, ("train",), imbalance=2.0)


def test_facts_of_vectors_and_numbers_to_predict() -> None:
    samples = ArraySamples(np.zeros((6, 4), np.float32), np.zeros(6, np.float32))
    assert facts(Dataset("set", (), {"train": samples})) == DatasetInfo(
        6, 1, 4, 0, 0, ("train",), vectors=True
    )


def files(folder: Path, images: dict[str, Image.Image | bytes]) -> Dataset:
    for name, image in images.items():
        if isinstance(image, bytes):
            (folder / name).write_bytes(image)
        else:
            image.save(folder / name)
    labels = np.arange(len(images)) % 2
    return Dataset("set", ("a", "b"), {"train": FileSamples(folder, list(images), labels)})


def test_sizes_are_medians_and_one_colour_image_makes_colour(tmp_path: Path) -> None:
    sizes = [(10, 20), (30, 25), (50, 90)]
    grey = {f"{w}.png": Image.new("L", (w, h)) for w, h in sizes}
    assert facts(files(tmp_path, dict(grey))) == DatasetInfo(
        3, 2, 1, 25, 30, ("train",), imbalance=2.0
    )
    assert facts(files(tmp_path, {**grey, "c.png": Image.new("RGB", (30, 25))})).channels == 3
    assert facts(files(tmp_path, {**grey, "c.png": Image.new("LA", (30, 25))})).channels == 3


def test_unreadable_images_are_passed_over(tmp_path: Path) -> None:
    good = Image.new("RGB", (10, 20))
    found = facts(files(tmp_path, {"a.png": b"", "b.png": good, "c.png": b"text"}))
    assert (found.images, found.height, found.width) == (3, 20, 10)
    with pytest.raises(DataError, match="none of the 2 training images can be read"):
        facts(files(tmp_path, {"a.png": b"", "c.png": b"text"}))


def test_only_some_images_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = files(tmp_path, {f"{n}.png": Image.new("L", (4, 4)) for n in range(9)})
    looked, measure = [], FileSamples.measure

    def count(samples: FileSamples, index: int) -> tuple[int, int, int]:
        looked.append(index)
        return measure(samples, index)

    monkeypatch.setattr(FileSamples, "measure", count)
    assert facts(dataset, look_at=4).images == 9
    assert len(set(looked)) == 4
