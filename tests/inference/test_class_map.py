"""Maps from a model's classes to one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.errors import UsageError
from onestop.inference.class_map import class_map


def test_rows_have_a_class_and_ones_own_whatever_commas_the_class_has(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text('\ufefftench,fish\n\n"tench, Tinca tinca", fish\ncoho, silver salmon,fish\n')
    rows = class_map(file)
    assert [(row.part, row.own) for row in rows] == [
        ("tench", "fish"), ("tench, Tinca tinca", "fish"), ("coho, silver salmon", "fish"),
    ]  # fmt: skip
    assert rows[1].place == f"--map {file}, line 3"


def test_in_python_it_is_a_mapping() -> None:
    assert [(row.part, row.own) for row in class_map({"ant": "insect", 309: "insect"})] == [
        ("ant", "insect"), ("309", "insect"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("tench\n", "line 1: has one column; write class,own class"),
        ("tench,fish\nant,\n", "line 2: has one column"),
        (",fish\n", "line 1: has one column"),
        ("\n \n", "is empty; write class,own class"),
    ],
)
def test_what_is_no_map_is_refused_in_a_line(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "map.csv").write_text(content)
    with pytest.raises(UsageError, match=problem):
        class_map(tmp_path / "map.csv")


def test_a_map_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; name a CSV file"):
        class_map(tmp_path / "none.csv")
    (tmp_path / "map.csv").write_bytes(b"caf\xe9,fish\n")
    with pytest.raises(UsageError, match="is not text in UTF-8"):
        class_map(tmp_path / "map.csv")
    with pytest.raises(UsageError, match="--map of type int"):
        class_map(3)
