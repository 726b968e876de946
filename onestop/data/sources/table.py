"""A table of paths and labels: CSV, or Parquet."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.multihot import Multihot
from onestop.data.samples import FileSamples
from onestop.data.sources import missing
from onestop.data.sources.as_task import Labels, read_labels
from onestop.data.sources.columns import (
    KNOWN,
    Columns,
    find_columns,
    find_label,
    groups_not_read,
    likely_label,
    no_label,
)
from onestop.data.sources.label_sets import (
    Flags,
    LabelColumns,
    OneEach,
    cells_of,
    combined,
    exclusive,
    find_labels,
    label_cells,
    why_not_flags,
)
from onestop.data.sources.labels import class_list, maybe_numbers, numbered, oddities
from onestop.data.sources.options import Options
from onestop.data.sources.split_columns import (
    SplitColumns,
    find_split_columns,
    seeming_splits,
)
from onestop.data.sources.split_names import split_of
from onestop.data.sources.table_file import ITEM_SEPARATOR, SUFFIXES, Table, read_table
from onestop.data.sources.table_paths import ImagePaths
from onestop.data.targets import Targets
from onestop.errors import DataError, UsageError
from onestop.text import listing, plural

__all__ = ["SUFFIXES", "dataset_of", "open_table"]

_DEFAULTS = Options()
_ODD_WORDS = ("none", "unlabeled", "unlabelled", "undefined", "missing")
"""Names of classes that may mean that there is no label."""


def open_table(path: Path, options: Options = _DEFAULTS, *, for_training: bool = True) -> Dataset:
    """Read a table with one row per image.

    Columns: `path` (or `image`, `filename`; relative to the table's folder), `label` (or `target`,
    `class`), and, if wanted, `split` (train, val, test) and `group` (images of one group are never
    divided between training and validation). Instead of `label`, images can have several labels, in
    one column `labels` or in several columns; see `onestop.data.sources.label_sets`.

    Args:
        path: The table.
        options: Which columns and folder are meant, where names do not say so.
        for_training: Whether to train.

    Raises:
        DataError: A missing column, file or value, or a doubled row; the message names the line.
        UsageError: A setting that does not fit the table.
    """
    table = read_table(path, KNOWN)
    if path.suffix.lower() == ".txt" and len(table.header) < 2:
        raise DataError(f"{path}: neither a folder nor a table ({listing(SUFFIXES)})")
    return dataset_of(table, path.parent, options, for_training=for_training)


def dataset_of(
    table: Table, base: Path, options: Options = _DEFAULTS, *, for_training: bool = True
) -> Dataset:
    """The data set that a table describes; see `open_table`.

    Args:
        table: Its cells.
        base: The folder at which paths start.
        options: Which columns and folder are meant.
        for_training: Whether to train.
    """
    paths = ImagePaths(base, _image_root(options, base, table), _suffix(options))
    columns = find_columns(table, options, paths)
    meaning = _meaning(table, columns, options)
    rows = _rows(table, columns, meaning, paths, options)
    if for_training and "train" not in rows:
        raise DataError(f"{table.source}: no row of the split 'train'")
    targets = _targets(rows, meaning, table.source, for_training=for_training)
    outside = [row.path for part in rows.values() for row in part if _leads_out(row.path)]
    notes = [*columns.notes, *meaning.notes]
    if outside:
        paths_lead = "a path leads" if len(outside) == 1 else f"{len(outside):,} paths lead"
        notes.append(f"{paths_lead} out of {base}: {listing(outside, 2)}")
    return Dataset(
        name=table.source,
        splits={
            split: FileSamples(base, [row.path for row in rows[split]], part)
            for split, part in targets.items()
        },
        notes=(*notes, *_odd(targets, rows, options)),
        groups={
            split: np.unique([row.group for row in part], return_inverse=True)[1]
            for split, part in rows.items()
        }
        if columns.group is not None
        else {},
    )


@dataclass(frozen=True)
class _Meaning:
    """What the columns beside the images mean."""

    labels: LabelColumns
    splits: SplitColumns
    task: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    line: int
    path: str
    labels: tuple[str, ...]
    group: str


def _meaning(table: Table, columns: Columns, options: Options) -> _Meaning:
    label = find_label(table, options)
    taken = {k for k in (columns.image, columns.group, label) if k is not None}
    flags = label is None and isinstance(_several(table, taken)[0], Flags)
    splits = find_split_columns(table, taken, flags=flags)
    taken |= set(splits.columns)
    labels, task, notes = _label_columns(table, label, taken, options)
    left = [k for k in range(len(table.header)) if k not in taken | set(labels.used)]
    notes += [*splits.notes, *seeming_splits(table, left), *groups_not_read(table, left)]
    if isinstance(labels, Flags):
        notes += [
            f"column {name!r} is read as a label; if it says which rows to use for what: is_{name}"
            for name in labels.names
            if split_of(name)
        ]
    if not splits.columns:
        notes += _split_folders(table.column(columns.image))
    return _Meaning(labels, splits, task, tuple(notes))


def _split_folders(cells: Sequence[str]) -> list[str]:
    """A note if the images lie in folders of several splits, where no column holds rows out."""
    folders = [set(map(split_of, PureWindowsPath(cell).parts[:-1])) - {None} for cell in cells]
    splits = {split for those in folders for split in those}
    if len(splits) < 2 or not all(folders):
        return []
    return [
        f"paths lie in folders of the splits {listing(sorted(map(str, splits)))}, which is not read: "
        "add a column split to hold rows out"
    ]


def _label_columns(
    table: Table, label: int | None, taken: Collection[int], options: Options
) -> tuple[LabelColumns, str | None, list[str]]:
    """Where the labels are, the task they are read for if it is not the usual one, and notes."""
    if label is not None:
        return _named_label(table, label, options)
    several, note = _several(table, taken)
    if several is not None:
        return several, options.task or Multihot.task, [note] if note else []
    label = likely_label(table, taken)
    if label is None:
        raise DataError(no_label(table, taken) + why_not_flags(table.header, table.rows, taken))
    return OneEach(label), options.task, [f"column {table.header[label]!r} is read as the label"]


def _several(table: Table, taken: Collection[int]) -> tuple[LabelColumns | None, str]:
    return find_labels(table.header, table.rows, taken, table.source)


def _named_label(
    table: Table, label: int, options: Options
) -> tuple[LabelColumns, str | None, list[str]]:
    """As `_label_columns`, for a column that is named as the label."""
    name, place, plural_ones = table.header[label], f"{table.source}:1", label_cells(table.header)
    if plural_ones and options.label_column is None:
        both = listing([name, *(table.header[k] for k in plural_ones)])
        raise DataError(f"{place}: columns {both} could all be the labels; remove one")
    if options.task == Multihot.task or (options.task is None and label in plural_ones):
        cells, note = cells_of(label, name, table.rows)
        return cells, Multihot.task, [note] if note else []
    if any(ITEM_SEPARATOR in cell for cell in table.column(label)):
        raise DataError(
            f"{place}: column {name!r} holds lists; name it 'labels' for several labels per image"
        )
    return OneEach(label), options.task, []


def _rows(
    table: Table, columns: Columns, meaning: _Meaning, paths: ImagePaths, options: Options
) -> dict[str, list[_Row]]:
    """The rows of each split."""
    rows: dict[str, list[_Row]] = {}
    seen: dict[str, int] = {}
    for line, row in table.rows:
        place = f"{table.source}:{line}"
        name = row[columns.image]
        if not name:
            raise DataError(f"{place}: no path; fill the cell or remove the row")
        labels = _labels(row, meaning.labels, place, options)
        path = paths.find(name)
        key = os.path.normpath(paths.base / (path or name))
        if key in seen:
            first = f"{name!r} stands in line {seen[key]} already"
            raise DataError(f"{place}: {first}; keep one of the rows")
        seen[key] = line
        if path is None:
            start = f"paths start at {paths.starts_at()}"
            raise DataError(f"{place}: no file {name!r}; {start}{paths.hint(name)}")
        group = row[columns.group] if columns.group is not None else ""
        split = meaning.splits.of(line, row)
        rows.setdefault(split, []).append(_Row(line, path, labels, group))
    return rows


def _labels(
    row: Sequence[str], columns: LabelColumns, place: str, options: Options
) -> tuple[str, ...]:
    """The labels of a row.

    Raises:
        DataError: There must be one and is none, or one is a word for a missing value.
    """
    labels = columns.labels(row)
    if not labels and isinstance(columns, OneEach):
        raise DataError(f"{place}: no label; fill the cell or remove the row")
    for label in labels:
        if not options.literal_labels and missing.is_word(label):
            raise DataError(f"{place}: {missing.refusal(label)}")
    return labels


def _targets(
    rows: Mapping[str, Sequence[_Row]], meaning: _Meaning, source: str, *, for_training: bool
) -> Mapping[str, Targets]:
    """The labels of each split as targets."""
    sets = {split: [row.labels for row in part] for split, part in rows.items()}
    if meaning.task is None:
        single = {split: [label for (label,) in part] for split, part in sets.items()}
        classes = class_list(single, source, for_training=for_training)
        return {split: numbered(names, classes) for split, names in single.items()}

    def place(split: str, index: int) -> str:
        return f"{source}:{rows[split][index].line}"

    names = meaning.labels.names
    labels = Labels(sets, place, source, names, for_training=for_training)
    return read_labels(labels, meaning.task)


def _odd(
    targets: Mapping[str, Targets], rows: Mapping[str, Sequence[_Row]], options: Options
) -> list[str]:
    """Notes on the classes or labels."""
    first = next(iter(targets.values()))
    names = first.names
    used = {s: [label for row in part for label in row.labels] for s, part in rows.items()}
    every = [label for part in used.values() for label in part]
    counts = {word: every.count(word) for word in set(every) if word.lower() in _ODD_WORDS}
    words = [
        f"{plural(count, 'row')} with the label {word!r}, read as a name; remove them if it means none"
        for word, count in sorted(counts.items())
    ]
    return [
        *oddities(used, names, first.nouns[1]),
        *combined(names, "name the column 'labels'"),
        *exclusive(targets.values(), "name the column 'label'"),
        *words,
        *maybe_numbers(used.get("train", []), names, options.task),
    ]


def _leads_out(path: str) -> bool:
    return not os.path.isabs(path) and os.path.normpath(path).startswith("..")  # noqa: PTH117


def _suffix(options: Options) -> str:
    suffix = options.suffix or ""
    return suffix if not suffix or suffix.startswith(".") else f".{suffix}"


def _image_root(options: Options, base: Path, table: Table) -> str:
    """The folder of the images, as it is reached from the table's."""
    folder = options.image_root
    if folder is None:
        return ""
    here = Path(folder).expanduser()
    if (base / here).is_dir():
        return "" if here == Path() else str(here)
    if here.is_dir():
        return os.path.relpath(here, base)
    raise UsageError(f"--image-root {folder}: no such folder beside {table.source}")
