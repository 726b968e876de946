"""Data given in Python: arrays, torch data sets, or a mapping of splits to either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.decode import BadImageError
from onestop.data.samples import ArraySamples, Samples, Targets, TorchSamples, images_array
from onestop.data.sources.labels import class_list, numbers, oddities
from onestop.errors import DataError, listing

NAME = "(given in Python)"
_SPLITS = ("train", "val", "test")


def open_python(source: Any) -> Dataset:
    """Take arrays or torch data sets.

    Args:
        source: `(inputs, targets)`; a torch data set of `(image, target)`; or a mapping of
            "train", "val", "test" to either. Inputs are images (see `images_array`) or vectors
            [N, F] or [N] of floats; targets are class numbers, class names, or floats to predict.

    Raises:
        DataError: Something else, or shapes that do not go together.
    """
    splits = source if isinstance(source, Mapping) else {"train": source}
    if unknown := [str(name) for name in splits if name not in _SPLITS]:
        raise DataError(f"splits {listing(unknown)}: splits are called train, val and test")
    if "train" not in splits:
        raise DataError(f"splits {listing(splits)}: a split 'train' is needed")
    if all(isinstance(part, tuple | list) and len(part) == 2 for part in splits.values()):
        return _from_arrays(splits)
    if all(hasattr(part, "__getitem__") and hasattr(part, "__len__") for part in splits.values()):
        return from_torch(splits, NAME)
    kinds = listing(type(part).__name__ for part in splits.values())
    raise DataError(
        f"source of type {kinds}: give (inputs, targets), a torch data set with a length, "
        "a path, or a mapping of splits to these"
    )


def from_torch(datasets: Mapping[str, Any], name: str) -> Dataset:
    """Torch data sets, a split each, on one list of classes.

    Where a set keeps plain pixels (`data`) and would not change them, they are used directly.
    """
    targets = {split: _targets(dataset) for split, dataset in datasets.items()}
    names = getattr(datasets["train"], "classes", None)
    classes, mapped = _classes(targets, names, name)
    splits = {s: _samples(dataset, mapped[s]) for s, dataset in datasets.items()}
    return Dataset(name, classes, splits)


def _from_arrays(splits: Mapping[str, Sequence[Any]]) -> Dataset:
    targets = {split: np.asarray(part[1]) for split, part in splits.items()}
    classes, mapped = _classes(targets, None, NAME)
    samples: dict[str, Samples] = {}
    for split, (inputs, _) in splits.items():
        values = _inputs(inputs, split)
        if len(values) != len(mapped[split]):
            raise DataError(
                f"split {split!r}: {len(values)} inputs and {len(mapped[split])} targets; "
                "one target an input is wanted"
            )
        samples[split] = ArraySamples(values, mapped[split])
    labels = {s: [classes[i] for i in t] for s, t in mapped.items()} if classes else {}
    return Dataset(NAME, classes, samples, notes=tuple(oddities(labels, classes)))


def _inputs(inputs: Any, split: str) -> Any:
    array = np.asarray(inputs)
    if array.ndim in (1, 2) and array.dtype.kind in "fiu":
        vectors = array.astype(np.float32).reshape(len(array), -1)
        if not np.isfinite(vectors).all():
            raise DataError(f"split {split!r}: inputs that are not numbers (NaN or infinite)")
        return vectors
    try:
        return images_array(array)
    except BadImageError as error:
        raise DataError(f"split {split!r}: {error}") from None


def _classes(
    targets: Mapping[str, Any], names: Sequence[Any] | None, source: str
) -> tuple[tuple[str, ...], dict[str, Targets]]:
    """One list of classes, and each split's targets as positions in it."""
    if all(part.dtype.kind == "f" for part in targets.values()):
        if not all(np.isfinite(part).all() for part in targets.values()):
            raise DataError(f"{source}: targets that are not numbers (NaN or infinite)")
        return (), {split: part.astype(np.float32) for split, part in targets.items()}
    if any(part.ndim != 1 for part in targets.values()):
        raise DataError(f"{source}: targets must be one number or name a sample")
    if names is not None:
        classes = tuple(_plain(name) for name in names)
        if all(part.dtype.kind in "iu" for part in targets.values()):
            return classes, {split: part.astype(np.int64) for split, part in targets.items()}
    labels = {split: [str(label) for label in part] for split, part in targets.items()}
    found = class_list(labels, source)
    if all(part.dtype.kind in "iu" for part in targets.values()):
        found = tuple(sorted(found, key=int))
    return found, {split: numbers(part, found) for split, part in labels.items()}


def _plain(name: Any) -> str:
    """Torchvision gives some classes several names; the first is the usual one."""
    return str(name[0] if isinstance(name, tuple | list) else name)


def _targets(dataset: Any) -> Any:
    for attribute in ("targets", "labels", "_labels"):
        values = getattr(dataset, attribute, None)
        if values is not None:
            return np.asarray(values)
    samples = getattr(dataset, "samples", None) or getattr(dataset, "_samples", None)
    if samples is not None:
        return np.asarray([sample[1] for sample in samples])
    return np.asarray([dataset[index][1] for index in range(len(dataset))])


def _samples(dataset: Any, targets: Targets) -> Samples:
    pixels = getattr(dataset, "data", None)
    changed = getattr(dataset, "transform", None) or getattr(dataset, "transforms", None)
    if pixels is not None and not changed and len(pixels) == len(targets):
        try:
            return ArraySamples(images_array(pixels), targets)
        except BadImageError:
            pass
    return TorchSamples(dataset, targets, np.arange(len(targets)))
