"""A network as tables for people: the tree of its modules, and the functions of its backward pass.

Colours are marked here; rich omits them if the output is not a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

_LINES = 40
"""Rows of a tree that are shown by default."""
_BRANCH, _LAST, _PAST, _BLANK = "├─ ", "└─ ", "│  ", "   "
_PLAIN = {"├": "|", "└": "`", "│": "|", "─": "-", "→": "->"}

Row = Mapping[str, Any]


def tree_table(rows: Sequence[Row], depth: int | None, *, ascii_only: bool = False) -> Table:
    """The tree of a network's modules.

    Args:
        rows: See `onestop.networks.layers.tree`.
        depth: Levels to show; deeper modules are included in their container's counts. 0 is all, None
            as many as fit.
        ascii_only: Draw with characters that every terminal supports.
    """
    level, starts = _level(rows, depth), _starts(rows)
    shown = [place for place, row in enumerate(rows) if row["depth"] <= level]
    guides = _guides([rows[place]["depth"] for place in shown])
    table = _table("layer", "stage", "kind", "output", "parameters", "multiply-adds")
    for guide, place in zip(guides, shown, strict=True):
        row, inside = rows[place], _inside(rows, place)
        folded = inside if row["depth"] == level else inside[:1]
        cells = (
            Text.assemble((guide, "dim"), (_name(row), "bold" if len(inside) > 1 else "")),
            _marks([starts[k] for k in folded], head=any(rows[k]["head"] for k in folded)),
            _kind(row),
            Text(_output(row)),
            Text(f"{row['parameters']:,}" if row["parameters"] else ""),
            Text(f"{row['multiply_adds']:,}" if row["multiply_adds"] else ""),
        )
        style = "dim" if row["training_only"] or row["unused"] else ""
        table.add_row(*(_spelled(cell, ascii_only=ascii_only) for cell in cells), style=style)
    return table


def fitting_depth(rows: Sequence[Row]) -> int:
    """The levels that fit on a screen, at least down to where the stages begin."""
    depths = [row["depth"] for row in rows]
    fitting = [
        level
        for level in range(1, max(depths) + 1)
        if sum(depth <= level for depth in depths) <= _LINES
    ]
    starts = [depth for depth, number in zip(depths, _starts(rows), strict=True) if number]
    return int(max([1, *fitting, *starts]))


def footer(facts: Mapping[str, Any], rows: Sequence[Row], depth: int | None) -> list[str]:
    """Totals of the network, one line each."""
    level = _level(rows, depth)
    count, trainable = facts["parameters"], facts["trainable"]
    share = "all" if trainable == count else f"{trainable:,} ({trainable / count:.1%})"
    outputs, largest = _memory(facts["activations"]), _memory(facts["largest_activation"])
    lines = [
        f"parameters: {count:,}, {share} trainable, {_memory(count)} in 32 bits",
        f"multiply-adds: {facts['multiply_adds']:,} per input, in convolutions and linear layers",
        f"outputs of layers: {outputs} per input, {largest} the largest",
    ]
    if facts["stages"]:
        lines.append(f"stages: {facts['stages']}; --freeze N freezes the first N")
    folded = sum(row["depth"] > level for row in rows)
    if folded:
        lines.append(f"not shown: {folded} modules below level {level} (--depth 0 shows all)")
    return lines


def backward_table(rows: Sequence[Row]) -> Table:
    """The functions of the backward pass, from the loss on; see `onestop.networks.backward`."""
    table = _table("number", "function", "passes gradients to")
    for row in rows:
        number = Text(str(row["number"]), "dim")
        if row["parameter"] is None:
            table.add_row(number, row["function"], ", ".join(map(str, row["next"])))
        else:
            shape = ", ".join(map(str, row["shape"]))
            end = Text(f"{row['parameter'] or '(no parameter)'} ({shape})", "green")
            table.add_row(number, Text(row["function"], "dim"), end)
    return table


def _level(rows: Sequence[Row], depth: int | None) -> int:
    return fitting_depth(rows) if depth is None else depth or len(rows)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), highlight=False)
    for column in columns:
        right = column in ("stage", "parameters", "multiply-adds", "number")
        # On a narrow screen only the settings of the layers are cut.
        table.add_column(column, justify="right" if right else "left", no_wrap=column != "kind")
    return table


def _kind(row: Row) -> Text:
    times = f"runs {row['calls']} times" if row["calls"] > 1 else ""
    more = ", ".join(part for part in (row["details"], times) if part)
    return Text.assemble(
        row["kind"], (f" {more}" if more else "", "cyan"), no_wrap=True, overflow="ellipsis"
    )


def _output(row: Row) -> str:
    if row["training_only"] or row["unused"]:
        return "training only" if row["training_only"] else "unused"
    return "x".join(map(str, row["output"]))


def _name(row: Row) -> str:
    name = row["layer"].rpartition(".")[2]
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def _inside(rows: Sequence[Row], place: int) -> range:
    """The places of a row and of all modules in it."""
    depth = rows[place]["depth"]
    end = next((k for k in range(place + 1, len(rows)) if rows[k]["depth"] <= depth), len(rows))
    return range(place, end)


def _starts(rows: Sequence[Row]) -> list[int]:
    """The number of the stage that begins at each row, else 0."""
    begun, starts = 0, []
    for row in rows:
        new = (row["stage"] or 0) > begun
        begun = row["stage"] if new else begun
        starts.append(begun if new else 0)
    return starts


def _marks(starts: list[int], *, head: bool) -> Text:
    """The stages that begin in some rows, and whether the head is among them."""
    numbers = [str(number) for number in starts if number]
    ends = [*numbers[:1], *numbers[1:][-1:]]
    return Text(
        ", ".join(part for part in ("-".join(ends), "head" if head else "") if part), "green"
    )


def _guides(depths: list[int]) -> list[str]:
    """The lines before each row that connect it to its parent."""
    guides: list[str] = []
    below: set[int] = set()  # levels that continue further down
    for depth in reversed(depths):
        past = "".join(_PAST if level in below else _BLANK for level in range(1, depth))
        branch = _BRANCH if depth in below else _LAST
        guides.append(past + branch if depth else "")
        below = {level for level in below if level < depth} | {depth}
    return guides[::-1]


def _memory(values: int) -> str:
    """The memory of 32-bit values."""
    size = 4.0 * values
    for unit in ("bytes", "kB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} MB"


def _spelled(text: Text, *, ascii_only: bool) -> Text:
    for sign, plain in _PLAIN.items() if ascii_only else ():
        text.plain = text.plain.replace(sign, plain)
    return text
