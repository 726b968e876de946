from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onestop.data.sources.objects.masks import read_masks, values_of
from onestop.errors import DataError
from tests.data.sources.objects.made import boxes, noted, opened
from tests.objects_made import save_image, scenes, write_picture


def numbered(masks: Any) -> Any:
    """Masks bool [n, H, W] as numbers [H, W]."""
    values = np.zeros(masks.shape[1:], np.uint8)
    for number, mask in enumerate(masks, 1):
        values[mask] = number
    return values


def write_mask(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.mark.parametrize(
    ("images", "masks", "ending"),
    [("PNGImages", "PedMasks", "_mask"), ("images", "masks", ""), ("train/images", "train/masks", ""),
     ("train", "train_masks", "_mask"), ("imgs", "masks", "-mask")],
)  # fmt: skip
def test_each_value_is_an_object(tmp_path: Path, images: str, masks: str, ending: str) -> None:
    made = scenes(4)
    for k, one in enumerate(made):
        save_image(tmp_path / images / f"{k}.png", one)
        write_mask(tmp_path / masks / f"{k}{ending}.png", numbered(one.masks))
    dataset = opened(tmp_path)
    assert dataset.classes == ("object",)
    for k, one in enumerate(made):
        assert sorted(boxes(dataset, "train", k)) == sorted(
            [list(map(float, b)) for b in one.boxes]
        )
    value: Any = dataset.splits["train"].targets[0]
    got = {m.decode().tobytes() for m in value.objects.masks}
    assert got == {mask.tobytes() for mask in made[0].masks}
    assert noted(dataset, "masks do not name classes")


def test_an_object_one_pixel_wide_is_one_pixel_wide(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png")
    values = np.zeros((30, 40), np.uint8)
    values[5:9, 7] = 1
    write_mask(tmp_path / "masks" / "a.png", values)
    assert boxes(opened(tmp_path)) == [[7, 5, 8, 9]], "ends are exclusive"


@pytest.mark.parametrize("kind", ["palette", "16 bits", "32 bits", "1 bit"])
def test_values_are_read_without_palette_or_colours(tmp_path: Path, kind: str) -> None:
    values = np.zeros((30, 40), np.uint8)
    values[2:6, 2:6], values[10:15, 10:15] = 1, 2
    image = Image.fromarray(values)
    if kind == "palette":
        image = Image.fromarray(values, "L").convert("P")
        image.putpalette([200, 0, 0] * 256)
        image.putdata(values.reshape(-1).tolist())
    elif kind == "16 bits":
        image = Image.fromarray(values.astype(np.uint16) * 300)
    elif kind == "32 bits":
        image = Image.fromarray(values.astype(np.int32) * 70_000)
    else:
        image = Image.fromarray(values == 1)
    path = tmp_path / "mask.png"
    if kind == "32 bits":
        path = path.with_suffix(".tif")
    image.save(path)
    read = values_of(path)
    assert len(np.unique(read)) == (2 if kind == "1 bit" else 3)


def test_a_file_for_each_object(tmp_path: Path) -> None:
    made = scenes(2, seed=4)
    for k, one in enumerate(made):
        save_image(tmp_path / f"id{k}" / "images" / f"id{k}.png", one)
        for i, mask in enumerate(one.masks):
            write_mask(tmp_path / f"id{k}" / "masks" / f"{i}abc.png", mask.astype(np.uint8) * 255)
    dataset = opened(tmp_path) if read_masks(tmp_path) else None
    if dataset is None:
        pytest.fail("not read")
    for k, one in enumerate(made):
        assert len(boxes(dataset, "train", k)) == len(one.boxes)


def test_numbered_files_of_one_folder_are_objects_of_one_image(tmp_path: Path) -> None:
    (one,) = scenes(1, seed=9, most=4)
    save_image(tmp_path / "images" / "a.png", one)
    for i, mask in enumerate(one.masks):
        write_mask(tmp_path / "masks" / f"a_{i}.png", mask.astype(np.uint8) * 255)
    assert len(boxes(opened(tmp_path))) == len(one.boxes)


def test_colours_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png")
    write_picture(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match=r"is a picture in colours \(RGB\)"):
        opened(tmp_path)


def test_classes_of_pixels_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(4):
        write_picture(tmp_path / "images" / f"{k}.png", 60, 60)
        values = np.zeros((60, 60), np.uint8)
        for _ in range(12):
            y, x = rng.integers(0, 55, 2)
            values[y : y + 4, x : x + 4] = 1 + rng.integers(0, 2)
        write_mask(tmp_path / "masks" / f"{k}.png", values)
    with pytest.raises(DataError, match="seem to be classes, not objects"):
        opened(tmp_path)


def test_an_image_without_mask_is_not_background(tmp_path: Path) -> None:
    made = scenes(2)
    for k, one in enumerate(made):
        save_image(tmp_path / "images" / f"{k}.png", one)
    write_mask(tmp_path / "masks" / "0.png", numbered(made[0].masks))
    dataset = opened(tmp_path)
    assert len(dataset.splits["train"]) == 1
    assert noted(dataset, "1 image without mask: not used (images/1.png)")


def test_masks_beside_folders_of_classes_are_no_objects(tmp_path: Path) -> None:
    for folder in ("cats", "dogs", "cats_masks", "dogs_masks"):
        write_picture(tmp_path / folder / "a.png")
    assert read_masks(tmp_path) is None


def test_masks_turn_with_a_photograph_that_was_annotated_as_stored(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.jpg", 40, 30, orientation=6)
    values = np.zeros((30, 40), np.uint8)
    values[2:6, 10:20] = 1
    write_mask(tmp_path / "masks" / "a.png", values)
    assert boxes(opened(tmp_path)) == [[24, 10, 28, 20]]
