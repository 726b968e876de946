"""Several labels per image in tables, and sets of labels matched to one list of names.

A table has them in one cell (`ants|outdoor`), in one column per label (0 or 1), or in columns label1,
label2, ...

Legend: N images of a split, L labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onestop.data.multihot import Multihot
from onestop.data.targets import Targets
from onestop.errors import DataError
from onestop.text import listing, plural

Rows: TypeAlias = Sequence[tuple[int, list[str]]]
"""The cells of each row, with its line number."""
ITEM_SEPARATOR = "\x1f"
"""Joins the items of a list (in Parquet) in a cell."""
_SEPARATORS = (ITEM_SEPARATOR, "|", ";", ",")
_CELL = re.compile(r"labels\s*(?:\((.)\)|\[(.)\])?", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:labels?|class|tag)[ _-]?\d+", re.IGNORECASE)
_FLAGS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_SHOWN = 12  # maximum number of columns named in a note


@dataclass(frozen=True)
class Cells:
    """One column with the labels of an image in each cell, joined by a separator."""

    column: int
    separator: str
    names: tuple[str, ...] = ()

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row, each once."""
        parts = row[self.column].split(self.separator) if self.separator else [row[self.column]]
        return distinct(parts)


@dataclass(frozen=True)
class Columns:
    """Several columns with one label per cell; empty cells have none."""

    columns: tuple[int, ...]
    names: tuple[str, ...] = ()

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row, each once."""
        return distinct(row[column] for column in self.columns)


@dataclass(frozen=True)
class Flags:
    """One column per label, which says whether an image has it."""

    columns: Mapping[int, str]

    @property
    def names(self) -> tuple[str, ...]:
        """All labels, including those that no image has."""
        return tuple(sorted(self.columns.values()))

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row."""
        return tuple(name for column, name in self.columns.items() if _flag(row[column]))


LabelColumns = Cells | Columns | Flags


def find_labels(
    header: Sequence[str], rows: Rows, others: Iterable[int], path: str
) -> tuple[LabelColumns | None, str]:
    """Which columns of a table hold several labels per image, and a note about them; None if none do.

    Args:
        header: Names of the columns.
        rows: All cells.
        others: Columns with other contents: the path, the split, the group, a single label.
        path: Path of the table, for errors.

    Raises:
        DataError: Labels are in several places, two columns have the same name, or a column of flags
            has another value.
    """
    names = {k: name.strip() for k, name in enumerate(header)}
    cells = label_cells(header)
    if len(cells) > 1:
        both = listing(names[k] for k in cells)
        raise DataError(f"{path}:1: columns {both} could all be the labels; rename one")
    if cells:
        return _cells(cells[0], names[cells[0]], rows)
    numbered = {k: name for k, name in names.items() if _NUMBERED.fullmatch(name)}
    if numbered and _not_flags(numbered, rows):
        return Columns(tuple(numbered)), f"labels are read from the columns {_shown(numbered)}"
    rest = {k: name for k, name in names.items() if name and k not in others}
    if len(rest) < 2 or not rows:
        return None, ""
    if wrong := _not_flags(rest, rows):
        if _are_mostly_flags(rest, rows):
            line, name, value = wrong
            raise DataError(
                f"{path}:{line}: column {name!r} has {value!r}, but a label's column has 0 or 1; "
                "correct the cell or remove the column"
            )
        return None, ""
    if doubled := sorted({n for n in rest.values() if list(rest.values()).count(n) > 1}):
        raise DataError(f"{path}:1: two columns are called {listing(doubled)}; rename one")
    return Flags(rest), f"columns {_shown(rest)} are read as labels: 1 if the image has the label"


def label_cells(header: Sequence[str]) -> list[int]:
    """The columns `labels`, perhaps with a separator: `labels(;)`."""
    return [k for k, name in enumerate(header) if _CELL.fullmatch(name.strip())]


def why_not_flags(header: Sequence[str], rows: Rows, others: Iterable[int]) -> str:
    """Why the other columns are not labels, to be appended to an error; empty if there are too few."""
    rest = {k: n.strip() for k, n in enumerate(header) if n.strip() and k not in others}
    if len(rest) < 2 or not (wrong := _not_flags(rest, rows)):
        return ""
    line, name, value = wrong
    return (
        f"; columns of 0 and 1, one per label, also work, but {name!r} has {value!r} in line {line}"
    )


def label_sets(
    sets: Mapping[str, Sequence[Iterable[str]]],
    source: str,
    names: Sequence[str] = (),
    *,
    for_training: bool = True,
) -> dict[str, Multihot]:
    """The targets of each split on one list of labels.

    Args:
        sets: The labels of each image, by split.
        source: Name of the source in error messages.
        names: The list of labels; if empty, those of the training split, sorted by name.
        for_training: Whether the training split must have at least one label, and all those of other
            splits.

    Raises:
        DataError: A label of a split is not on the list, or there are no labels.
    """
    used = {split: set().union(*parts) for split, parts in sets.items()}
    known = set(names) or (used["train"] if for_training else set().union(*used.values()))
    for split, labels in used.items():
        if unknown := sorted(labels - known):
            what = f"split {split!r} has {plural(len(unknown), 'label')} that"
            if names:
                raise DataError(
                    f"{source}: {what} the list of names lacks: {listing(unknown)}; add them to it"
                )
            raise DataError(
                f"{source}: {what} 'train' lacks: {listing(unknown)}; add images of them to 'train' "
                f"or remove them from {split!r}"
            )
    if not known or (for_training and not used["train"]):
        raise DataError(
            f"{source}: no training image has a label; give at least one of them a label"
        )
    names = tuple(names) or tuple(sorted(known))
    return {split: Multihot.of_sets(parts, names) for split, parts in sets.items()}


def combined(names: Iterable[str], remedy: str) -> list[str]:
    """A note if class names look like combinations of labels: their parts are classes as well.

    Args:
        names: Class names.
        remedy: What to do if they are meant as several labels.
    """
    known = set(names)
    for separator in _SEPARATORS:
        parts = {name: distinct(name.split(separator)) for name in sorted(known)}
        whole = [name for name, of in parts.items() if len(of) > 1 and known.issuperset(of)]
        if whole:
            return [
                f"classes such as {whole[0]!r} look like several labels; if images have several "
                f"labels, {remedy}"
            ]
    return []


def exclusive(targets: Iterable[Targets], remedy: str) -> list[str]:
    """A note if several labels are possible, but each sample has exactly one.

    Args:
        targets: Targets of each split.
        remedy: What to do if they are meant as classes.
    """
    parts = [part for part in targets if isinstance(part, Multihot)]
    single = bool(parts) and all((part.values.sum(1) == 1).all() for part in parts)
    return [f"each image has exactly one label; to train on classes, {remedy}"] if single else []


def distinct(parts: Iterable[str]) -> tuple[str, ...]:
    """Names in their order, without surrounding blanks, repetitions and empty names."""
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in parts))))


def _cells(column: int, name: str, rows: Rows) -> tuple[LabelColumns | None, str]:
    match = _CELL.fullmatch(name)
    chosen = next(filter(None, match.groups()), "") if match else ""
    present = [s for s in _SEPARATORS if any(s in row[column] for _, row in rows)]
    separator = chosen or next(iter(present), "")
    if separator == ITEM_SEPARATOR:
        return Cells(column, separator), ""
    if not separator:
        return Cells(column, ""), f"column {name!r}: no image has more than one label"
    note = f"column {name!r}: labels are separated by {separator!r}"
    if not chosen:
        other = ";" if separator != ";" else "|"
        note += f" (for another separator, name the column e.g. 'labels({other})')"
    return Cells(column, separator), note


def _flag(cell: str) -> bool:
    return _FLAGS[cell.strip().lower()]


def _is_flag(cell: str) -> bool:
    return cell.strip().lower() in _FLAGS


def _not_flags(columns: Mapping[int, str], rows: Rows) -> tuple[int, str, str] | None:
    """The first cell of these columns that is not a flag: its line, column and value."""
    for line, row in rows:
        for column, name in columns.items():
            if not _is_flag(row[column]):
                return line, name, row[column].strip()
    return None


def _are_mostly_flags(columns: Mapping[int, str], rows: Rows) -> bool:
    """Whether most of the filled cells of each column are flags."""
    for column in columns:
        cells = [row[column] for _, row in rows if row[column].strip()]
        if 2 * sum(map(_is_flag, cells)) <= len(cells) > 0:
            return False
    return True


def _shown(columns: Mapping[int, str]) -> str:
    return listing(columns.values(), _SHOWN)
