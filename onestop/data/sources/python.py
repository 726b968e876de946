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
from onestop.data.sources import missing
from onestop.data.sources.as_task import Labels, read_labels
from onestop.data.sources.frames import values_of
from onestop.data.sources.label_sets import combined, exclusive
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.sources.options import Options
from onestop.data.sources.python_labels import python_labels
from onestop.data.sources.python_sets import as_pairs, class_names, is_loader, is_set, targets_in
from onestop.data.sources.split_names import split_of
from onestop.data.targets import Classes, Numbers, Targets
from onestop.data.torch_samples import TorchSamples
from onestop.errors import BadImageError, DataError, UsageError
from onestop.images.arrays import image_stack
from onestop.images.forms import image_form, is_array, plain_array
from onestop.text import listing

NAME = "(given in Python)"
_DEFAULTS = Options()
_FEW = 20  # different whole numbers that may be classes
_SETS = "give a set of names per image"


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
    numbers = dataset.task == "classification" and all(map(_is_number, dataset.classes))
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
    columns = _columns(targets, names, name, options)
    return Dataset(name, {s: _samples(dataset, columns[s]) for s, dataset in datasets.items()})


def _from_arrays(splits: Mapping[str, Sequence[Any]], options: Options) -> Dataset:
    targets = {split: _listed(part[1]) for split, part in splits.items()}
    own = {split: part[2] if len(part) > 2 else () for split, part in splits.items()}
    names = {split: names or own["train"] for split, names in own.items()}
    columns = _columns(targets, names if any(names.values()) else None, NAME, options)
    samples: dict[str, Samples] = {}
    for split, part in splits.items():
        samples[split] = _with_targets(_inputs(part[0], split), columns[split], split)
    classes, called = columns["train"].names, columns["train"].nouns[1]
    present = {s: [classes[k] for k in np.flatnonzero(c.counts())] for s, c in columns.items()}
    notes = [*oddities(present, classes, called), *combined(classes, _SETS)]
    notes += exclusive(columns.values(), "give a class name or number per image")
    if columns["train"].task == Numbers.task and options.task is None:
        notes += _maybe_classes(columns["train"].values)
    return Dataset(NAME, samples, notes=tuple(notes))


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


def _array(values: Any, what: str) -> Any:
    try:
        return plain_array(values) if is_array(values) else np.asarray(values)
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
