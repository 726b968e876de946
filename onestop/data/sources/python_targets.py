"""The targets of data given in Python, of all splits on one list of classes or labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.sources import missing
from onestop.data.sources.as_task import Labels, read_labels
from onestop.data.sources.label_sets import combined, exclusive
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.sources.options import Options
from onestop.data.sources.python_labels import python_labels
from onestop.data.targets import Classes, Numbers, Targets
from onestop.errors import DataError
from onestop.images.forms import is_array, plain_array

_FEW = 20  # different whole numbers that may be classes


def python_targets(
    targets: Mapping[str, Any],
    names: Mapping[str, Sequence[str]] | None,
    source: str,
    options: Options,
) -> Mapping[str, Targets]:
    """The targets of each split, on one list of classes or labels.

    `names` are what the numbers of each split stand for, where that is known.
    """
    _refuse_missing(targets, source, options)
    several = python_labels(targets, names or dict.fromkeys(targets, ()), source)
    if several is not None and options.task is None:
        return several
    if several is not None:
        words = {s: [part.words(k) for k in range(len(part))] for s, part in several.items()}
        return _for_task(words, source, options.task)
    arrays = {s: array_of(part, f"targets of split {s!r}") for s, part in targets.items()}
    arrays = _one_column(arrays, source)
    if options.task == Classes.task:
        whole = {s: _whole(part) for s, part in arrays.items()}
        return _one_each(whole, names, source, sure=True)
    if options.task is None:
        return _one_each(arrays, names, source)
    texts = {s: [(text,) for text in _texts(part, names, s)] for s, part in arrays.items()}
    return _for_task(texts, source, options.task)


def _for_task(
    sets: Mapping[str, Sequence[tuple[str, ...]]], source: str, task: str | None
) -> Mapping[str, Targets]:
    """Labels in words as targets of a task."""

    def place(split: str, index: int) -> str:
        return f"{source}: #{index} of split {split!r}"

    return read_labels(Labels(sets, place, source), str(task))


def _refuse_missing(targets: Mapping[str, Any], source: str, options: Options) -> None:
    for split, part in targets.items():
        if (index := missing.missing_at(part)) is not None:
            raise DataError(f"{source}: #{index} of split {split!r}: no label; {missing.FIX}")
        if not options.literal_labels and (word := missing.word_at(part)):
            raise DataError(f"{source}: #{word[0]} of split {split!r}: {missing.refusal(word[1])}")


def _texts(labels: Any, names: Mapping[str, Sequence[str]] | None, split: str) -> list[str]:
    """Labels in words, one each; numbers of classes by their names."""
    if names is not None and labels.dtype.kind in "iu":
        _check_range(labels, len(names[split]), f"split {split!r}")
        return [names[split][number] for number in labels]
    return [_text(label) for label in labels]


def _whole(labels: Any) -> Any:
    """Numbers of classes that came as floats, as whole numbers; other floats as text."""
    if labels.dtype.kind != "f":
        return labels
    same = (labels == np.rint(labels)).all()
    return labels.astype(np.int64) if same else np.array([str(label) for label in labels])


def _text(label: Any) -> str:
    """A label in words: whole numbers without a fraction, bytes decoded."""
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def target_notes(columns: Mapping[str, Targets], options: Options) -> tuple[str, ...]:
    """What a person should know of the targets of each split."""
    train = columns["train"]
    classes = train.names
    present = {s: [classes[k] for k in np.flatnonzero(c.counts())] for s, c in columns.items()}
    notes = [*oddities(present, classes, train.nouns[1])]
    notes += combined(classes, "give a set of names per image")
    notes += exclusive(columns.values(), "give a class name or number per image")
    if train.task == Numbers.task and options.task is None:
        notes += _maybe_classes(train.values)
    return tuple(notes)


def _maybe_classes(values: Any) -> list[str]:
    """A note if floats, which are numbers to predict, look like numbers of classes."""
    if not (values == np.rint(values)).all() or len(np.unique(values)) > _FEW:
        return []
    return [
        "targets are floats, so they are numbers to predict; for classes: task='classification'"
    ]


def _one_column(targets: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Targets as arrays [N]."""
    targets = {s: t[:, 0] if t.ndim == 2 and t.shape[1] == 1 else t for s, t in targets.items()}
    if any(part.ndim != 1 for part in targets.values()):
        raise DataError(
            f"{source}: targets must be one number or name a sample; for several labels, a set of "
            "names per sample or a matrix of 0 and 1"
        )
    return targets


def _one_each(
    targets: Mapping[str, Any],
    names: Mapping[str, Sequence[str]] | None,
    source: str,
    *,
    sure: bool = False,
) -> dict[str, Targets]:
    """The targets of each split, one per sample; `sure` if they are known to be classes."""
    if all(part.dtype.kind == "f" for part in targets.values()):
        if not all(np.isfinite(part).all() for part in targets.values()):
            raise DataError(f"{source}: targets that are not numbers (NaN or infinite)")
        return {split: Numbers(part.astype(np.float32)) for split, part in targets.items()}
    whole = all(part.dtype.kind in "iu" for part in targets.values())
    if whole and names is not None:
        for split, part in targets.items():
            _check_range(part, len(names[split]), f"{source}: split {split!r}")
        if len(set(map(tuple, names.values()))) == 1:
            own = names["train"]
            return {s: Classes(part.astype(np.int64), own) for s, part in targets.items()}
        labels = {split: [names[split][i] for i in part] for split, part in targets.items()}
    else:
        labels = {split: [_text(label) for label in part] for split, part in targets.items()}
    found = class_list(labels, source, sure=sure)
    if whole and names is None:
        found = tuple(sorted(found, key=int))
    return {split: numbered(part, found) for split, part in labels.items()}


def _check_range(targets: Any, classes: int, place: str) -> None:
    wrong = targets[(targets < 0) | (targets >= classes)]
    if len(wrong):
        raise DataError(
            f"{place}: target {wrong[0]} is the number of none of its {classes} classes, "
            f"0 to {classes - 1}"
        )


def array_of(values: Any, what: str) -> Any:
    """Values as an array of NumPy's.

    Raises:
        DataError: They differ in shape; `what` names them.
    """
    try:
        return plain_array(values) if is_array(values) else np.asarray(values)
    except ValueError:
        raise DataError(f"{what}: differ in shape; bring them to one, or give a data set") from None
