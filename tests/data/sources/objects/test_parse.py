from __future__ import annotations

import math
from pathlib import Path

import pytest

from onestop.data.sources.objects.parse import (
    number,
    numbers,
    read_json,
    read_text,
    read_xml,
    read_yaml,
)
from onestop.errors import DataError


@pytest.mark.parametrize("value", [True, None, "x", [], float("inf"), "nan", "1" * 80])
def test_what_is_no_number(value: object) -> None:
    assert math.isnan(number(value))
    assert numbers([1, value]) is None


def test_numbers_may_be_text() -> None:
    assert numbers(["1", 2, "3.5"]) == [1, 2, 3.5]
    assert numbers("12") is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<a>" * 200, "nested too deeply"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type or entities"),
        ("<a><b></a>", "no valid XML"),
        ("", "no valid XML"),
    ],
)
def test_xml_of_strangers(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=error):
        read_xml(tmp_path / "a.xml")


def test_an_element_knows_what_is_directly_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a><b><c> 1 </c></b><c>2</c></a>")
    node = read_xml(tmp_path / "a.xml")
    assert [c.text for c in node.all("c")] == ["2"]
    assert (node.value("b", "c"), node.value("x", "c")) == ("1", "")


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "- 1", "a: [", "a: b: c"])
def test_yaml_of_strangers(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(DataError, match=r"a\.yaml"):
        read_yaml(tmp_path / "a.yaml")


def test_text_in_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("é".encode("utf-16"))
    assert read_text(tmp_path / "a") == "é"
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfx")
    assert read_text(tmp_path / "a") == "x"
    (tmp_path / "a").write_bytes(b"a\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        read_text(tmp_path / "a")
    (tmp_path / "a").write_text("{")
    with pytest.raises(DataError, match="no valid JSON"):
        read_json(tmp_path / "a")
    with pytest.raises(DataError, match="No such file"):
        read_json(tmp_path / "gone")
