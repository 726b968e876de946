"""Torch data sets and what wraps them: their targets, and the names of their classes.

A data set is anything with a length that gives `(image, target)` for a number, or a mapping with an
image and a label, as the data sets of Hugging Face do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from onestop.errors import DataError, UsageError
from onestop.text import listing

_WRAPPED = ("dataset", "base_dataset", "wrapped", "subset", "ds")
"""Where wrappers keep the data set that they wrap."""
_DEEPEST = 16  # wrappers in each other
_IMAGES = ("image", "img", "pixels", "pixel_values", "picture", "photo", "input")
_LABELS = ("label", "labels", "target", "class", "fine_label", "category")


def is_set(value: Any) -> bool:
    """Whether it is a data set rather than a collection of Python's own."""
    if isinstance(value, type | str | bytes | bytearray | memoryview | Sequence | Mapping):
        return False
    indexed = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    if hasattr(value, "features"):  # of Hugging Face, which has methods of tables too
        return indexed
    others = ("__array__", "to_list", "to_pylist", "read", "convert", "columns", "column_names")
    return indexed and not any(hasattr(value, name) for name in others)


def is_loader(value: Any) -> bool:
    """Whether it is a DataLoader, which gives batches."""
    return hasattr(value, "batch_size") and hasattr(value, "dataset") and not is_set(value)


def image_of(item: Any) -> Any:
    """The image of what a data set gives: of a pair, or of a mapping."""
    if isinstance(item, Mapping):
        return item[_key(item, _IMAGES, "image")]
    return item[0] if isinstance(item, tuple | list) and item else item


class Rows:
    """A data set of mappings as one of pairs.

    Attributes:
        classes: Names of the classes, if they are known.
        targets: All of them, if they can be had without reading the images.
    """

    def __init__(self, dataset: Any, first: Mapping[Any, Any]) -> None:
        self.rows = dataset
        self._image, self._label = _keys(dataset, first)
        self.classes = class_names(dataset)
        if hasattr(dataset, "column_names") and not isinstance(dataset.column_names, Mapping):
            self.targets = list(dataset[self._label])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        row = self.rows[index]
        return row[self._image], row[self._label]


def as_pairs(dataset: Any, place: str) -> Any:
    """A data set that gives `(image, target)`.

    Args:
        dataset: A data set of pairs or of mappings.
        place: What it is called in an error.

    Raises:
        UsageError: It gives something else; the message names the type.
    """
    if type(dataset).__module__.startswith("torchvision.") or not len(dataset):
        return dataset
    try:
        first = dataset[0]
    except (OSError, SyntaxError, ValueError):  # a damaged image
        return dataset
    if isinstance(first, Mapping):
        return Rows(dataset, first)
    if not isinstance(first, tuple | list) or len(first) < 2:
        kind = type(dataset).__name__
        raise UsageError(
            f"{place}: a data set of type {kind} gives {type(first).__name__}; it must give "
            "(image, target), or a mapping with 'image' and 'label'"
        )
    return dataset


def class_names(dataset: Any) -> tuple[str, ...]:
    """What a data set calls its classes; if it wraps another one, what that calls them.

    Nothing where a target transform changes their numbers on the way.

    Raises:
        DataError: Data sets that are strung together number their classes differently.
    """
    return _class_names(dataset, ())


def _class_names(dataset: Any, outside: tuple[int, ...]) -> tuple[str, ...]:
    if getattr(dataset, "target_transform", None) or id(dataset) in outside:
        return ()
    if names := _own_names(dataset):
        return names
    inner = [_class_names(part, (*outside, id(dataset))) for part in _inner(dataset)]
    different = sorted(set(inner))
    if len(different) > 1 and all(different):
        both = " and ".join(f"({listing(names, 4)})" for names in different[:2])
        raise DataError(
            f"the data sets in a {type(dataset).__name__} number their classes differently: {both}; "
            "bring their classes to one list first"
        )
    return different[0] if len(different) == 1 else ()


def _own_names(dataset: Any) -> tuple[str, ...]:
    names = getattr(dataset, "classes", None)
    if names is not None and not isinstance(names, str | Mapping) and hasattr(names, "__len__"):
        # Torchvision gives some classes several names; the first is the usual one.
        return tuple(str(n[0] if isinstance(n, tuple | list) else n) for n in names)
    numbers = getattr(dataset, "class_to_idx", None)
    if isinstance(numbers, Mapping) and sorted(numbers.values()) == [*range(len(numbers))]:
        return tuple(str(name) for name in sorted(numbers, key=numbers.__getitem__))
    features = getattr(dataset, "features", None)
    if isinstance(features, Mapping):
        key = next((k for k in (*_LABELS, *features) if _names_in(features.get(k))), "")
        return _names_in(features.get(key))
    return ()


def _names_in(feature: Any) -> tuple[str, ...]:
    """The names of a feature of Hugging Face that is a class label."""
    names = getattr(feature, "names", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _inner(dataset: Any) -> Iterator[Any]:
    """The data sets that one is made of."""
    parts = getattr(dataset, "datasets", None)
    if isinstance(parts, list | tuple):
        yield from parts
        return
    for name in _WRAPPED:
        wrapped = getattr(dataset, name, None)
        if hasattr(wrapped, "__getitem__") and hasattr(wrapped, "__len__"):
            yield wrapped
            return


def targets_in(dataset: Any) -> Any:
    """The targets from where torchvision's sets and their likes keep them, else one by one."""
    from torch.utils.data import ConcatDataset, Subset

    if type(dataset) is Subset:
        whole = targets_in(dataset.dataset)
        return [whole[int(index)] for index in dataset.indices]
    if type(dataset) is ConcatDataset:
        return [target for part in dataset.datasets for target in targets_in(part)]
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


def _keys(dataset: Any, first: Mapping[Any, Any]) -> tuple[Any, Any]:
    """Under which names a row has its image and its label."""
    features = _features(dataset)
    kinds = {type(feature).__name__: key for key, feature in reversed(list(features.items()))}
    image = kinds["Image"] if "Image" in kinds else _key(first, _IMAGES, "image")
    label = kinds["ClassLabel"] if "ClassLabel" in kinds else _key(first, _LABELS, "label")
    return image, label


def _features(dataset: Any) -> Mapping[Any, Any]:
    """What the columns of a data set of Hugging Face are, also behind wrappers; empty for others."""
    for _ in range(_DEEPEST):
        features = getattr(dataset, "features", None)
        if isinstance(features, Mapping):
            return features
        dataset = next(_inner(dataset), None)
    return {}


def _key(row: Mapping[Any, Any], names: Sequence[str], what: str) -> Any:
    key = next((name for name in names if name in row), None)
    if key is None:
        raise UsageError(
            f"a row of the data set has {listing(row)}; one of them must be called {what!r}"
        )
    return key
