"""Several labels per image in tables and as Python objects."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.multihot import Multihot
from onestop.data.sources.label_sets import combined
from onestop.errors import DataError

Write = Callable[..., Path]
Rows = Sequence[Sequence[str]]
IMAGES = np.zeros((4, 8, 8, 3), np.uint8)
SETS: list[set[str]] = [{"ants", "outdoor"}, set(), {"bees"}, {"ants"}]
MATRIX = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 0]])
NAMES = ["ants", "bees", "outdoor"]


@pytest.fixture
def write(photos: Callable[..., Path]) -> Write:
    """A function that writes a table of images: the header and the cells after the path."""
    folder = photos({".": 6})

    def write(header: str, *rows: str, name: str = "table.csv") -> Path:
        lines = [f"path,{header}", *(f"{k:03d}.jpg,{row}" for k, row in enumerate(rows))]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / name

    return write


def labels_of(dataset: Dataset, split: str = "train") -> list[set[str]]:
    targets = dataset.splits[split].targets
    return [set(targets.words(k)) for k in range(len(targets))]


def opened(path: Path) -> Dataset:
    return open_data(path, val_fraction=0)


# --- one column ---


@pytest.mark.parametrize("separator", ["|", ";", ","])
def test_the_separator_is_detected_and_noted(write: Write, separator: str) -> None:
    cells = [f'"{separator.join(sorted(labels))}"' for labels in SETS]
    dataset = opened(write("labels", *cells))
    assert labels_of(dataset) == SETS
    assert (dataset.task, dataset.classes) == ("multilabel", ("ants", "bees", "outdoor"))
    other = "|" if separator == ";" else ";"
    assert dataset.notes == (
        f"column 'labels': labels are separated by {separator!r} (for another separator, name the "
        f"column e.g. 'labels({other})')",
    )


def test_blanks_and_repetitions_are_ignored(write: Write) -> None:
    dataset = opened(write("Labels", " ants | ants|  outdoor|", " | ", "bees", "ants"))
    assert labels_of(dataset) == SETS


@pytest.mark.parametrize("header", ["labels(;)", "labels[;]", "Labels (;)"])
def test_the_separator_can_be_set(write: Write, header: str) -> None:
    dataset = opened(write(header, "a|b;c", "c", ""))
    assert labels_of(dataset) == [{"a|b", "c"}, {"c"}, set()]
    assert dataset.notes == (f"column {header!r}: labels are separated by ';'",)


def test_without_a_separator_each_image_has_at_most_one_label(write: Write) -> None:
    dataset = opened(write("labels", "ants", "", "new york"))
    assert labels_of(dataset) == [{"ants"}, set(), {"new york"}]
    assert dataset.notes == ("column 'labels': no image has more than one label",)


def test_if_each_image_has_exactly_one_label_a_note_suggests_classes(write: Write) -> None:
    notes = opened(write("labels", "ants", "bees", "ants")).notes
    assert notes[1:] == (
        "each image has exactly one label; to train on classes, name the column 'label'",
    )


def test_a_single_label_is_enough(write: Write) -> None:
    dataset = opened(write("labels", "ants", ""))
    assert (dataset.classes, labels_of(dataset)) == (("ants",), [{"ants"}, set()])


def test_labels_that_differ_only_in_case_are_noted(write: Write) -> None:
    notes = opened(write("labels", "Ants|bees", "ants")).notes
    assert "labels Ants, ants differ only in case" in notes


def test_splits_and_groups_work(write: Write) -> None:
    rows = ("ants|outdoor,train,1", "bees,,1", "ants,val,2", ",val,2", "outdoor,test,3")
    dataset = opened(write("labels,split,group", *rows))
    assert {split: labels_of(dataset, split) for split in dataset.splits} == {
        "train": [{"ants", "outdoor"}, {"bees"}], "val": [{"ants"}, set()], "test": [{"outdoor"}],
    }  # fmt: skip
    assert dataset.groups["val"].tolist() == [0, 0]
    assert "split 'val' has no images of bees, outdoor" in dataset.notes


def test_a_label_that_training_lacks_is_refused_unless_nothing_is_trained(
    write: Write,
) -> None:
    table = write("labels,split", "ants|bees,train", "wasps,val")
    with pytest.raises(DataError, match="'val' has 1 label that 'train' lacks: wasps; add images"):
        opened(table)
    inspected = open_data(table, val_fraction=0, for_training=False)
    assert inspected.classes == ("ants", "bees", "wasps")


def test_no_label_at_all_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="no training image has a label; give at least one"):
        opened(write("labels", "", " "))


def test_two_columns_of_labels_are_refused(write: Write) -> None:
    with pytest.raises(DataError, match=":1: columns label, labels could all be the labels"):
        opened(write("label,labels", "a,a|b", "b,b"))
    with pytest.raises(DataError, match=r":1: columns labels, labels\(;\) could all be the labels"):
        opened(write("labels,labels(;)", "a,a|b", "b,b"))


def test_lists_in_parquet(write: Write) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    folder = write("labels").parent
    paths = [f"{k:03d}.jpg" for k in range(4)]
    lists = [sorted(labels) for labels in SETS]
    lists[0].append("a|b; c")
    for column in ("labels", "label"):
        parquet.write_table(pa.table({"path": paths, column: lists}), folder / f"{column}.parquet")
    dataset = opened(folder / "labels.parquet")
    assert labels_of(dataset) == [{"ants", "outdoor", "a|b; c"}, *SETS[1:]]
    assert dataset.notes == ()
    with pytest.raises(DataError, match="column 'label' holds lists; name it 'labels'"):
        opened(folder / "label.parquet")


# --- several columns ---


def test_columns_of_flags(write: Write) -> None:
    dataset = opened(write("ants,Bees,,outdoor", "1,0,17,1", ",,,", "0.0,True,x,false", "1.0,0,,0"))
    assert dataset.classes == ("Bees", "ants", "outdoor")
    assert labels_of(dataset) == [{"ants", "outdoor"}, set(), {"Bees"}, {"ants"}]
    assert dataset.notes == (
        "columns ants, Bees, outdoor are read as labels: 1 if the image has the label",
    )


def test_a_column_without_a_one_is_a_label_without_images(write: Write) -> None:
    dataset = opened(write("ants,bees,wasps", "1,0,0", "1,1,0"))
    assert dataset.classes == ("ants", "bees", "wasps")
    assert "split 'train' has no images of wasps" in dataset.notes


def test_flags_with_split_and_group(write: Write) -> None:
    dataset = opened(write("split,ants,bees,group", "train,1,1,7", "val,0,1,8"))
    assert labels_of(dataset, "val") == [{"bees"}]


def test_a_cell_that_is_neither_0_nor_1_is_named_with_its_line(write: Write) -> None:
    with pytest.raises(
        DataError, match=r":4: column 'bees' has '2', but a label's column has 0 or"
    ):
        opened(write("ants,bees", "1,0", "0,1", "0,2"))


def test_a_column_with_other_values_is_named(write: Write) -> None:
    with pytest.raises(
        DataError, match="0 and 1, one per label, also work, but 'width' has '640' in"
    ):
        opened(write("ants,bees,width", "1,0,640", "0,1,480"))
    with pytest.raises(DataError, match=r"no column for the label \(label, target, class\); there"):
        opened(write("ants", "1", "0"))  # could be anything


def test_two_columns_of_the_same_name_are_refused(write: Write) -> None:
    with pytest.raises(DataError, match=":1: two columns are called ants; rename one"):
        opened(write("ants,ants,bees", "1,0,1"))


@pytest.mark.parametrize("header", ["label1,label2", "Label_1,Label_2", "tag 1,tag 2"])
def test_columns_of_one_label_each(write: Write, header: str) -> None:
    dataset = opened(write(header, "outdoor,ants", ",", ",bees", "ants,ants"))
    assert labels_of(dataset) == SETS
    shown = header.replace(",", ", ")
    assert dataset.notes == (f"labels are read from the columns {shown}",)


def test_numbered_columns_of_flags_are_flags(write: Write) -> None:
    dataset = opened(write("class1,class2", "1,0", "1,1"))
    assert labels_of(dataset) == [{"class1"}, {"class1", "class2"}]


def test_other_columns_next_to_a_class_are_ignored(write: Write) -> None:
    dataset = opened(write("label,night,blurred", "ants,1,0", "bees,0,0"))
    assert (dataset.task, dataset.notes) == ("classification", ())


# --- one label per image that looks like several ---


def test_combinations_whose_parts_stand_alone_elsewhere_are_noted(write: Write) -> None:
    rows = ("ants|outdoor", "ants", "outdoor", "bees")
    dataset = opened(write("label", *rows))
    assert dataset.classes == ("ants", "ants|outdoor", "bees", "outdoor")
    assert dataset.notes == (
        "classes such as 'ants|outdoor' look like several labels; if images have several labels, name "
        "the column 'labels'",
    )
    notes = open_data((IMAGES, list(rows)), val_fraction=0).notes
    assert notes[-1].endswith("; if images have several labels, give a set of names per image")


@pytest.mark.parametrize(
    "names", [("ants|outdoor", "ants"), ("a|b", "c|d"), ("|", "a"), ("a", "b"), ()]
)
def test_other_names_are_not_noted(names: tuple[str, ...]) -> None:
    assert combined(names, "remedy") == []


# --- Python ---


def from_python(targets: Any, *names: Any) -> Dataset:
    return open_data((IMAGES, targets, *names), val_fraction=0)


@pytest.mark.parametrize(
    "targets",
    [
        SETS,
        [frozenset(labels) for labels in SETS],
        [sorted(labels) for labels in SETS],
        tuple(tuple(labels) for labels in SETS),
        np.array(SETS, dtype=object),
        [["ants", "outdoor"], ["", ""], ["bees", "bees"], ["ants", ""]],
        np.array([["ants", "outdoor"], ["", ""], ["bees", "bees"], ["ants", ""]]),
    ],
)
def test_sets_in_many_forms(targets: Any) -> None:
    dataset = from_python(targets)
    assert (dataset.task, dataset.classes, dataset.notes) == ("multilabel", tuple(NAMES), ())
    assert labels_of(dataset) == SETS


@pytest.mark.parametrize(
    "matrix",
    [MATRIX, MATRIX.tolist(), MATRIX.astype(bool), MATRIX.astype(np.float32), torch.tensor(MATRIX)],
)
def test_a_matrix_with_names(matrix: Any) -> None:
    dataset = from_python(matrix, NAMES)
    assert labels_of(dataset) == SETS
    assert from_python(matrix).classes == ("0", "1", "2")


def test_a_data_frame_brings_its_names() -> None:
    class Frame:
        columns = NAMES

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return MATRIX

        def __len__(self) -> int:
            return len(MATRIX)

    assert labels_of(from_python(Frame())) == SETS


def test_names_may_include_labels_that_no_image_has() -> None:
    names = ["wasps", *NAMES]
    assert from_python(SETS, names).classes == ("wasps", "ants", "bees", "outdoor")
    assert from_python(np.concatenate([np.zeros((4, 1)), MATRIX], 1), names).classes == tuple(names)
    with pytest.raises(DataError, match="has 1 label that the list of names lacks: outdoor"):
        from_python(SETS, ["ants", "bees"])


def test_label_numbers_are_positions_in_the_names_if_there_are_any() -> None:
    assert labels_of(from_python([{0, 2}, set(), {1}, {0}], NAMES)) == SETS
    dataset = from_python([[10, 2], [], [2], [9]])
    assert dataset.classes == ("2", "9", "10")
    assert labels_of(dataset)[0] == {"10", "2"}


def test_a_single_column_is_a_label_only_if_it_has_a_name() -> None:
    column = MATRIX[:, :1]
    assert labels_of(from_python(column, ["ants"])) == [{"ants"}, set(), set(), {"ants"}]
    assert from_python(column).task == "classification"
    assert from_python(column.astype(float)).task == "regression"


def test_splits_share_one_list_of_labels_by_name() -> None:
    val = np.array([[0, 1], [1, 1]])
    source = {"train": (IMAGES, MATRIX, NAMES), "val": (IMAGES[:2], val, ["outdoor", "ants"])}
    dataset = open_data(source)
    assert dataset.classes == tuple(NAMES)
    assert labels_of(dataset, "val") == [{"ants"}, {"outdoor", "ants"}]
    source["val"] = (IMAGES[:2], val, ["outdoor", "wasps"])
    with pytest.raises(DataError, match="'val' has 1 label that the list of names lacks: wasps"):
        open_data(source)


@pytest.mark.parametrize(
    ("targets", "names", "message"),
    [
        (MATRIX, ["a", "b"], "3 columns of targets and 2 names; give one name per column"),
        (MATRIX, ["a", "b", "a"], "two labels are called a; rename one"),
        (MATRIX + 1, NAMES, "targets must be one number or name a sample; for several labels, a"),
        (
            MATRIX * 0.5,
            NAMES,
            "targets must be one number or name a sample; for several labels, a",
        ),
        (SETS[:3], NAMES, "4 inputs and 3 targets"),
        ([set(), set(), set(), set()], [], "no training image has a label"),
    ],
)
def test_inconsistent_targets_are_refused(targets: Any, names: list[str], message: str) -> None:
    source = (IMAGES, targets, names) if names else (IMAGES, targets)
    with pytest.raises(DataError, match=message):
        open_data(source)


def test_with_names_no_image_needs_a_label() -> None:
    assert from_python(MATRIX * 0, NAMES).counts("train").tolist() == [0, 0, 0]
    assert from_python([set()] * 4, NAMES).counts("train").tolist() == [0, 0, 0]


def test_one_label_per_image_is_noted() -> None:
    notes = from_python(np.eye(4)).notes
    assert notes == (
        "each image has exactly one label; to train on classes, give a class name or number per image",
    )


def test_class_numbers_may_have_names_too() -> None:
    dataset = from_python([0, 1, 1, 0], ["ants", "bees"])
    assert (dataset.task, dataset.classes) == ("classification", ("ants", "bees"))


class Pairs(torch.utils.data.Dataset[Any]):
    """A torch data set of images and targets."""

    def __init__(self, labels: Any, **attributes: Any) -> None:
        self.labels_of_each = labels
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.labels_of_each)

    def __getitem__(self, index: int) -> Any:
        return IMAGES[index], self.labels_of_each[index]


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        (Pairs(torch.tensor(MATRIX, dtype=torch.float32)), ("0", "1", "2")),
        (Pairs(MATRIX, classes=NAMES), tuple(NAMES)),
        (Pairs(MATRIX, targets=torch.tensor(MATRIX), classes=NAMES), tuple(NAMES)),
        (Pairs(SETS), tuple(NAMES)),
    ],
)
def test_torch_data_sets(dataset: Any, names: tuple[str, ...]) -> None:
    opened = open_data(dataset, val_fraction=0)
    assert (opened.task, opened.classes) == ("multilabel", names)
    targets = opened.splits["train"].targets
    assert isinstance(targets, Multihot)
    assert targets.values.astype(int).tolist() == MATRIX.tolist()


def test_a_table_of_many_rows_is_read_in_seconds(write: Write) -> None:
    import time

    table = write("labels", "a", "b")
    with table.open("a", newline="") as file:
        writer = csv.writer(file)
        for number in range(3000):
            (table.parent / f"x{number}.jpg").touch()
            writer.writerow((f"x{number}.jpg", "|".join("abcdefgh"[: number % 9])))
    start = time.perf_counter()
    assert opened(table).counts("train").sum() > 10_000
    assert time.perf_counter() - start < 5
