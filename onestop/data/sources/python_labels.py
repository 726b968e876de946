"""Several labels per sample given in Python: a set of names each, or a matrix of 0 and 1.

Legend: N samples of a split, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.multihot import Multihot
from onestop.data.sources.label_sets import each_once, label_sets
from onestop.errors import DataError


def python_labels(
    targets: Mapping[str, Any], names: Mapping[str, Sequence[str]], source: str
) -> dict[str, Multihot] | None:
    """Targets given in Python if they are several labels per sample; None if they are not.

    Args:
        targets: Of each split: a sequence of sets (lists, tuples) of labels, or a matrix [N, L] of 0
            and 1, with `columns` if it is a table.
        names: Of each split the list of labels; empty if it is not known.
        source: What the source is called in an error.

    Raises:
        DataError: Labels that are not on the list, or matrices and names that do not go together.
    """
    known = {s: tuple(names[s]) or _column_names(part) for s, part in targets.items()}
    if all(_are_sets(part) for part in targets.values()):
        sets = {s: [_names(of, known[s]) for of in part] for s, part in targets.items()}
        if known["train"]:
            return label_sets(sets, source, known["train"], for_training=False)
        return label_sets(sets, source, _in_order(sets["train"]))
    matrices = {s: _matrix(part, named=bool(known[s])) for s, part in targets.items()}
    if any(matrix is None for matrix in matrices.values()):
        return None
    own = {s: _numbered(m, known[s], f"{source}: split {s!r}") for s, m in matrices.items()}
    sets = {s: [part.words(k) for k in range(len(part))] for s, part in own.items()}
    return label_sets(sets, source, own["train"].names, for_training=False)


def _column_names(values: Any) -> tuple[str, ...]:
    """The names of a table's columns; none of an array."""
    return tuple(str(name) for name in getattr(values, "columns", ()))


def _are_sets(values: Any) -> bool:
    """Whether these are a set of labels per sample: of names, or of numbers in any number."""
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "US":
        return True
    if getattr(getattr(values, "dtype", None), "kind", "") == "O":
        values = list(values)
    if not isinstance(values, list | tuple) or not values:
        return False
    if not all(isinstance(labels, set | frozenset | list | tuple) for labels in values):
        return False
    items = {type(label) for labels in values for label in labels}
    if not all(issubclass(kind, str | int | np.integer) for kind in items):
        return False
    if any(issubclass(kind, str) for kind in items) or any(map(_is_set, values)):
        return True
    return len({len(labels) for labels in values}) > 1  # else it is a matrix


def _is_set(labels: Any) -> bool:
    return isinstance(labels, set | frozenset)


def _names(labels: Iterable[Any], known: Sequence[str]) -> tuple[str, ...]:
    """The labels of a sample by name; whole numbers are positions in the list of names, if any."""
    numbered = [known[n] if known and _is_position(n, known) else str(n) for n in labels]
    return each_once(numbered)


def _in_order(sets: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """The labels of some samples, sorted: numbers as such."""
    labels = set().union(*sets)
    return tuple(sorted(labels, key=int if all(map(str.isdecimal, labels)) else None))


def _is_position(label: Any, known: Sequence[str]) -> bool:
    return isinstance(label, int | np.integer) and 0 <= int(label) < len(known)


def _matrix(values: Any, *, named: bool) -> Any:
    """Values as a matrix of 0 and 1; None if they are not one. Only names make one column a matrix."""
    try:
        matrix = np.asarray(values)
    except ValueError:
        return None
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf" or matrix.shape[1] < (1 if named else 2):
        return None
    return matrix if np.isin(matrix, (0, 1)).all() else None


def _numbered(matrix: Any, names: Sequence[str], place: str) -> Multihot:
    names = tuple(names) or tuple(str(k) for k in range(matrix.shape[1]))
    if len(names) != matrix.shape[1]:
        raise DataError(f"{place}: {matrix.shape[1]} columns of targets and {len(names)} names")
    if len(set(names)) < len(names):
        raise DataError(f"{place}: two labels of one name")
    return Multihot(matrix, names)
