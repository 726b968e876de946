"""Listing what can be built."""

from __future__ import annotations

import json

import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError

Capture = pytest.CaptureFixture[str]


def names(pattern: str | None = None) -> list[str]:
    return [entry.name for entry in onestop.models(pattern)]


def test_without_a_pattern_all_are_listed_each_once_our_own_first() -> None:
    entries = onestop.models()
    assert {"linear", "cnn1", "nested", "lenet5", "lenet5_color", "resnet18"} <= {*names()}
    assert len(entries) == len(set(names()))
    foreign = [entry.origin != "onestop" for entry in entries]
    assert foreign == sorted(foreign)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("lenet5", ["lenet5", "lenet5_color", "lenet5_max"]),
        ("LeNet5", ["lenet5", "lenet5_color", "lenet5_max"]),
        ("enet5_c", ["lenet5_color"]),
        ("lenet5_*", ["lenet5_color", "lenet5_max"]),
        ("lenet[_]3x3", ["lenet_3x3"]),
    ],
)
def test_a_pattern_is_a_part_of_a_name_or_has_signs(pattern: str, expected: list[str]) -> None:
    assert names(pattern) == expected


def test_a_pattern_that_nothing_is_like_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^lenet6: no network has such a name; did you mean"):
        onestop.models("lenet6")


def test_a_person_gets_a_table(capsys: Capture) -> None:
    assert main(["models", "lenet5"]) == 0
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if line.strip()]
    assert lines[0].startswith(" name")
    assert [line.split()[0] for line in lines[2:]] == ["lenet5", "lenet5_color", "lenet5_max"]
    assert "61,706" in lines[2]
    assert said.err == ""


def test_a_machine_gets_json(capsys: Capture) -> None:
    assert main(["models", "lenet5", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["name"] == "lenet5"
    assert rows[0]["parameters"] == 61_706
    assert {"name", "channels", "image_size", "min_size", "summary", "paper"} <= rows[0].keys()


def test_every_network_says_what_it_is() -> None:
    assert [entry.name for entry in onestop.models() if not entry.summary] == []
    assert [entry.name for entry in onestop.models() if entry.parameters <= 0] == []
