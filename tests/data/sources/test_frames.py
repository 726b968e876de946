"""Tables in memory, with and without the libraries that make them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from onestop.data import open_data
from onestop.data.sources.frames import is_frame, path_column, table_of, values_of
from onestop.data.sources.options import Options
from onestop.errors import DataError, UsageError

Photos = Callable[..., Path]


class Frame:
    """What a DataFrame of pandas offers, as far as it is used."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.columns = list(columns)
        self.shape = (len(next(iter(columns.values()))), len(columns))
        self.iloc = self

    def __getitem__(self, key: tuple[Any, int]) -> Any:
        class Column:
            tolist = staticmethod(lambda: list(self._columns.values())[key[1]])

        return Column

    def __len__(self) -> int:
        return self.shape[0]


def columns(photos: Photos) -> dict[str, list[Any]]:
    root = photos({"a": 6, "b": 6})
    paths = sorted(root.glob("*/*"))
    return {
        "path": [str(path) for path in paths],
        "label": [path.parent.name for path in paths],
        "split": ["train"] * 5 + ["val"] + ["train"] * 5 + ["val"],
    }


def frames(values: dict[str, list[Any]]) -> list[Any]:
    made: list[Any] = [Frame(**values), pa.table(values)]
    for name in ("pandas", "polars"):
        try:
            made.append(__import__(name).DataFrame(values))
        except ImportError:
            continue
    return made


def test_a_frame_is_read_like_a_table(photos: Photos) -> None:
    for frame in frames(columns(photos)):
        dataset = open_data(frame)
        assert dataset.classes == ("a", "b")
        assert {name: len(part) for name, part in dataset.splits.items()} == {"train": 10, "val": 2}
        assert dataset.splits["val"].targets.words(1) == ("b",)
        assert dataset.splits["train"].read(0, 3).shape[-1] == 3


def test_paths_of_a_frame_start_in_the_current_folder(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photos({"a": 2, "b": 2})
    monkeypatch.chdir(root)
    values: dict[str, list[Any]] = {
        "image": ["a/000.jpg", Path("a/001.jpg"), "b/000.jpg", "b/001.jpg"],
        "label": list("aabb"),
    }
    dataset = open_data(Frame(**values), val_fraction=0)
    assert [dataset.splits["train"].name(k) for k in (0, 3)] == ["a/000.jpg", "b/001.jpg"]


def test_frames_by_split(photos: Photos) -> None:
    values = columns(photos)
    parts = {
        split: {k: [v for v, s in zip(column, values["split"], strict=True) if s == split]
                for k, column in values.items() if k != "split"}
        for split in ("train", "val")
    }  # fmt: skip
    for train, val in zip(frames(parts["train"]), frames(parts["val"]), strict=True):
        dataset = open_data({"train": train, "validation": val})
        assert {name: len(part) for name, part in dataset.splits.items()} == {"train": 10, "val": 2}


def test_missing_cells_are_empty_and_lists_stay_lists() -> None:
    frame = Frame(path=["a.png"] * 3, label=[math.nan, None, 2], labels=[["x", "y"], [], None])
    table = table_of(frame, "frame", Options())
    assert table.header == ["path", "label", "labels"]
    assert [row[1:] for _, row in table.rows] == [["", "x\x1fy"], ["", ""], ["2", ""]]
    with pytest.raises(DataError, match=r"\(Frame given in Python\):1: no label; fill the cell"):
        open_data(Frame(path=["a.png"], label=[math.nan]))


def test_a_column_of_images_instead_of_paths_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"column 'image', row 1: holds bytes, not a path; pass the"
    ):
        open_data(Frame(image=[b"\x89PNG"], label=["a"]))


def test_columns_and_tables_are_told_apart() -> None:
    table = pa.table({"path": ["a"], "file": ["b"]})
    assert is_frame(table)
    assert is_frame(Frame(x=[1]))
    assert not is_frame([1])
    assert not is_frame(Frame)
    assert values_of(table["path"]) == ["a"]
    assert values_of([1]) is None
    assert path_column([1]) is None
    with pytest.raises(UsageError, match="columns path, file: one must hold the images"):
        path_column(table)
