"""Several labels per sample as Python objects: a set of names each, or a matrix of 0 and 1.

Legend: N samples of a split, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.multihot import Multihot
from onestop.data.sources.label_sets import distinct, label_sets
from onestop.errors import DataError
from onestop.text import listing, plural


def python_labels(
    targets: Mapping[str, Any], names: Mapping[str, Sequence[str]], source: str
) -> dict[str, Multihot] | None:
    """The targets of each split if they are several labels per sample; otherwise None.

    Args:
        targets: For each split a sequence of sets (lists, tuples) of labels, or a matrix [N, L] of 0
            and 1; a DataFrame brings its `columns`.
        names: The list of labels of each split; empty if unknown.
        source: Name of the source in error messages.

    Raises:
        DataError: A label is not on the list, or a matrix and its names do not match.
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
    """The column names of a DataFrame; none for an array."""
    return tuple(str(name) for name in getattr(values, "columns", ()))


def _are_sets(values: Any) -> bool:
    """Whether the values are collections of labels: of names, or of numbers and unequal in length."""
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
    return len({len(labels) for labels in values}) > 1  # otherwise it is a matrix


def _is_set(labels: Any) -> bool:
    return isinstance(labels, set | frozenset)


def _names(labels: Iterable[Any], known: Sequence[str]) -> tuple[str, ...]:
    """The labels of a sample by name; integers are positions in the list of names, if there is one."""
    numbered = [known[n] if known and _is_position(n, known) else str(n) for n in labels]
    return distinct(numbered)


def _in_order(sets: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """The labels of some samples, sorted; numbers by value."""
    labels = set().union(*sets)
    return tuple(sorted(labels, key=int if all(map(str.isdecimal, labels)) else None))


def _is_position(label: Any, known: Sequence[str]) -> bool:
    return isinstance(label, int | np.integer) and 0 <= int(label) < len(known)


def _matrix(values: Any, *, named: bool) -> Any:
    """Values as a matrix of 0 and 1, or None; a single column is a matrix only if it has a name."""
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
        raise DataError(
            f"{place}: {plural(matrix.shape[1], 'column')} of targets and {plural(len(names), 'name')}"
            "; give one name per column"
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{place}: two labels are called {listing(doubled)}; rename one")
    return Multihot(matrix, names)
