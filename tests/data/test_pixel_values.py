"""Looking through a split for images of more than 8 bits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from onestop.data.pixel_values import (
    SplitRange,
    count_pixel_values,
    range_cautions,
    range_note,
    range_notes,
    why_range,
)
from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Numbers
from onestop.data.torch_samples import TorchSamples
from tests.deep_files import png16, tiff
from tests.reliability.bad_inputs import encoded

RNG = np.random.default_rng(0)


def targets(count: int) -> Numbers:
    return Numbers(np.zeros(count, np.float32))


def files(folder: Path, *contents: bytes) -> FileSamples:
    for number, content in enumerate(contents):
        (folder / f"{number}").write_bytes(content)
    return FileSamples(folder, [f"{n}" for n in range(len(contents))], targets(len(contents)))


def deep(low: int, high: int) -> NDArray[np.uint16]:
    return np.linspace(low, high, 64).reshape(8, 8).astype(np.uint16)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_deep_image_is_counted_whatever_the_threads(workers: int, tmp_path: Path) -> None:
    samples = files(tmp_path, *(png16(deep(1400 + k, 1600 + k)) for k in range(50)))
    counts = count_pixel_values(samples, workers)
    assert counts is not None
    assert counts.kinds == Counter({"16-bit": 50})
    assert counts.pixel_range() == (1400, 1649)


def test_images_of_8_bits_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = deep(0, 255).astype(np.uint8)
    kinds = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP")
    samples = files(tmp_path, *(encoded(grey, kind) for kind in kinds))

    def refuse(*_: Any) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(Image.Image, "load", refuse)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert count_pixel_values(samples, 0) is None
    assert SplitRange.of(samples, 0).pixel_range == "full"


def test_unreadable_images_are_left_out(tmp_path: Path) -> None:
    broken = tiff(np.array([[0, np.nan]], np.float32))
    whole = tiff(np.array([[-1, 1]], np.float32))
    samples = files(tmp_path, broken, whole, png16(deep(0, 9))[:60], b"", b"text")
    counts = count_pixel_values(samples, 0)
    assert counts is not None
    assert counts.kinds == Counter({"float": 1})
    assert counts.pixel_range() == (-1, 1)
    assert count_pixel_values(files(tmp_path, broken), 0) is None


def test_colours_share_one_range_and_alpha_has_none(tmp_path: Path) -> None:
    grey = deep(500, 700)
    rgba = np.stack([grey, grey + 100, grey, np.full_like(grey, 65535)], -1)
    counts = count_pixel_values(files(tmp_path, png16(rgba)), 0)
    assert counts is not None
    assert counts.pixel_range() == (500, 800)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (RNG.random((6, 8, 8, 1)).astype(np.float32), (0, 1)),
        (np.linspace(-2, 2.5, 384).reshape(6, 8, 8, 1), (-2, 2.5)),
        (np.linspace(1400, 1700, 384).reshape(6, 8, 8, 1).astype(np.uint16), (1400, 1700)),
    ],
)
def test_arrays_are_counted(values: NDArray[Any], wanted: tuple[float, float]) -> None:
    counts = count_pixel_values(ArraySamples(values, targets(6)), 0)
    assert counts is not None
    assert counts.pixel_range() == wanted


def test_arrays_of_8_bits_and_vectors_have_no_range() -> None:
    assert count_pixel_values(ArraySamples(np.zeros((3, 4, 4, 1), np.uint8), targets(3)), 0) is None
    vectors = ArraySamples(np.zeros((3, 4), np.float32), targets(3))
    assert count_pixel_values(vectors, 0) is None


def test_of_a_torch_data_set_every_image_counts_if_some_are_deep() -> None:
    images: list[Any] = [torch.full((1, 4, 4), 0.1 + 0.001 * k) for k in range(150)]
    samples = TorchSamples([(image, 0) for image in images], targets(150), np.arange(150))
    counts = count_pixel_values(samples, 0)
    assert counts is not None
    assert counts.kinds == Counter({"float": 150})
    assert counts.pixel_range() == pytest.approx((0.1, 0.249), rel=1e-4)


def test_a_torch_data_set_of_8_bits_is_not_read_to_the_end() -> None:
    class Counting(list[Any]):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            self.read += 1
            return Image.new("L", (4, 4)), 0

    images = Counting([None] * 1000)
    assert count_pixel_values(TorchSamples(images, targets(1000), np.arange(1000)), 0) is None
    assert images.read == 100


def test_a_note_says_what_is_used_and_what_is_cut_off(tmp_path: Path) -> None:
    counts = count_pixel_values(files(tmp_path, png16(deep(1380, 1742))), 0)
    assert counts is not None
    assert range_note(counts, (1380, 1742)) == (
        "16-bit images use 1,380 to 1,742 of 65,535: pixel range 1380,1742 is black to white "
        "(--pixel-range sets another)"
    )
    assert range_note(counts, (1400, 1742), found=False) == (
        "16-bit images use 1,380 to 1,742 of 65,535: pixel range 1400,1742 is black to white; "
        "6.25% of the values are clipped"
    )
    assert "takes the full scale of each type" in range_note(counts, "full", found=False)
    assert range_cautions(counts, (1380, 1742)) == []
    (line,) = range_cautions(counts, "full")
    assert line.startswith("pixel range full: nearly all pixels fall on 3 of 256 grey levels")
    assert why_range(counts) == "the values of 1 training image go from 1380 to 1742"
    assert why_range(None) == "all training images have 8 bits"


def test_several_depths_are_told(tmp_path: Path) -> None:
    floats = tiff(deep(0, 60_000).astype(np.float32))
    plain = encoded(deep(0, 255).astype(np.uint8))
    counts = count_pixel_values(files(tmp_path, png16(deep(0, 60_000)), floats, plain, plain), 0)
    assert counts is not None
    assert range_cautions(counts, (0, 4095))[-1] == (
        "images of several depths: 8-bit 2, 16-bit 1, float 1; one range serves all of more than 8 "
        "bits, and of 8 bits 255 stays white; convert them to one depth if their scales differ"
    )
    assert "255" not in range_cautions(counts, (0, 65535))[0]


def test_nothing_is_said_of_plain_scales() -> None:
    counts = count_pixel_values(ArraySamples(RNG.random((6, 8, 8, 1)), targets(6)), 0)
    assert range_notes(counts, (0, 1), found=True) == []
    assert len(range_notes(counts, (0, 2), found=False)) == 1
    assert range_notes(None, "full", found=True) == []
    assert range_notes(counts, "image", found=False) == []
