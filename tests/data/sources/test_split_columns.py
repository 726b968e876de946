"""Which rows are held out, whatever the column is called."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from onestop.data.sources.split_columns import find_split_columns, seeming_splits
from onestop.data.sources.table_file import Table
from onestop.errors import DataError


def table(header: str, *rows: str) -> Table:
    cells = [[cell.strip() for cell in row.split(",")] for row in rows]
    return Table("t.csv", header.split(","), list(enumerate(cells, start=2)))


def splits(header: str, *rows: str, flags: bool = False) -> list[str]:
    """The split of each row; the first column holds something else."""
    of = table(header, *rows)
    found = find_split_columns(of, {0}, flags=flags)
    return [found.of(line, row) for line, row in of.rows]


def notes(header: str, *rows: str) -> Sequence[str]:
    return find_split_columns(table(header, *rows), {0}).notes


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("is_valid", "val"), ("isValid", "val"), ("is_validation", "val"), ("is_test", "test"),
        ("holdout", "test"),
        ("is_holdout", "test"), ("held_out", "test"), ("val", "val"), ("is_val_set", "val"),
        ("test", "test"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "words", [("True", "False"), ("1", "0"), ("yes", "no"), ("1.0", ""), ("T", "F")]
)
def test_a_question_is_answered_row_by_row(name: str, yes: str, words: tuple[str, str]) -> None:
    assert splits(f"path,{name}", f"a,{words[0]}", f"b,{words[1]}") == [yes, "train"]
    (note,) = notes(f"path,{name}", f"a,{words[0]}", f"b,{words[1]}")
    assert note == f"column {name!r} says which rows are held out: 1 is {yes}"


def test_what_is_not_for_training_is_never_selected_by() -> None:
    assert splits("path,is_train", "a,1", "b,0") == ["train", "test"]
    assert notes("path,is_train", "a,1", "b,0")[0].endswith("1 is train, 0 is test")
    assert splits("path,is_train,is_test", "a,1,0", "b,0,1", "c,0,0") == ["train", "test", "val"]
    assert splits("path,is_train,is_valid", "a,1,0", "b,0,1", "c,0,0") == ["train", "val", "test"]
    assert splits("path,is_valid,is_test", "a,1,0", "b,0,1", "c,0,0") == ["val", "test", "train"]


def test_contradicting_answers_are_refused() -> None:
    with pytest.raises(DataError, match=r"t.csv:2: is_valid, is_test: says yes to test, val"):
        splits("path,is_valid,is_test", "a,1,1")


def test_an_answer_that_is_none_is_refused_with_its_line() -> None:
    with pytest.raises(DataError, match=r"t.csv:3: 'is_valid' holds 'maybe', neither yes nor no"):
        splits("path,is_valid", "a,1", "b,maybe")


@pytest.mark.parametrize(
    "name",
    [
        "subset",
        "set",
        "partition",
        "phase",
        "dataset",
        "usage",
        "Usage",
        "data_split",
        "fold",
        "whatever",
    ],
)
def test_names_of_splits_are_read_under_any_name(name: str) -> None:
    rows = ("a,train", "b,Valid", "c,TEST", "d,train")
    assert splits(f"path,{name}", *rows) == ["train", "val", "test", "train"]
    assert notes(f"path,{name}", *rows) == (f"column {name!r} is read as the split: Valid is val",)


def test_compound_names_are_read_where_the_column_means_a_split() -> None:
    rows = ("a,Training", "b,PublicTest", "c,PrivateTest")
    assert splits("path,Usage", *rows) == ["train", "test", "test"]
    assert splits("path,origin", *rows) == ["train", "train", "train"]


def test_a_column_split_is_one_whatever_else_there_is() -> None:
    assert splits("path,subset,split", "a,test,train", "b,train,val") == ["train", "val"]
    assert notes("path,split", "a,train", "b,") == ()
    with pytest.raises(DataError, match=r"t.csv:3: split 'tset' is none of train, val, test"):
        splits("path,split", "a,train", "b,tset")


def test_a_value_among_splits_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match=r"t.csv:3: phase 'huh' is none of train, val, test"):
        splits("path,phase", "a,train", "b,huh")
    assert splits("path,place", "a,train", "b,bus") == ["train", "train"]  # a thing like others


def test_two_columns_that_differ_are_refused_and_equal_ones_are_not() -> None:
    rows = ("a,train,train", "b,test,test")
    assert splits("path,set,subset", *rows) == ["train", "test"]
    with pytest.raises(DataError, match="columns set, subset could all be the split"):
        splits("path,set,subset", *rows, "c,train,val")
    with pytest.raises(DataError, match="columns is_valid, subset could all be the split"):
        splits("path,is_valid,subset", "a,0,train", "b,1,test")


def test_a_label_may_be_called_like_a_split() -> None:
    assert splits("path,train,bus", "a,1,0", "b,0,1", flags=True) == ["train", "train"]
    assert splits("path,is_valid,bus", "a,1,0", "b,0,1", flags=True) == ["val", "train"]


def test_a_column_that_seems_to_mean_a_split_is_named() -> None:
    folds = table("path,fold,kind", "a,0,x", "b,1,y", "c,0,x")
    assert find_split_columns(folds, {0}).columns == ()
    assert seeming_splits(folds, [1, 2]) == [
        "column 'fold' not read (0, 1); if it says which rows are held out, call it split and write "
        "train, val, test"
    ]
    assert seeming_splits(table("path,dataset", "a,x", "b,x"), [1]) == []  # says nothing
