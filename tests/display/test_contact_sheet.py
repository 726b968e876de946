"""The sheet of images that findings are about: what is drawn, and that nothing is too odd for it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.display.contact_sheet import contact_sheet
from onestop.linting import Finding, Place

TILE = 112  # pixels


@pytest.fixture
def dataset() -> Dataset:
    """Forty images of 112 pixels, each of one colour of its own."""
    images = np.zeros((40, TILE, TILE, 3), np.uint8)
    images[:, :, :, 0] = np.arange(40)[:, None, None] * 6
    return open_data((images, np.arange(40) % 2), val_fraction=0)


def finding(*groups: tuple[int, ...], reasons: tuple[str, ...] = ()) -> Finding:
    places = tuple(tuple(Place("train", i) for i in group) for group in groups)
    return Finding("copies in a split", "note", "some images", places, reasons)


def colours(sheet: Image.Image) -> set[int]:
    """The red of every colour of which more than half a tile is drawn."""
    values, counts = np.unique(np.asarray(sheet).reshape(-1, 3), axis=0, return_counts=True)
    return {
        int(red)
        for (red, green, blue), count in zip(values.tolist(), counts.tolist(), strict=True)
        if count > TILE * TILE / 2 and green == blue == 0
    }


def test_findings_without_images_have_no_sheet(dataset: Dataset) -> None:
    assert contact_sheet([], dataset) is None
    assert contact_sheet([Finding("few images", "warning", "a class is small")], dataset) is None


def test_each_image_is_drawn(dataset: Dataset) -> None:
    sheet = contact_sheet([finding((1, 5), (9,)), finding((20, 30))], dataset)
    assert sheet is not None
    assert sheet.width == 1200
    assert colours(sheet) == {6 * i for i in (1, 5, 9, 20, 30)}


@pytest.mark.thorough
def test_a_large_group_and_many_groups_end_after_some_rows(dataset: Dataset) -> None:
    large = contact_sheet([finding(tuple(range(1, 40)))], dataset)
    many = contact_sheet([finding(*((i,) for i in range(1, 40)))], dataset)
    assert large is not None
    assert many is not None
    assert colours(large) == {6 * i for i in range(1, 7)}
    assert 20 < len(colours(many)) < 30
    assert many.height < 700


def test_an_image_that_cannot_be_read_and_odd_names_are_no_trouble(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onestop.data.samples import ArraySamples
    from onestop.errors import BadImageError

    def fail(*_: object) -> None:
        raise BadImageError("broken")

    monkeypatch.setattr(ArraySamples, "read", fail)
    monkeypatch.setattr(ArraySamples, "name", lambda *_: "蚂\n蚁" * 40)
    sheet = contact_sheet([finding((1,), reasons=("why\x00" * 50,))], dataset)
    assert sheet is not None
    assert colours(sheet) == set()
