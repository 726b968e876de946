"""Data given in Python: arrays, torch data sets, or a mapping of splits to either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.sources.frames import values_of
from onestop.data.sources.options import Options
from onestop.data.sources.python_sets import as_pairs, class_names, is_loader, is_set, targets_in
from onestop.data.sources.python_targets import array_of, python_targets, target_notes
from onestop.data.sources.split_names import split_of
from onestop.data.targets import Targets
from onestop.data.torch_samples import TorchSamples
from onestop.errors import BadImageError, DataError, UsageError
from onestop.images.arrays import image_stack
from onestop.images.forms import image_form, is_array
from onestop.text import listing

NAME = "(given in Python)"
_DEFAULTS = Options()


def open_python(source: Any, options: Options = _DEFAULTS) -> Dataset:
    """Take arrays or torch data sets.

    Args:
        source: `(inputs, targets)`; a torch data set of `(image, target)`; or a mapping of
            "train", "val", "test" to one of these. Inputs are images (`onestop.images.arrays`; paths,
            bytes and Pillow images too) or vectors [N, F] or [N] of floats; targets are class numbers,
            class names, or floats to predict. For several labels per image, they are a set of names
            each, or a matrix of 0 and 1 with names: `(inputs, matrix, names)`.
        options: The task that targets are read for, where their type does not say it, and whether words
            for missing labels are names.

    Raises:
        UsageError: Something else; the message names its type.
        DataError: Shapes that do not go together.
    """
    splits = by_split(source) if isinstance(source, Mapping) else {"train": source}
    pairs = [is_pair(part) for part in splits.values()]
    if all(pairs):
        return _from_arrays(splits, options)
    if not any(pairs) and all(map(_is_indexed, splits.values())):
        return _from_sets(splits, options)
    raise refusal(splits)


def by_split(source: Mapping[Any, Any]) -> dict[str, Any]:
    """The parts of a mapping by the names that splits have here.

    Raises:
        DataError: A key is not the name of a split, two mean the same one, or none is `train`.
    """
    names = {name: split for name in source if (split := split_of(str(name)))}
    if unknown := [str(name) for name in source if name not in names]:
        raise DataError(f"splits {listing(unknown)}: splits are called train, val and test")
    if len(set(names.values())) < len(names):
        raise DataError(f"splits {listing(names)}: two of them mean the same split; drop one")
    if "train" not in names.values():
        raise DataError(f"splits {listing(names)}: a split 'train' is needed")
    return {names[name]: part for name, part in source.items()}


def is_pair(part: Any) -> bool:
    """Whether it is inputs and targets, perhaps with the targets' names."""
    if isinstance(part, tuple) and len(part) == 3:
        return isinstance(part[2], list | tuple) and all(isinstance(n, str) for n in part[2])
    return isinstance(part, tuple | list) and len(part) == 2 and not any(map(is_set, part))


def _is_indexed(part: Any) -> bool:
    if isinstance(part, list | tuple):
        return bool(part) and all(isinstance(item, tuple | list | Mapping) for item in part)
    return is_set(part)


def refusal(splits: Mapping[str, Any]) -> UsageError:
    """Why these are no source."""
    for part in splits.values():
        if is_loader(part):
            return UsageError(
                "source of type DataLoader: it gives batches, and OneStop makes its own; pass its data "
                "set, loader.dataset, and --batch-size"
            )
        if isinstance(part, list | tuple) and part and all(map(is_set, part)):
            return UsageError(
                f"{type(part).__name__} of {len(part)} data sets: name them: "
                "{'train': ..., 'val': ...}"
            )
    kinds = listing(type(part).__name__ for part in splits.values())
    return UsageError(
        f"source of type {kinds}: give (inputs, targets), a torch data set with a length, a DataFrame, "
        "a path, or a mapping of splits to one of these"
    )


def _from_sets(splits: Mapping[str, Any], options: Options) -> Dataset:
    pairs = {s: as_pairs(part, f"split {s!r}") for s, part in splits.items()}
    dataset = from_torch(pairs, NAME, options)
    numbers = all(map(_is_number, dataset.classes)) and len(dataset.classes) > 1
    if not numbers or any(class_names(part) for part in splits.values()):
        return dataset
    first, last = dataset.classes[0], dataset.classes[-1]
    note = (
        f"classes are numbers, {first} to {last}: the data set does not name them; give it an "
        "attribute `classes`, a list of names"
    )
    return replace(dataset, notes=(*dataset.notes, note))


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()


def from_torch(datasets: Mapping[str, Any], name: str, options: Options = _DEFAULTS) -> Dataset:
    """Torch data sets, a split each, on one list of classes.

    Where a set of torchvision's keeps plain pixels (`data`) and would not change them, they are
    used directly.
    """
    targets = {split: targets_in(dataset) for split, dataset in datasets.items()}
    own = {split: class_names(dataset) for split, dataset in datasets.items()}
    names = {split: found or own["train"] for split, found in own.items()} if own["train"] else None
    columns = python_targets(targets, names, name, options)
    return Dataset(name, {s: _samples(dataset, columns[s]) for s, dataset in datasets.items()})


def _from_arrays(splits: Mapping[str, Sequence[Any]], options: Options) -> Dataset:
    targets = {split: _listed(part[1]) for split, part in splits.items()}
    own = {split: part[2] if len(part) > 2 else () for split, part in splits.items()}
    names = {split: names or own["train"] for split, names in own.items()}
    columns = python_targets(targets, names if any(names.values()) else None, NAME, options)
    samples: dict[str, Samples] = {}
    for split, part in splits.items():
        samples[split] = _with_targets(_inputs(part[0], split), columns[split], split)
    return Dataset(NAME, samples, notes=target_notes(columns, options))


def _with_targets(values: Any, targets: Targets, split: str) -> Samples:
    """Inputs of whatever kind with their targets."""
    if len(values) != len(targets):
        raise DataError(
            f"split {split!r}: {len(values)} inputs and {len(targets)} targets; "
            "one target an input is wanted"
        )
    if isinstance(values, np.ndarray):
        return ArraySamples(values, targets)
    if all(isinstance(value, Path) for value in values):
        return FileSamples(Path(), [str(value) for value in values], targets)
    return TorchSamples([(value, None) for value in values], targets, np.arange(len(targets)))


def _inputs(inputs: Any, split: str) -> Any:
    """Inputs as an array of images or vectors, or as a list of paths or of single images."""
    inputs = _listed(inputs)
    if _are_objects(inputs):
        try:
            return [image_form(image) for image in inputs]
        except (UsageError, BadImageError) as error:
            raise type(error)(f"inputs of split {split!r}: {error}") from None
    array = array_of(inputs, f"inputs of split {split!r}")
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


def _listed(values: Any) -> Any:
    """Values that can be counted and read again: those of a column, or of a generator."""
    if (column := values_of(values)) is not None and not _is_vector_column(column):
        return column
    return list(values) if isinstance(values, Iterator) else values


def _is_vector_column(column: Sequence[Any]) -> bool:
    return all(isinstance(value, Number) for value in column)


def _are_objects(inputs: Any) -> bool:
    """Whether these are paths, files or Pillow images rather than numbers."""
    if getattr(getattr(inputs, "dtype", None), "kind", "") in ("U", "O"):
        inputs = inputs.reshape(-1).tolist()
    if not isinstance(inputs, list | tuple) or not inputs:
        return False
    return not all(isinstance(v, Number | list | tuple) or is_array(v) for v in inputs)


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
