"""Tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onestop.data.sources.table_file import ITEM_SEPARATOR, Table, cell_of, read_table
from onestop.errors import DataError

PLAIN = Table("t", ["path", "label"], [(2, ["a.png", "ant"]), (3, ["b.png", "b\u00fcne"])])
KNOWN = ("path", "label", "image")


def read(folder: Path, content: str | bytes, name: str = "t.csv") -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path, KNOWN)
    return Table("t", table.header, table.rows)


TEXT = "path,label\na.png,ant\nb.png,b\u00fcne\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "T.CSV"])
def test_the_delimiter_is_found(delimiter: str, name: str, tmp_path: Path) -> None:
    assert read(tmp_path, TEXT.replace(",", delimiter), name) == PLAIN


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with mark", "utf-16-be with mark", "utf-32"],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_encoding_is_found_by_its_mark(encoding: str, ends: str, tmp_path: Path) -> None:
    text = TEXT.replace("\n", ends)
    if encoding.endswith("mark"):
        text = f"\ufeff{text}"
    assert read(tmp_path, text.encode(encoding.partition(" ")[0])) == PLAIN


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_another_encoding_is_refused_with_its_line(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"t\.csv:3: no CSV in UTF-8 \(byte 0xfc\); save it as UTF-8"
    ):
        read(tmp_path, TEXT.encode(encoding))


def test_sixteen_bits_without_a_mark_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no CSV in UTF-8"):
        read(tmp_path, "path,label\na.png,ant\n".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("path,labels(;)\na,x;y\n", ["path", "labels(;)"]),
        ("path;note, long\na;b\n", ["path", "note, long"]),
        ("path;a,b,c\n1;2\n", ["path", "a,b,c"]),
        ("first|second\na|b\n", ["first", "second"]),
        ('"path","a;b;c"\n1,2\n', ["path", "a;b;c"]),
        (" path , label \n1,2\n", ["path", "label"]),
        ("path\n1\n", ["path"]),
    ],
)
def test_known_names_tell_one_delimiter_from_another(
    text: str, header: list[str], tmp_path: Path
) -> None:
    assert read(tmp_path, text).header == header


def test_the_line_of_excel_names_the_delimiter(tmp_path: Path) -> None:
    table = read(tmp_path, "sep=;\r\npath;label\r\na.png;ant\r\n")
    assert table == Table("t", ["path", "label"], [(3, ["a.png", "ant"])])


def test_rows_without_content_and_delimiters_at_the_end_do_not_count(tmp_path: Path) -> None:
    table = read(tmp_path, "path,label,\na.png,ant,\n,,\n\n  ,\nb.png,bee,\n")
    assert table == Table("t", ["path", "label"], [(2, ["a.png", "ant"]), (6, ["b.png", "bee"])])


def test_a_cell_may_hold_line_breaks_and_its_line_is_its_last(tmp_path: Path) -> None:
    table = read(tmp_path, 'path,label\n"a\n.png",ant\nb.png,bee\n')
    assert table.rows == [(3, ["a\n.png", "ant"]), (4, ["b.png", "bee"])]
    assert table.column(1) == ["ant", "bee"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na\n", ":2: 1 values under 2 columns"),
        ("path,label\na,b\nc,d,e\n", ":3: 3 values under 2 columns"),
        ("path\na;b,c\n", ":2: 2 values under 1 columns; is it separated by semicolons?"),
    ],
)
def test_a_row_of_another_length_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message.replace("?", r"\?")):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (1, "1"),
        (1.0, "1.0"),
        (True, "True"),
        ("x", "x"),
        (["a", "b"], f"a{ITEM_SEPARATOR}b"),
    ],
)
def test_values_of_parquet_as_cells(value: Any, cell: str) -> None:
    assert cell_of(value) == cell
