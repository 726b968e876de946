"""Torch data sets: read in `test_samples.py`; here how their samples are recognised."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onestop.data import torch_samples
from onestop.data.contents import keys_of
from onestop.data.targets import Numbers
from onestop.data.torch_samples import TorchSamples, paths_of

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 7, 3), dtype=np.uint8)


class Pairs:
    """A torch data set without files."""

    def __init__(self, images: Any, change: Any = None) -> None:
        self.images, self.change = images, change

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.images[index]
        return (self.change(image) if self.change else image), 0


def of(dataset: Any) -> TorchSamples:
    return TorchSamples(dataset, Numbers(np.zeros(len(dataset))), np.arange(len(dataset)))


@pytest.mark.parametrize("form", [lambda image: image, Image.fromarray], ids=["array", "Pillow"])
def test_images_are_recognised_by_their_pixels(form: Any) -> None:
    samples = of(Pairs([form(p) for p in PIXELS]))
    keys = keys_of(samples)
    assert samples.recognisable
    assert len(set(keys.tolist())) == 4
    other = of(Pairs([form(p) for p in PIXELS[::-1]]))
    assert keys_of(other).tolist() == keys.tolist()[::-1]


def test_images_that_change_each_time_are_recognised_by_number() -> None:
    rng = np.random.default_rng(1)
    noisy = Pairs(PIXELS, lambda image: image ^ rng.integers(0, 9, image.shape, dtype=np.uint8))
    first, again = of(noisy), of(noisy)
    assert not first.recognisable
    assert keys_of(first).tolist() == keys_of(again).tolist()
    assert len(set(keys_of(first).tolist())) == 4
    shorter = of(Pairs(PIXELS[:3], noisy.change))
    assert not set(keys_of(shorter).tolist()) & set(keys_of(first).tolist())


def test_many_images_without_files_are_not_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_samples, "FEW", 3)
    reads = list[int]()

    def noted(image: Any) -> Any:
        reads.append(0)
        return image

    samples = of(Pairs(PIXELS, noted))
    keys_of(samples)
    assert not samples.recognisable
    assert reads == []


class Files(Pairs):
    """A torch data set that keeps its files as `ImageFolder` does, and changes what it reads."""

    def __init__(self, paths: list[Path]) -> None:
        rng = np.random.default_rng(2)
        super().__init__(paths, lambda _: rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        self.samples = [(str(path), 0) for path in paths]


def test_images_with_files_are_recognised_by_these_whatever_is_done_to_them(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    samples = of(Files(paths))
    assert samples.recognisable
    assert samples.place(2) == str(paths[2])
    assert samples.identify(2) == hashlib.sha256(paths[2].read_bytes()).digest()
    taken = samples.take(np.array([3, 1]))
    assert keys_of(taken).tolist() == keys_of(samples)[[3, 1]].tolist()


def test_lists_that_are_no_files_are_not_taken_for_files() -> None:
    names = Pairs(PIXELS)
    names.samples = [("no such file", 0)] * 4  # type: ignore[attr-defined]
    assert paths_of(names) == []
    names.samples = [("too few", 0)]  # type: ignore[attr-defined]
    assert paths_of(names) == []
