"""Images as a person gives them, in the order in which they were named."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from onestop.data.inputs import given_images, name_of, names_of, require_images
from onestop.errors import BadImageError, DataError, UsageError
from onestop.images.decode import pixels_of

BATCH = np.random.default_rng(0).integers(0, 256, (3, 5, 6, 3), dtype=np.uint8)


def test_folders_are_searched_and_files_kept_in_order(photos: Callable[..., Path]) -> None:
    folder = photos({"b": 2, "a": 1})
    (folder / "notes.txt").touch()
    last = folder / "b" / "001.jpg"
    found, skipped = given_images([str(last), folder])
    assert found == [last, folder / "a" / "000.jpg", folder / "b" / "000.jpg", last]
    assert [(s.path, s.reason) for s in skipped] == [
        (str(folder / "notes.txt"), ".txt is not an image")
    ]


@pytest.mark.parametrize("image", [b"bytes", np.zeros((2, 2), np.uint8)], ids=["bytes", "array"])
def test_one_image_in_memory_is_a_list_of_one(image: object) -> None:
    found, skipped = given_images(image)
    assert len(found) == 1
    assert found[0] is image
    assert skipped == []


def every(images: Any) -> list[Any]:
    found, skipped = given_images(images)
    assert skipped == []
    return [pixels_of(image, 3) for image in found]


TENSOR = torch.from_numpy(BATCH).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "images",
    [
        BATCH,
        TENSOR,
        list(BATCH),
        tuple(TENSOR),
        deque(BATCH),
        [BATCH[:2], BATCH[2]],
        [[BATCH[0], [BATCH[1]]], (BATCH[2],)],
        (image for image in BATCH),
        iter(TENSOR),
        map(Image.fromarray, BATCH),
        dict(enumerate(BATCH)).values(),
        TensorDataset(TENSOR, torch.zeros(3)),
    ],
    ids=["nhwc", "nchw", "list", "tuple", "deque", "batches", "nested", "generator", "iterator",
         "map", "view", "data set"],
)  # fmt: skip
def test_several_images_in_every_form(images: Any) -> None:
    np.testing.assert_array_equal(np.stack(every(images)), BATCH)


def test_collections_of_paths_in_every_form(photos: Callable[..., Path]) -> None:
    paths = sorted(photos({"a": 3}).glob("a/*"))
    texts = [str(path) for path in paths]
    table = pa.table({"path": texts, "label": ["a"] * 3})
    forms: list[Any] = [
        paths, set(paths), frozenset(texts), iter(texts), np.array(texts), np.array(paths, object),
        pa.array(texts), table["path"], table, dict.fromkeys(texts).keys(),
    ]  # fmt: skip
    for form in forms:
        assert given_images(form)[0] == paths, type(form)


def test_frames_of_pandas_and_polars(photos: Callable[..., Path]) -> None:
    paths = [str(path) for path in sorted(photos({"a": 3}).glob("a/*"))]
    for library in ("pandas", "polars"):
        frames = pytest.importorskip(library)
        frame = frames.DataFrame({"Image": paths, "x": [1, 2, 3]})
        for form in (frame, frame["Image"]):
            assert [str(path) for path in given_images(form)[0]] == paths


def test_file_objects_are_read_at_once() -> None:
    files = [io.BytesIO(b"one"), io.BytesIO(b"two")]
    found, _ = given_images(files)
    assert found == [b"one", b"two"]
    assert given_images(files)[0] == found


def test_vectors_and_numbers_are_left_to_models_that_take_them() -> None:
    found, _ = given_images([0.5, 2])
    assert found == [0.5, 2]
    rows, _ = given_images([[1.0, 2.0], [3, 4]])
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4]])
    for inputs, kind in ((found, "float"), (rows, "list of numbers")):
        with pytest.raises(UsageError, match=f"image of type {kind}: the model takes images"):
            require_images(inputs)
    require_images([Path("a.png"), BATCH[0]])


def test_images_of_a_data_set_are_read_when_they_are_needed() -> None:
    class Broken(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            raise OSError("image file is truncated")

    found, _ = given_images(Broken(TENSOR))
    assert len(found) == 3
    with pytest.raises(BadImageError, match="its data set cannot read it: image file is truncated"):
        pixels_of(found[0], 3)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (None, "image of type NoneType"),
        ([BATCH[0], None], "image of type NoneType"),
        ({"image": BATCH[0]}, "image of type dict"),
        (["https://example.org/a.jpg"], "is a URL"),
        (DataLoader(TensorDataset(TENSOR)), "a DataLoader gives batches: pass its data set"),
        (pa.table({"x": ["a.jpg"]}), "table with the columns x: one must hold the images"),
    ],
)
def test_other_types_are_named_before_anything_is_read(images: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        given_images(images)
    assert "\n" not in str(error.value)


def test_names_are_paths_or_numbers() -> None:
    assert names_of([Path("a.png"), b"", "b.png"]) == ["a.png", "#1", "b.png"]
    assert name_of(io.BytesIO(), 4) == "#4"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.png: no such image or folder$"):
        given_images([tmp_path / "no.png"])
    with pytest.raises(DataError, match="no images in this folder"):
        given_images(tmp_path)
