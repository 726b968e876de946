"""Several labels per image, as tables hold them, and sets of labels brought onto one list.

A table has them in a cell (`ants|outdoor`), in a column per label (0 or 1), or in columns label1,
label2, ...

Legend: N images of a split, L labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onestop.data.multihot import Multihot
from onestop.data.names import key_of, one_each, positions
from onestop.data.sources.table_file import LISTED
from onestop.data.targets import Targets
from onestop.errors import DataError
from onestop.text import listing, plural

_SEPARATORS = (LISTED, "|", ";", ",")
_CELL = re.compile(r"labels\s*(?:\((.)\)|\[(.)\])?", re.IGNORECASE)
_COUNTED = re.compile(r"(?:labels?|class|tag)[ _-]?\d+", re.IGNORECASE)
_FLAGS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_SHOWN = 12  # columns that a note names


@dataclass(frozen=True)
class Cells:
    """One column whose cells hold labels with a separator between them; none where it is empty."""

    column: int
    separator: str
    names: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[int, ...]:
        """The columns that hold labels."""
        return (self.column,)

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row, each once."""
        parts = row[self.column].split(self.separator) if self.separator else [row[self.column]]
        return each_once(parts)


@dataclass(frozen=True)
class Columns:
    """Columns whose cells hold a label each, or none where they are empty."""

    columns: tuple[int, ...]
    names: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[int, ...]:
        """The columns that hold labels."""
        return self.columns

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row, each once."""
        return each_once(row[column] for column in self.columns)


@dataclass(frozen=True)
class Flags:
    """A column per label, which says of each image whether it has it."""

    columns: Mapping[int, str]

    @property
    def used(self) -> tuple[int, ...]:
        """The columns that hold labels."""
        return tuple(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """All labels, also those that no image has."""
        return tuple(sorted(self.columns.values()))

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The labels in a row."""
        return tuple(name for column, name in self.columns.items() if _flag(row[column]))


@dataclass(frozen=True)
class OneEach:
    """One column whose cells hold a label each."""

    column: int
    names: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[int, ...]:
        """The columns that hold labels."""
        return (self.column,)

    def labels(self, row: Sequence[str]) -> tuple[str, ...]:
        """The label in a row; none if the cell is empty."""
        return (row[self.column],) if row[self.column] else ()


LabelColumns = Cells | Columns | Flags | OneEach


def find_labels(
    header: Sequence[str], rows: Sequence[Sequence[str]], others: Iterable[int], place: str
) -> tuple[LabelColumns | None, str]:
    """Where a table has several labels per image, and a sentence about it; None if it has not.

    Args:
        header: Names of the columns.
        rows: All cells.
        others: Columns that hold something else: the path, the split, the group, a single label.
        place: Where the header stands, for errors.

    Raises:
        DataError: There is more than one place for labels, or two columns of one name.
    """
    names = {k: name.strip() for k, name in enumerate(header)}
    cells = [k for k, name in names.items() if _CELL.fullmatch(name)]
    if len(cells) > 1:
        both = listing(names[k] for k in cells)
        raise DataError(f"{place}: columns {both} could all be the labels; rename one")
    if cells:
        return cells_of(cells[0], names[cells[0]], rows)
    counted = {k: name for k, name in names.items() if _COUNTED.fullmatch(name)}
    if counted and _not_a_flag(counted, rows):
        return Columns(tuple(counted)), f"labels are in the columns {_shown(counted.values())}"
    rest = {k: name for k, name in names.items() if name and k not in others}
    if len(rest) < 2 or not rows or _not_a_flag(rest, rows):
        return None, ""
    if doubled := sorted({n for n in rest.values() if list(rest.values()).count(n) > 1}):
        raise DataError(f"{place}: two columns are called {listing(doubled)}; rename one")
    note = f"columns {_shown(rest.values())} are taken for labels: 1 where an image has one"
    return Flags(rest), note


def why_no_flags(
    header: Sequence[str], rows: Sequence[Sequence[str]], others: Iterable[int]
) -> str:
    """Half a sentence on why other columns are not labels; empty if there are not two of them."""
    rest = {k: n.strip() for k, n in enumerate(header) if n.strip() and k not in others}
    if len(rest) < 2 or not (wrong := _not_a_flag(rest, rows)):
        return ""
    return f"; a column of 0 and 1 per label would do too, but {wrong}"


def label_sets(
    sets: Mapping[str, Sequence[Iterable[str]]],
    source: str,
    names: Sequence[str] = (),
    *,
    for_training: bool = True,
) -> dict[str, Multihot]:
    """The targets of each split on one list of labels.

    Args:
        sets: For each split the labels of each image.
        source: What the source is called in an error.
        names: The list of labels; those of the training split, sorted by name, if empty.
        for_training: Whether all labels must be in the training split, and one at least.

    Raises:
        DataError: A split has a label that is not on the list, or there is none at all.
    """
    sets = _in_one_spelling(sets, names)
    used = {split: set().union(*parts) for split, parts in sets.items()}
    known = set(names) or (used["train"] if for_training else set().union(*used.values()))
    for split, labels in used.items():
        if unknown := sorted(labels - known):
            what = f"split {split!r} has {plural(len(unknown), 'label')} that"
            if names:
                raise DataError(f"{source}: {what} the list of names lacks: {listing(unknown)}")
            raise DataError(
                f"{source}: {what} 'train' lacks: {listing(unknown)}; add images of them to 'train' "
                f"or remove them from {split!r}"
            )
    if not known or (for_training and not used["train"]):
        raise DataError(f"{source}: no training image has a label; one label at least is needed")
    names = tuple(names) or tuple(sorted(known))
    return {split: Multihot.of_sets(parts, names) for split, parts in sets.items()}


def _in_one_spelling(
    sets: Mapping[str, Sequence[Iterable[str]]], names: Sequence[str]
) -> dict[str, list[list[str]]]:
    """The same sets with each label spelled as in the list of names, or else in one way."""
    listed = {split: [list(labels) for labels in parts] for split, parts in sets.items()}
    every = {label for parts in listed.values() for labels in parts for label in labels}
    known = [*names, *one_each(every)]
    place = positions(known)
    spelled = {label: label if label in names else known[place[key_of(label)]] for label in every}
    return {s: [[spelled[of] for of in labels] for labels in parts] for s, parts in listed.items()}


def combined(names: Iterable[str], way: str) -> list[str]:
    """A sentence if classes look like several labels in one: their parts are classes too.

    Args:
        names: Of classes.
        way: How to have them taken for several labels.
    """
    known = set(names)
    for separator in _SEPARATORS:
        parts = {name: each_once(name.split(separator)) for name in sorted(known)}
        whole = [name for name, of in parts.items() if len(of) > 1 and known.issuperset(of)]
        if whole:
            return [f"combinations such as {whole[0]!r} look like several labels per image; {way}"]
    return []


def exclusive(targets: Iterable[Targets], way: str) -> list[str]:
    """A sentence if several labels are possible and yet each sample has exactly one.

    Args:
        targets: Of each split.
        way: How to have them taken for classes.
    """
    parts = [part for part in targets if isinstance(part, Multihot)]
    alone = bool(parts) and all((part.values.sum(1) == 1).all() for part in parts)
    return [f"each image has exactly one label; {way}"] if alone else []


def is_plural(name: str) -> bool:
    """Whether a column of this name holds any number of labels: `labels`, `labels(;)`."""
    return _CELL.fullmatch(name) is not None


def cells_of(column: int, name: str, rows: Sequence[Sequence[str]]) -> tuple[Cells, str]:
    """A column whose cells hold any number of labels, and a sentence about their separator."""
    match = _CELL.fullmatch(name)
    given = next(filter(None, match.groups()), "") if match else ""
    there = [s for s in _SEPARATORS if any(s in row[column] for row in rows)]
    separator = given or next(iter(there), "")
    if separator == LISTED:
        return Cells(column, separator), ""
    if not separator:
        return Cells(column, ""), f"no cell of {name!r} holds several labels"
    note = f"labels of an image are separated by {separator!r} in the column {name!r}"
    if not given:
        other = ";" if separator != ";" else "|"
        note += f" (name the column 'labels({other})' for another one)"
    return Cells(column, separator), note


def each_once(parts: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks around them and without repetitions; empty ones are none."""
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in parts))))


def _flag(cell: str) -> bool:
    return _FLAGS[cell.strip().lower()]


def _not_a_flag(columns: Mapping[int, str], rows: Sequence[Sequence[str]]) -> str:
    """A cell of these columns that says neither yes nor no, in words."""
    for row in rows:
        for column, name in columns.items():
            if row[column].strip().lower() not in _FLAGS:
                return f"{name!r} holds {row[column].strip()!r}"
    return ""


def _shown(names: Iterable[str]) -> str:
    return listing(names, _SHOWN)
