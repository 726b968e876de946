"""Which rows of a table are held out, whatever the column is called that says so.

A column is used where it has one meaning. Where it seems to mean a split and is not understood, it
is refused or named: a held-out row must never be trained on in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from onestop.data.sources.split_names import (
    SPLITS,
    are_all_splits,
    split_in,
    split_of,
    tokens_of,
    words,
)
from onestop.data.sources.table_file import Table
from onestop.errors import DataError
from onestop.text import listing

SPLIT = "split"
"""The column that is always one."""
_SUBSETS = words(
    "subset subsets splits set sets partition partitions phase usage dataset fold folds tvt "
    "portion purpose"
)
"""Words for a column that may say which split a row is of."""
_BEFORE = frozenset(("is", "in", "for", "used", "use", "image", "set", "data", "row", "sample"))
_YES = frozenset(("1", "1.0", "true", "yes", "y", "t"))
_NO = frozenset(("0", "0.0", "false", "no", "n", "f", ""))


def _trains(line: int, row: list[str]) -> str:  # noqa: ARG001
    """The split of every row where nothing says otherwise."""
    return "train"


@dataclass(frozen=True)
class SplitColumns:
    """Where a table says which rows are held out.

    Attributes:
        columns: Their numbers.
        of: The split of a row, by its line and cells.
        notes: Sentences on what is read as what.
    """

    columns: tuple[int, ...] = ()
    of: Callable[[int, list[str]], str] = _trains
    notes: tuple[str, ...] = ()


def find_split_columns(
    table: Table, others: Collection[int], *, flags: bool = False
) -> SplitColumns:
    """The columns that say which rows are held out.

    Args:
        table: The table.
        others: Columns that mean something else.
        flags: Whether columns of 0 and 1 may be labels; then only `is_valid` and the like are splits.

    Raises:
        DataError: A column that means a split and is not understood, or two that contradict each other.
    """
    names = {k: name for k, name in enumerate(table.header) if k not in others}
    plain = [k for k, name in names.items() if name.lower() == SPLIT]
    if plain:
        return SplitColumns((plain[0],), _by_name(table, plain[0]))
    yes_or_no = {k: s for k, name in names.items() if (s := _asked(name, flags=flags))}
    yes_or_no = {k: s for k, s in yes_or_no.items() if _is_boolean(table, k)}
    named = [k for k in names if k not in yes_or_no and _names_splits(table, k)]
    if yes_or_no and named:
        both = listing(table.header[k] for k in (*yes_or_no, *named))
        raise DataError(
            f"{table.source}:1: columns {both} could all be the split; keep one of them"
        )
    if yes_or_no:
        return _by_question(table, yes_or_no)
    if len(named) > 1 and len({tuple(_read_splits(table, k)) for k in named}) > 1:
        both = listing(table.header[k] for k in named)
        raise DataError(
            f"{table.source}:1: columns {both} could all be the split; call the right one 'split', or "
            "remove the others"
        )
    if named:
        column = named[0]
        return SplitColumns(tuple(named), _by_name(table, column), (_said(table, column),))
    return SplitColumns()


def seeming_splits(table: Table, columns: Collection[int]) -> list[str]:
    """Notes on unread columns whose name means a split and whose cells do not."""
    notes = []
    for k in columns:
        name, values = table.header[k], sorted({cell for cell in table.column(k) if cell})
        if _means_a_split(name) and 1 < len(values) < len(table.rows):
            notes.append(
                f"column {name!r} not read ({listing(values, 4)}); if it says which rows are held out, "
                f"call it split and write {listing(SPLITS)}"
            )
    return notes


def _asked(name: str, *, flags: bool) -> str:
    """The split that a column of yes and no is about: `is_valid`, `holdout`; empty if about none."""
    tokens = [token for token in tokens_of(name) if token not in _BEFORE]
    if len(tokens) != 1 or not (split := split_of(tokens[0])):
        return ""
    alone = tokens_of(name) == (tokens[0],)
    return "" if alone and flags else split


def _is_boolean(table: Table, column: int) -> bool:
    """Whether a column holds yes and no only.

    Raises:
        DataError: It does not, and its name is a question.
    """
    cells = [cell.lower() for cell in table.column(column)]
    odd = next((k for k, cell in enumerate(cells) if cell not in _YES | _NO), None)
    if odd is None:
        return any(cells)
    name = table.header[column]
    if tokens_of(name)[0] in ("is", "in"):
        line, row = table.rows[odd]
        raise DataError(
            f"{table.source}:{line}: {name!r} holds {row[column]!r}, neither yes nor no (1 or 0, true "
            "or false); correct it, or rename the column if it does not say which rows are held out"
        )
    return False


def _by_question(table: Table, asked: Mapping[int, str]) -> SplitColumns:
    """The split of each row from columns of yes and no."""
    trained = [k for k, split in asked.items() if split == "train"]

    def split_of_row(line: int, row: list[str]) -> str:
        said = {split for k, split in asked.items() if row[k].lower() in _YES}
        if len(said) > 1:
            names = listing(table.header[k] for k in asked)
            raise DataError(f"{table.source}:{line}: {names}: says yes to {listing(sorted(said))}")
        if said:
            return said.pop()
        if trained:  # held out, and not said for what: never to select by
            return "test" if "test" not in asked.values() else "val"
        return "train"

    notes = []
    for k, split in asked.items():
        meaning = f"1 is {split}"
        if split == "train" and len(asked) == 1:
            meaning += ", 0 is test"
        notes.append(f"column {table.header[k]!r} says which rows are held out: {meaning}")
    return SplitColumns(tuple(asked), split_of_row, tuple(notes))


def _names_splits(table: Table, column: int) -> bool:
    """Whether all cells of a column are names of splits, training among them."""
    cells = {cell for cell in table.column(column) if cell}
    if _means_a_split(table.header[column]):
        known = [cell for cell in cells if split_in(cell)]
        if known and len(known) < len(cells):
            line, row = next((n, r) for n, r in table.rows if r[column] and not split_in(r[column]))
            raise DataError(
                f"{table.source}:{line}: {table.header[column]} {row[column]!r} is none of "
                f"{listing(SPLITS)}; correct it, or rename the column if it does not say which rows "
                "are held out"
            )
        return bool(known)
    return are_all_splits(cells) and len(cells) > 1 and "train" in map(split_of, cells)


def _means_a_split(name: str) -> bool:
    tokens = tokens_of(name)
    return bool(_SUBSETS.intersection(tokens)) or SPLIT in tokens


def _read_splits(table: Table, column: int) -> list[str]:
    return [split_in(cell) or "train" for cell in table.column(column)]


def _by_name(table: Table, column: int) -> Callable[[int, list[str]], str]:
    name = table.header[column]

    def split_of_row(line: int, row: list[str]) -> str:
        if not row[column]:
            return "train"
        split = split_of(row[column]) or split_in(row[column])
        if split is None:
            place = f"{table.source}:{line}"
            raise DataError(f"{place}: {name} {row[column]!r} is none of {listing(SPLITS)}")
        return split

    return split_of_row


def _said(table: Table, column: int) -> str:
    values: dict[str, str] = {}
    for cell in table.column(column):
        values.setdefault(cell or "(empty)", (split_in(cell) or "train"))
    odd = [f"{value} is {split}" for value, split in values.items() if value.lower() != split]
    return f"column {table.header[column]!r} is read as the split" + (
        f": {listing(odd)}" if odd else ""
    )
