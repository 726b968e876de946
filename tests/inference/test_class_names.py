"""Names of classes as people find them on the web."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onestop.errors import UsageError
from onestop.inference.class_names import class_names


@pytest.mark.parametrize(
    "content",
    [
        ["tench", "goldfish", "shark"],
        {"0": "tench", "1": "goldfish", "2": "shark"},
        {"2": "shark", "0": "tench", "1": "goldfish"},
        {"tench": 0, "shark": 2, "goldfish": 1},
        {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"], "2": ["n01484850", "shark"]},
        [["n01440764", "tench"], ["n01443537", "goldfish"], ["n01484850", "shark"]],
    ],
)
def test_json_in_any_usual_form(content: Any, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(json.dumps(content))
    assert class_names(tmp_path / "names.json") == ("tench", "goldfish", "shark")


@pytest.mark.parametrize(
    "text", ["tench\ngoldfish\n", "tench\r\n\r\ngoldfish", "  tench \ngoldfish"]
)
def test_text_with_one_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(text)
    assert class_names(str(tmp_path / "names.txt")) == ("tench", "goldfish")


def test_a_list_in_python() -> None:
    assert class_names(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no names; write one a line"),
        ("a\nb\na\n", "has 'a' twice"),
        ('{"0": "a", "2": "b"}', "its numbers are not 0 to 1"),
        ('{"a": "b"}', "'a' has no number"),
        ('{"0": "a"', "is not JSON"),
    ],
)
def test_what_names_nothing_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text(text)
    with pytest.raises(UsageError, match=problem) as caught:
        class_names(tmp_path / "names")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not text in UTF-8"):
        class_names(tmp_path / "binary")
    with pytest.raises(UsageError, match="nothing: No such file or directory"):
        class_names(tmp_path / "nothing")
