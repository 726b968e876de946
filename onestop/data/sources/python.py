"""Data given in Python: arrays, torch data sets, or a mapping of splits to either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples, Samples
from onestop.data.sources import missing
from onestop.data.sources.as_task import Labels, read_labels
from onestop.data.sources.label_sets import combined, exclusive
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.sources.options import Options
from onestop.data.sources.python_labels import python_labels
from onestop.data.targets import Classes, Numbers, Targets
from onestop.data.torch_samples import TorchSamples
from onestop.errors import BadImageError, DataError
from onestop.images.arrays import image_stack
from onestop.text import listing

NAME = "(given in Python)"
_SPLITS = ("train", "val", "test")
_DEFAULTS = Options()
_FEW = 20  # different whole numbers that may be classes
_SETS = "give a set of names per image"


def open_python(source: Any, options: Options = _DEFAULTS) -> Dataset:
    """Take arrays or torch data sets.

    Args:
        source: `(inputs, targets)`; a torch data set of `(image, target)`; or a mapping of
            "train", "val", "test" to one of these. Inputs are images (`onestop.images.arrays`) or
            vectors [N, F] or [N] of floats; targets are class numbers, class names, or floats to
            predict. For several labels per image, they are a set of names each, or a matrix of 0
            and 1 with names: `(inputs, matrix, names)`.
        options: The task that targets are read for, where their type does not say it, and whether words
            for missing labels are names.

    Raises:
        DataError: Something else, or shapes that do not go together.
    """
    splits = source if isinstance(source, Mapping) else {"train": source}
    if unknown := [str(name) for name in splits if name not in _SPLITS]:
        raise DataError(f"splits {listing(unknown)}: splits are called train, val and test")
    if "train" not in splits:
        raise DataError(f"splits {listing(splits)}: a split 'train' is needed")
    pairs = [_is_pair(part) for part in splits.values()]
    if all(pairs):
        return _from_arrays(splits, options)
    sized = [hasattr(part, "__getitem__") and hasattr(part, "__len__") for part in splits.values()]
    if all(sized) and not any(pairs):
        return from_torch(splits, NAME, options)
    kinds = listing(type(part).__name__ for part in splits.values())
    raise DataError(
        f"source of type {kinds}: give (inputs, targets), a torch data set with a length, "
        "a path, or a mapping of splits to one of these"
    )


def _is_pair(part: Any) -> bool:
    """Whether it is `(inputs, targets)` or `(inputs, targets, names)`."""
    if isinstance(part, tuple) and len(part) == 3:
        return isinstance(part[2], list | tuple) and all(isinstance(n, str) for n in part[2])
    return isinstance(part, tuple | list) and len(part) == 2


def from_torch(datasets: Mapping[str, Any], name: str, options: Options = _DEFAULTS) -> Dataset:
    """Torch data sets, a split each, on one list of classes.

    Where a set of torchvision's keeps plain pixels (`data`) and would not change them, they are
    used directly.
    """
    targets = {split: _targets(dataset) for split, dataset in datasets.items()}
    own = {split: _class_names(dataset) for split, dataset in datasets.items()}
    names = {split: found or own["train"] for split, found in own.items()} if own["train"] else None
    columns = _columns(targets, names, name, options)
    return Dataset(name, {s: _samples(dataset, columns[s]) for s, dataset in datasets.items()})


def _from_arrays(splits: Mapping[str, Sequence[Any]], options: Options) -> Dataset:
    targets = {split: part[1] for split, part in splits.items()}
    own = {split: part[2] if len(part) > 2 else () for split, part in splits.items()}
    names = {split: names or own["train"] for split, names in own.items()}
    columns = _columns(targets, names if any(names.values()) else None, NAME, options)
    samples: dict[str, Samples] = {}
    for split, part in splits.items():
        values = _inputs(part[0], split)
        if len(values) != len(columns[split]):
            raise DataError(
                f"split {split!r}: {len(values)} inputs and {len(columns[split])} targets; "
                "one target an input is wanted"
            )
        samples[split] = ArraySamples(values, columns[split])
    classes, called = columns["train"].names, columns["train"].nouns[1]
    present = {s: [classes[k] for k in np.flatnonzero(c.counts())] for s, c in columns.items()}
    notes = [*oddities(present, classes, called), *combined(classes, _SETS)]
    notes += exclusive(columns.values(), "give a class name or number per image")
    if columns["train"].task == Numbers.task and options.task is None:
        notes += _maybe_classes(columns["train"].values)
    return Dataset(NAME, samples, notes=tuple(notes))


def _inputs(inputs: Any, split: str) -> Any:
    array = _array(inputs, f"inputs of split {split!r}")
    if not array.size:
        raise DataError(f"split {split!r}: holds no inputs")
    if array.ndim in (1, 2) and array.dtype.kind in "fiu":
        vectors = array.astype(np.float32).reshape(len(array), -1)
        if not np.isfinite(vectors).all():
            raise DataError(f"split {split!r}: inputs that are not numbers (NaN or infinite)")
        return vectors
    try:
        return image_stack(array)
    except BadImageError as error:
        raise DataError(f"split {split!r}: {error}") from None


def _array(values: Any, what: str) -> Any:
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{what}: differ in shape; bring them to one, or give a data set") from None


def _columns(
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
    arrays = {s: _array(part, f"targets of split {s!r}") for s, part in targets.items()}
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


def _class_names(dataset: Any) -> tuple[str, ...]:
    """What a set calls its classes; nothing where it changes their numbers."""
    if getattr(dataset, "target_transform", None):
        return ()
    # Torchvision gives some classes several names; the first is the usual one.
    names = getattr(dataset, "classes", None)
    return tuple(str(n[0] if isinstance(n, tuple | list) else n) for n in names or ())


def _targets(dataset: Any) -> Any:
    """The targets from where torchvision's sets and their likes keep them, else one by one."""
    if not getattr(dataset, "target_transform", None):
        for attribute in ("targets", "labels", "_labels"):
            if (values := _kept(dataset, attribute)) is not None:
                return values
        for attribute in ("samples", "_samples"):
            pairs = _kept(dataset, attribute)
            if pairs is not None and all(isinstance(pair, tuple) for pair in pairs):
                return [pair[1] for pair in pairs]
    return [dataset[index][1] for index in range(len(dataset))]


def _kept(dataset: Any, attribute: str) -> Any:
    """What a set keeps under this name, where that is a value a sample."""
    values: Any = getattr(dataset, attribute, None)
    return values if hasattr(values, "__len__") and len(values) == len(dataset) else None


def _samples(dataset: Any, targets: Targets) -> Samples:
    pixels = getattr(dataset, "data", None)
    if not type(dataset).__module__.startswith("torchvision."):
        pixels = None  # only its own code knows what it does with them
    changed = getattr(dataset, "transform", None) or getattr(dataset, "transforms", None)
    if pixels is not None and not changed and len(pixels) == len(targets):
        try:
            return ArraySamples(image_stack(pixels), targets)
        except BadImageError:
            pass
    return TorchSamples(dataset, targets, np.arange(len(targets)))
