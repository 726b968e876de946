"""Data given in Python: arrays, torch data sets, or a mapping of splits to either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples, Samples, TorchSamples
from onestop.data.sources.label_sets import combined, exclusive
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.sources.python_labels import python_labels
from onestop.data.targets import Classes, Numbers, Targets
from onestop.errors import BadImageError, DataError
from onestop.images.arrays import images_array
from onestop.text import listing

NAME = "(given in Python)"
_SPLITS = ("train", "val", "test")
_SETS = "give a set of names per image"


def open_python(source: Any) -> Dataset:
    """Take arrays or torch data sets.

    Args:
        source: `(inputs, targets)`; a torch data set of `(image, target)`; or a mapping of
            "train", "val", "test" to one of these. Inputs are images (see `images_array`) or vectors
            [N, F] or [N] of floats; targets are class numbers, class names, or floats to predict. For
            several labels per image, they are a set of names each, or a matrix of 0 and 1 with
            names: `(inputs, matrix, names)`.

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
        return _from_arrays(splits)
    sized = [hasattr(part, "__getitem__") and hasattr(part, "__len__") for part in splits.values()]
    if all(sized) and not any(pairs):
        return from_torch(splits, NAME)
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


def from_torch(datasets: Mapping[str, Any], name: str) -> Dataset:
    """Torch data sets, a split each, on one list of classes.

    Where a set of torchvision's keeps plain pixels (`data`) and would not change them, they are
    used directly.
    """
    targets = {split: _targets(dataset) for split, dataset in datasets.items()}
    own = {split: _class_names(dataset) for split, dataset in datasets.items()}
    names = {split: found or own["train"] for split, found in own.items()} if own["train"] else None
    columns = _columns(targets, names, name)
    return Dataset(name, {s: _samples(dataset, columns[s]) for s, dataset in datasets.items()})


def _from_arrays(splits: Mapping[str, Sequence[Any]]) -> Dataset:
    targets = {split: part[1] for split, part in splits.items()}
    own = {split: part[2] if len(part) > 2 else () for split, part in splits.items()}
    names = {split: names or own["train"] for split, names in own.items()}
    columns = _columns(targets, names if any(names.values()) else None, NAME)
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
        return images_array(array)
    except BadImageError as error:
        raise DataError(f"split {split!r}: {error}") from None


def _array(values: Any, what: str) -> Any:
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{what}: differ in shape; bring them to one, or give a data set") from None


def _columns(
    targets: Mapping[str, Any], names: Mapping[str, Sequence[str]] | None, source: str
) -> Mapping[str, Targets]:
    """The targets of each split, on one list of classes or labels.

    `names` are what the numbers of each split stand for, where that is known.
    """
    several = python_labels(targets, names or dict.fromkeys(targets, ()), source)
    if several is not None:
        return several
    arrays = {s: _array(part, f"targets of split {s!r}") for s, part in targets.items()}
    return _one_each(arrays, names, source)


def _one_each(
    targets: Mapping[str, Any], names: Mapping[str, Sequence[str]] | None, source: str
) -> dict[str, Targets]:
    """The targets of each split, one per sample."""
    targets = {s: t[:, 0] if t.ndim == 2 and t.shape[1] == 1 else t for s, t in targets.items()}
    if any(part.ndim != 1 for part in targets.values()):
        raise DataError(
            f"{source}: targets must be one number or name a sample; for several labels, a set of "
            "names per sample or a matrix of 0 and 1"
        )
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
        labels = {split: [str(label) for label in part] for split, part in targets.items()}
    found = class_list(labels, source)
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
            return ArraySamples(images_array(pixels), targets)
        except BadImageError:
            pass
    return TorchSamples(dataset, targets, np.arange(len(targets)))
