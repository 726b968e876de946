"""Values, rows and JSON on standard output, whatever is in them."""

from __future__ import annotations

import pytest

from onestop.display.tables import (
    plain,
    print_aside,
    print_json,
    print_rows,
    print_table,
    table,
)
from onestop.errors import one_line

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (24280.4, "24,280"),
        (1e-7, "1e-07"),
        (1e12, "1e+12"),
        (True, "True"),
        ([1, 32, 32], "1 32 32"),
        (list(range(10)), "0 1 2 3 4 5 6 7 and 2 more"),
        (["a long name (why)", "another"], "a long name (why); another"),
        ({"least": 3, "most": 1200}, "least 3, most 1,200"),
        ("two\nlines", "two\\nlines"),
        ((), ""),
    ],
)
def test_values_read_well(value: object, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        ("Käfer 🐝", "Käfer 🐝"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb\r\nc", "a\\tb\\r\\nc"),
        ("\udcff.jpg", "\\udcff.jpg"),
        ("it's", "it's"),
    ],
)
def test_texts_stay_on_one_line_and_harmless(odd: str, text: str) -> None:
    assert one_line(odd) == text


def test_rows_have_the_columns_of_the_first_and_shares_are_percents(capsys: Capture) -> None:
    print_rows([{"class": "a", "images": 1234, "recall": 0.5}, {"class": "b", "recall": ""}])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["class", "images", "recall"]
    assert lines[3:5] == [["a", "1,234", "50.0%"], ["b"]]


def test_of_many_rows_thirty_are_shown(capsys: Capture) -> None:
    print_rows([{"n": k} for k in range(32)])
    assert capsys.readouterr().out.splitlines()[-1] == "... and 2 more rows (--json has all)"


def test_columns_of_numbers_stand_to_the_right() -> None:
    made = table("class", "images", "recall")
    assert [column.justify for column in made.columns] == ["left", "right", "right"]


def test_a_row_stays_whole_in_a_pipe(capsys: Capture) -> None:
    made = table("why")
    made.add_row("many words " * 12)
    print_table(made)
    assert ("many words " * 12).strip() in capsys.readouterr().out


def test_what_is_said_aside_stays_out_of_the_pipe(capsys: Capture) -> None:
    print_aside("two\nlines")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "two\\nlines\n")


def test_json_keeps_letters_as_they_are(capsys: Capture) -> None:
    print_json({"name": "Käfer"})
    assert capsys.readouterr().out == '{\n  "name": "Käfer"\n}\n'
