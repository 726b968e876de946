"""How the tree of a network looks."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from onestop.display.network import backward_table, fitting_depth, footer, tree_table
from onestop.display.printing import show
from onestop.results.info import Info

FACTS = {
    "origin": "file", "summary": "a net", "paper": "", "input": [3, 8, 8],
    "parameters": 1_000_000, "trainable": 1_000_000, "multiply_adds": 2_000_000,
    "activations": 5_000, "largest_activation": 200, "stages": 3,
}  # fmt: skip


def row(layer: str, **values: Any) -> dict[str, Any]:
    depth = 0 if layer == "(network)" else layer.count(".") + 1
    usual = {
        "kind": "Conv2d", "details": "3→8 3x3", "output": [8, 6, 6], "parameters": 1_234,
        "own_parameters": 1_234, "multiply_adds": 56_789, "activations": 288, "calls": 1,
        "training_only": False, "unused": False, "stage": None, "head": False,
    }  # fmt: skip
    return {"layer": layer, "depth": depth, **usual, **values}


ROWS = [
    row("(network)", kind="Net", details="", output=[10]),
    row("stem", stage=1),
    row("norm", stage=1, kind="BatchNorm2d", details="8", multiply_adds=0),
    row("body", kind="Sequential", details=""),
    row("body.0", stage=2, kind="Block", details=""),
    row("body.0.conv", stage=2, calls=3),
    row("body.1", stage=3, kind="Block", details=""),
    row("body.1.conv", stage=3),
    row("extra", kind="Extra", details="", output=[], training_only=True, multiply_adds=0),
    row("lost", kind="Linear", details="3→4", output=[], unused=True, multiply_adds=0),
    row("fc", kind="Linear", details="8→10", output=[10], head=True),
]


def drawn(table: Table, width: int = 200, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(table: Table, width: int = 200) -> list[str]:
    return [line.rstrip() for line in drawn(table, width).splitlines()]


def cells(table: Table) -> list[list[str]]:
    """The cells of each row; two blanks part them."""
    return [re.split(r"\s{2,}", line) for line in lines(table)[2:]]


def test_a_tree_with_all_its_levels() -> None:
    assert "\n".join(lines(tree_table(ROWS, 0))) == (
        """\
layer          stage  kind                          output         parameters  multiply-adds
─────────────────────────────────────────────────────────────────────────────────────────────
(network)             Net                           10                  1,234         56,789
├─ stem            1  Conv2d 3→8 3x3                8x6x6               1,234         56,789
├─ norm               BatchNorm2d 8                 8x6x6               1,234
├─ body               Sequential                    8x6x6               1,234         56,789
│  ├─ 0            2  Block                         8x6x6               1,234         56,789
│  │  └─ conv         Conv2d 3→8 3x3, runs 3 times  8x6x6               1,234         56,789
│  └─ 1            3  Block                         8x6x6               1,234         56,789
│     └─ conv         Conv2d 3→8 3x3                8x6x6               1,234         56,789
├─ extra              Extra                         training only       1,234
├─ lost               Linear 3→4                    unused              1,234
└─ fc           head  Linear 8→10                   10                  1,234         56,789"""
    )


def test_a_level_holds_what_is_below_it_with_its_stages() -> None:
    found = cells(tree_table(ROWS, 1))
    assert [line[0] for line in found] == [
        "(network)", "├─ stem", "├─ norm", "├─ body", "├─ extra", "├─ lost", "└─ fc",
    ]  # fmt: skip
    assert found[3][1:3] == ["2-3", "Sequential"]
    assert found[6][1] == "head"
    inner = [row("(network)", kind="Net"), row("a"), row("a.0", stage=1), row("a.1", head=True)]
    assert cells(tree_table(inner, 1))[1][:2] == ["└─ a", "1, head"]


def test_the_usual_depth_fits_and_shows_where_stages_begin() -> None:
    assert fitting_depth(ROWS) == 3
    many = [row(f"body.0.{number}") for number in range(40)]
    wide = [*ROWS[:5], *many, *ROWS[6:]]
    assert fitting_depth(wide) == 2
    assert len(lines(tree_table(wide, None))) == 2 + 9
    flat = [ROWS[0], *(row(f"layer{number}") for number in range(60))]
    assert fitting_depth(flat) == 1
    deep = [*wide, row("top.0.0.0", stage=4)]
    assert fitting_depth(deep) == 4
    assert fitting_depth([row("(network)")]) == 1


def test_below_the_tree_stands_what_is_true_of_all() -> None:
    assert footer(FACTS, ROWS, 2) == [
        "parameters: 1,000,000, all trainable, 4.0 MB in 32 bits",
        "multiply-adds: 2,000,000 per input, in convolutions and linear layers",
        "outputs of layers: 20 kB per input, 800 bytes the largest",
        "stages: 3; --freeze N freezes the first N",
        "not shown: 2 modules below level 2 (--depth 0 shows all)",
    ]
    frozen = footer({**FACTS, "trainable": 250_000, "stages": 0}, ROWS, 0)
    assert frozen[0] == "parameters: 1,000,000, 250,000 (25.0%) trainable, 4.0 MB in 32 bits"
    assert len(frozen) == 3


def test_a_narrow_screen_cuts_settings_and_nothing_else() -> None:
    wide, narrow = lines(tree_table(ROWS, 0)), lines(tree_table(ROWS, 0), 80)
    assert len(narrow) == len(wide)
    assert max(map(len, narrow)) <= 80
    assert narrow[7].startswith("│  │  └─ conv         Conv2d 3→8 3x3…  8x6x6")
    assert narrow[7].endswith("1,234         56,789")


def test_letters_that_every_terminal_knows() -> None:
    page = drawn(tree_table(ROWS, 0, ascii_only=True))
    tree = [line for line in page.splitlines() if "conv" in line or "fc" in line]
    assert [line.split("Conv2d")[0].rstrip() for line in tree[:2]] == [
        "|  |  `- conv", "|     `- conv",
    ]  # fmt: skip
    assert "Conv2d 3->8 3x3" in tree[0]
    assert all(line.isascii() for line in tree)


def test_odd_names_stay_on_one_line() -> None:
    assert "├─ a\\nb" in drawn(tree_table([ROWS[0], row("a\nb"), row("c")], 0))


CHAIN = [
    {"number": 1, "function": "AddmmBackward0", "parameter": None, "shape": None, "next": [2, 4]},
    {"number": 2, "function": "AccumulateGrad", "parameter": "fc.bias", "shape": [10], "next": []},
    {"number": 3, "function": "AccumulateGrad", "parameter": "", "shape": [], "next": []},
]  # fmt: skip


def test_the_functions_of_the_backward_pass() -> None:
    assert [line.split(maxsplit=2) for line in lines(backward_table(CHAIN))[2:]] == [
        ["1", "AddmmBackward0", "2, 4"],
        ["2", "AccumulateGrad", "fc.bias (10)"],
        ["3", "AccumulateGrad", "(no parameter) ()"],
    ]


INFO = Info("network", "mine", FACTS, ROWS, CHAIN, 0)


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(INFO)
    page = capsys.readouterr().out
    assert "\x1b" not in page
    assert page.splitlines()[:3] == ["network mine", "  origin: file", "  summary: a net"]
    assert "  input: 3x8x8" in page.splitlines()
    assert "     2  AccumulateGrad  fc.bias (10)" in page.splitlines()
    assert [line for line in page.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colours_unless_told_not_to(
    no_color: bool,
    monkeypatch: pytest.MonkeyPatch,
    on_terminal: Callable[[Callable[[], object]], str],
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    page = on_terminal(lambda: show(Info("network", "mine", FACTS, ROWS[:3], CHAIN)))
    green = [text.strip() for text in re.findall(r"\x1b\[32m([^\x1b]*)\x1b", page)]
    assert ("fc.bias (10)" in green) != no_color
    assert ("1" in green) != no_color  # the stage
