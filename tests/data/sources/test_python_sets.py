"""Data sets and their wrappers: whose names the classes have, and where their targets are."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split
from torchvision import datasets

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.sources.python_sets import class_names, is_loader, is_set, targets_in
from onestop.errors import DataError, UsageError

Photos = Callable[..., Path]


class Wrapper:
    """What other libraries and people write to change the images of a data set."""

    def __init__(self, inner: Any, name: str = "dataset") -> None:
        setattr(self, name, inner)
        self._name = name

    def __len__(self) -> int:
        return len(getattr(self, self._name))

    def __getitem__(self, index: int) -> Any:
        return getattr(self, self._name)[index]


def folder(photos: Photos) -> Any:
    return datasets.ImageFolder(photos({"ants": 6, "bees": 6}))


def words(dataset: Dataset, split: str = "train") -> list[str]:
    targets = dataset.splits[split].targets
    return [targets.words(k)[0] for k in range(len(targets))]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: Subset(inner, range(0, 12, 2)),
        lambda inner: Subset(inner, torch.arange(12)),  # type: ignore[arg-type]
        lambda inner: random_split(inner, [9, 3], torch.Generator().manual_seed(0))[0],
        lambda inner: ConcatDataset([inner, inner]),
        lambda inner: Subset(ConcatDataset([Subset(inner, [1, 7]), inner]), [0, 1, 2, 3, 13]),
        Wrapper,
        lambda inner: Wrapper(Wrapper(Subset(inner, [11, 0, 5]), "ds"), "base_dataset"),
    ],
    ids=["subset", "tensor indices", "random_split", "concat", "nested", "wrapper", "wrappers"],
)
def test_class_names_are_found_behind_wrappers(wrap: Callable[[Any], Any], photos: Photos) -> None:
    wrapped = wrap(folder(photos))
    dataset = open_data(wrapped, val_fraction=0)
    assert dataset.classes == ("ants", "bees")
    assert words(dataset) == [("ants", "bees")[wrapped[k][1]] for k in range(len(wrapped))]
    assert dataset.notes == ()


def test_targets_behind_wrappers_are_had_without_reading_images(photos: Photos) -> None:
    inner = folder(photos)
    inner.loader = lambda path: pytest.fail(f"{path} was read")
    assert targets_in(Subset(ConcatDataset([inner, inner]), [0, 6, 23])) == [0, 1, 1]


def test_names_come_from_class_to_idx_in_its_order() -> None:
    named = Wrapper(TensorDataset(torch.ones(4, 3, 8, 8), torch.tensor([0, 1, 1, 0])))
    named.class_to_idx = {"wasp": 1, "ant": 0}  # type: ignore[attr-defined]
    assert words(open_data(named, val_fraction=0)) == ["ant", "wasp", "wasp", "ant"]
    named.class_to_idx = {"wasp": 7, "ant": 0}  # type: ignore[attr-defined]
    assert class_names(named) == ()


def test_a_data_set_without_names_is_noted() -> None:
    plain = TensorDataset(torch.ones(4, 3, 8, 8), torch.tensor([0, 1, 3, 0]))
    dataset = open_data(Subset(plain, range(4)), val_fraction=0)
    assert dataset.classes == ("0", "1", "3")
    assert dataset.notes[-1] == (
        "classes are numbers, 0 to 3: the data set does not name them; give it an attribute `classes`, "
        "a list of names"
    )


def test_names_are_not_kept_where_their_numbers_are_changed(photos: Photos) -> None:
    inner = folder(photos)
    inner.target_transform = lambda target: 1 - target
    dataset = open_data(Subset(inner, range(12)), val_fraction=0)
    assert dataset.classes == ("0", "1")
    assert words(dataset) == ["1"] * 6 + ["0"] * 6


def test_data_sets_that_number_their_classes_differently_are_not_strung_together(
    photos: Photos,
) -> None:
    other = datasets.ImageFolder(photos({"cats": 2, "dogs": 2}, root="other"))
    with pytest.raises(DataError, match=r"\(ants, bees\) and \(cats, dogs\); bring their classes"):
        open_data(ConcatDataset([folder(photos), other]))


class Image:
    """A feature of Hugging Face."""


class ClassLabel:
    """A feature of Hugging Face."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)


class Hub:
    """A data set of Hugging Face, as far as it is used."""

    column_names = ("kind", "photo")

    def __init__(self) -> None:
        self.features = {"photo": Image(), "kind": ClassLabel("ants", "bees")}
        self.read: list[int] = []

    def __len__(self) -> int:
        return 10

    def to_list(self) -> list[Any]:
        raise AssertionError

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return [k % 2 for k in range(10)]
        self.read.append(key)
        return {"kind": key % 2, "photo": np.full((8, 8, 3), key, np.uint8)}


def test_data_sets_of_hugging_face() -> None:
    hub = Hub()
    dataset = open_data(hub, val_fraction=0)
    assert (dataset.classes, words(dataset)[:3]) == (("ants", "bees"), ["ants", "bees", "ants"])
    assert hub.read == [0]
    assert dataset.splits["train"].read(7, 3)[0, 0].tolist() == [7, 7, 7]
    parts = open_data(UserDict(train=hub, validation=Subset(hub, [3, 4])))  # type: ignore[arg-type]
    assert words(parts, "val") == ["bees", "ants"]


def test_rows_without_the_usual_names_are_refused() -> None:
    rows = [{"x": 1, "label": 0}] * 4
    with pytest.raises(
        UsageError, match="a row of the data set has x, label; one of them must be called 'image'"
    ):
        open_data(rows)


def test_sets_are_told_from_collections_and_loaders() -> None:
    plain = TensorDataset(torch.ones(4))
    assert is_set(plain)
    assert is_set(Hub())
    values: tuple[Any, ...] = (
        [1],
        (1,),
        "text",
        b"",
        {},
        np.ones(3),
        torch.ones(3),
        TensorDataset,
        range(3),
    )
    assert not any(map(is_set, values))
    assert is_loader(DataLoader(plain))
    assert not is_loader(plain)
