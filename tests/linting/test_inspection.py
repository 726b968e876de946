"""One look at an image: what it is like, and whether it can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Classes
from onestop.linting.findings import Place
from onestop.linting.inspection import THUMB, inspect_all, inspect_image
from tests.linting.made import arrays

ONE = Classes(np.zeros(1, np.int64), ("a",))
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_file_is_described_with_its_header(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    look = inspect_image(FileSamples(tmp_path, ["a.png"], ONE), 0)
    assert (look.height, look.width) == (60, 40), "upright"
    assert look.header is not None
    assert (look.header.format, look.header.mode, look.header.turned) == ("PNG", "RGB", True)
    assert look.thumb is not None
    assert look.thumb.shape == (THUMB, THUMB)
    assert look.color == pytest.approx(NOISE.mean((0, 1)))
    assert (look.error, look.remark, look.plain) == ("", "", False)


def test_copies_have_the_same_digest_in_any_form(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    Image.fromarray(NOISE).save(tmp_path / "b.bmp")
    digests = [
        inspect_image(FileSamples(tmp_path, [name], ONE), 0).digest for name in ("a.png", "b.bmp")
    ]
    digests.append(inspect_image(ArraySamples(NOISE[None], ONE), 0).digest)
    assert len(set(digests)) == 1
    other = NOISE.copy()
    other[0, 0, 0] ^= 1
    assert inspect_image(ArraySamples(other[None], ONE), 0).digest not in digests
    sideways = NOISE.reshape(60, 40, 3)
    assert inspect_image(ArraySamples(sideways[None], ONE), 0).digest not in digests


def test_one_colour_is_plain_and_a_file_that_is_none_has_an_error(tmp_path: Path) -> None:
    assert inspect_image(ArraySamples(np.full((1, 9, 9, 3), 7, np.uint8), ONE), 0).plain
    (tmp_path / "a.png").write_text("words")
    look = inspect_image(FileSamples(tmp_path, ["a.png"], ONE), 0)
    assert "text" in look.error
    assert look.thumb is None


@pytest.mark.parametrize("workers", [0, 2])
def test_all_images_of_all_splits_are_looked_at(workers: int) -> None:
    dataset, told = arrays(train=["ant", "ant", "bee"], val=["ant"] * 2), list[tuple[int, int]]()
    looks = inspect_all(dataset, workers, lambda done, total: told.append((done, total)))
    assert list(looks) == [
        Place("train", 0), Place("train", 1), Place("train", 2), Place("val", 0), Place("val", 1),
    ]  # fmt: skip
    assert told[-1] == (5, 5)
