"""A table of paths and labels: CSV, or Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.samples import FileSamples
from onestop.data.sources.folder import SPLIT_FOLDERS
from onestop.data.sources.frames import PATHS
from onestop.data.sources.label_sets import (
    ITEM_SEPARATOR,
    LabelColumns,
    Rows,
    combined,
    exclusive,
    find_labels,
    label_cells,
    label_sets,
    why_not_flags,
)
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.targets import Targets
from onestop.errors import DataError, UsageError
from onestop.text import did_you_mean, listing

SUFFIXES = (".csv", ".tsv", ".parquet")
_COLUMNS = {
    "path": PATHS,
    "label": ("label", "target", "class"),
    "split": ("split",),
    "group": ("group",),
}


def open_table(path: Path, *, for_training: bool = True) -> Dataset:
    """Read a table with one row per image.

    Columns: `path` (or `image`, `filename`; relative to the table's folder), `label` (or `target`,
    `class`), and, if wanted, `split` (train, val, test) and `group` (images of one group are never
    divided between training and validation). Instead of `label`, images can have several labels, in
    one column `labels` or in several columns; see `onestop.data.sources.label_sets`.

    Raises:
        DataError: A missing column, file or value, or a doubled row; the message names the line.
    """
    header, rows = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    return from_rows(header, rows, path, path.parent, for_training=for_training)


def from_rows(
    header: Sequence[str], rows: Rows, path: Path, root: Path, *, for_training: bool = True
) -> Dataset:
    """The images of a table that has been read; see `open_table`.

    Args:
        header: Names of the columns.
        rows: The cells of each row.
        path: What the table is called.
        root: Where relative paths start.
        for_training: Whether it is to be trained on.
    """
    columns = _columns(header, path)
    several, notes = _several(header, rows, columns, path)
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[Any]] = {}
    groups: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for line, row in rows:
        place = f"{path}:{line}"
        cells = {kind: row[column].strip() for kind, column in columns.items()}
        for kind in ("path", "label"):
            if not cells.get(kind, several):
                raise DataError(f"{place}: no {kind}; fill the cell or remove the row")
        file = os.path.normpath(cells["path"])
        if file in seen:
            first = f"{cells['path']!r} stands in line {seen[file]} already"
            raise DataError(f"{place}: {first}; keep one of the rows")
        seen[file] = line
        if not (root / file).is_file():
            raise DataError(f"{place}: no file {cells['path']!r}; paths start at {root}")
        split = _split(cells.get("split", "train"), place)
        paths.setdefault(split, []).append(cells["path"])
        labels.setdefault(split, []).append(several.labels(row) if several else cells["label"])
        groups.setdefault(split, []).append(cells.get("group", ""))
    if for_training and "train" not in paths:
        raise DataError(f"{path}: no row of the split 'train'")
    targets: Mapping[str, Targets]
    if several:
        targets = label_sets(labels, str(path), several.names, for_training=for_training)
    else:
        classes = class_list(labels, str(path), for_training=for_training)
        targets = {split: numbered(names, classes) for split, names in labels.items()}
    return Dataset(
        name=str(path),
        splits={s: FileSamples(root, paths[s], part) for s, part in targets.items()},
        notes=(*notes, *_odd(targets)),
        groups={s: np.unique(g, return_inverse=True)[1] for s, g in groups.items()}
        if "group" in columns
        else {},
    )


def _odd(targets: Mapping[str, Targets]) -> list[str]:
    """Notes on the classes or labels."""
    first = next(iter(targets.values()))
    names = first.names
    present = {s: [names[k] for k in np.flatnonzero(t.counts())] for s, t in targets.items()}
    return [
        *oddities(present, names, first.nouns[1]),
        *combined(names, "name the column 'labels'"),
        *exclusive(targets.values(), "name the column 'label'"),
    ]


def _several(
    header: Sequence[str], rows: Rows, columns: Mapping[str, int], path: Path
) -> tuple[LabelColumns | None, list[str]]:
    """The columns with several labels per image, and notes on them; None if there is a class column."""
    if "label" in columns:
        _check_single(header, rows, columns["label"], path)
        return None, []
    others = columns.values()
    several, note = find_labels(header, rows, others, str(path))
    if several is None:
        raise DataError(_no_column("label", header, path) + why_not_flags(header, rows, others))
    return several, [note] if note else []


def _check_single(header: Sequence[str], rows: Rows, column: int, path: Path) -> None:
    """Stop if a class column holds lists, or if there is a column `labels` too."""
    name = header[column].strip()
    if several := label_cells(header):
        both = listing([name, *(header[k].strip() for k in several)])
        raise DataError(f"{path}:1: columns {both} could all be the labels; remove one")
    if any(ITEM_SEPARATOR in row[column] for _, row in rows):
        raise DataError(
            f"{path}:1: column {name!r} holds lists; name it 'labels' for several labels per image"
        )


def _read_csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        # utf-8-sig: spreadsheets put a byte order mark first.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            header = next(reader, [])
            rows = []
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(
                        f"{path}:{reader.line_num}: {len(row)} values under {len(header)} columns"
                    )
                rows.append((reader.line_num, row))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no CSV in UTF-8 ({error})") from None
    return header, rows


def _read_parquet(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise UsageError(
            f"{path}: reading Parquet needs pyarrow: pip install 'onestop-vision[parquet]'"
        ) from None
    try:
        table = parquet.read_table(path)
    except (ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: no Parquet file ({str(error).splitlines()[0]})") from None
    cells = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return list(table.column_names), list(enumerate(rows, start=1))


def _text(value: Any) -> str:
    """A value as a cell of a CSV file; the items of a list are joined."""
    if isinstance(value, list):
        return ITEM_SEPARATOR.join(map(_text, value))
    return "" if value is None else str(value)


def _columns(header: Sequence[str], path: Path) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    found = {}
    for kind, spellings in _COLUMNS.items():
        matches = [names.index(spelling) for spelling in spellings if spelling in names]
        if len(matches) > 1:
            both = listing(header[i] for i in matches)
            raise DataError(f"{path}:1: columns {both} could all be the {kind}; rename one")
        if matches:
            found[kind] = matches[0]
    if "path" not in found:
        raise DataError(_no_column("path", header, path))
    return found


def _no_column(kind: str, header: Sequence[str], path: Path) -> str:
    names = [name.strip().lower() for name in header]
    near = next((s for s in (did_you_mean(n, _COLUMNS[kind]) for n in names) if s), "")
    return (
        f"{path}:1: no column for the {kind} ({listing(_COLUMNS[kind])}); "
        f"there is {listing(header)}{near}"
    )


def _split(text: str, place: str) -> str:
    name = text.lower() or "train"
    if name not in SPLIT_FOLDERS:
        raise DataError(f"{place}: split {text!r} is none of train, val, test")
    return SPLIT_FOLDERS[name]
