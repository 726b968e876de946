"""What a data set knows of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data.dataset import Dataset, DatasetInfo, facts
from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Classes, Numbers
from onestop.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)


def made(
    pixels: np.ndarray = PIXELS,
    labels: tuple[int, ...] = (0, 1, 0, 1, 1, 1),
    names: tuple[str, ...] = ("a", "b"),
) -> Dataset:
    return Dataset("set", {"train": ArraySamples(pixels, Classes(np.array(labels), names))})


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
        made(names=("a", "c")),
        Dataset("set", {"train": train, "val": train}),
        Dataset("set", {"train": train, "test": train}),
    ]
    prints = {dataset.fingerprint() for dataset in [made(), *others]}
    assert len(prints) == 6
    assert Dataset("another name", made().splits).fingerprint() == made().fingerprint()


def test_facts_of_arrays() -> None:
    assert facts(made()) == DatasetInfo(6, 2, 3, 8, 9, ("train",))


def test_facts_of_vectors_and_numbers_to_predict() -> None:
    samples = ArraySamples(np.zeros((6, 4), np.float32), Numbers(np.zeros(6, np.float32)))
    assert facts(Dataset("set", {"train": samples})) == DatasetInfo(
        6, 1, 4, 0, 0, ("train",), vectors=True, task="regression"
    )


def files(folder: Path, images: dict[str, Image.Image | bytes]) -> Dataset:
    for name, image in images.items():
        if isinstance(image, bytes):
            (folder / name).write_bytes(image)
        else:
            image.save(folder / name)
    targets = Classes(np.arange(len(images)) % 2, ("a", "b"))
    return Dataset("set", {"train": FileSamples(folder, list(images), targets)})


def test_sizes_are_medians_and_one_colour_image_makes_colour(tmp_path: Path) -> None:
    sizes = [(10, 20), (30, 25), (50, 90)]
    grey = {f"{w}.png": Image.new("L", (w, h)) for w, h in sizes}
    assert facts(files(tmp_path, dict(grey))) == DatasetInfo(3, 2, 1, 25, 30, ("train",))
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
    assert facts(dataset, limit=4).images == 9
    assert len(set(looked)) == 4


def test_classes_and_task_are_those_of_the_targets() -> None:
    assert (made().classes, made().task, made().is_image) == (("a", "b"), "classification", True)
    samples = ArraySamples(np.zeros((6, 4), np.float32), Numbers(np.zeros(6, np.float32)))
    vectors = Dataset("set", {"val": samples})
    assert (vectors.classes, vectors.task, vectors.is_image) == ((), "regression", False)


def test_targets_can_be_numbered_as_a_models() -> None:
    renumbered = made().onto(("c", "b", "a"))
    assert renumbered.classes == ("c", "b", "a")
    assert renumbered.counts("train").tolist() == [0, 4, 2]
    train, before = renumbered.splits["train"], made().splits["train"]
    assert [train.targets.words(i) for i in range(6)] == [before.targets.words(i) for i in range(6)]
    np.testing.assert_array_equal(train.read(3, 3), before.read(3, 3))
    with pytest.raises(
        DataError, match=r"^set: has classes the model does not know: a; it knows b$"
    ):
        made().onto(("b",))
