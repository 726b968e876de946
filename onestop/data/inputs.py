"""Images that a caller gives to be predicted or explained: files, folders and images in memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.dataset import Skipped
from onestop.data.sources.frames import path_column, values_of
from onestop.data.sources.python_sets import image_of, is_loader, is_set
from onestop.data.sources.walk import images_below
from onestop.errors import DataError, UsageError
from onestop.images.forms import Deferred, image_form, is_array, local_path, plain_array


def given_images(images: Any) -> tuple[list[Any], list[Skipped]]:
    """All images that are given, with folders expanded; types and paths are checked before any work.

    Args:
        images: An image (see `onestop.images.forms.image_form`), a folder, several images in an array
            [N, H, W, C] or [N, C, H, W], a torch data set, a DataFrame with a column of paths, or any
            collection of these; or vectors.

    Returns:
        Paths and images, and the files in the folders that are not images.

    Raises:
        UsageError: Something else; the message names its type.
        DataError: There is no such image or folder, or a folder has no images.
    """
    expanded: list[Any] = []
    skipped: list[Skipped] = []
    for image in _each(images):
        if not isinstance(image, Path):
            expanded.append(image)
        elif _is_folder(image):
            paths, others = images_below(image)
            if not paths:
                raise DataError(f"{image}: no images in this folder")
            expanded += paths
            skipped += [dataclasses.replace(s, path=str(image / s.path)) for s in others]
        elif os.path.lexists(image):
            expanded.append(image)
        else:
            raise DataError(f"{image}: no such image or folder")
    return expanded, skipped


def require_images(inputs: Iterable[Any]) -> None:
    """Refuse numbers and vectors, which only a model of vectors takes.

    Raises:
        UsageError: The message names the type.
    """
    for value in inputs:
        if isinstance(value, Number | _Vector):
            kind = "list of numbers" if isinstance(value, _Vector) else type(value).__name__
            raise UsageError(
                f"image of type {kind}: the model takes images; give paths, or an array of pixels "
                "(numpy.asarray)"
            )


class _Vector(np.ndarray[Any, Any]):
    """A list of numbers."""


def _each(images: Any, depth: int = 0) -> Iterator[Any]:
    """Each image, as a path, bytes, a Pillow image, an array, a vector or one of a data set."""
    if is_loader(images):
        raise UsageError("a DataLoader gives batches: pass its data set, loader.dataset, or images")
    if isinstance(images, Number):
        yield images
    elif (column := path_column(images)) is not None:
        yield from _each(column, depth)
    elif (values := values_of(images)) is not None:
        yield from _inside(values, depth)
    elif is_array(images) and not hasattr(images, "convert"):
        yield from _arrays(images, depth)
    elif is_set(images):
        yield from (Deferred(partial(_from_set, images, index)) for index in range(len(images)))
    elif isinstance(images, Set):
        yield from _inside(sorted(images, key=str), depth)  # their order differs from run to run
    elif _is_collection(images):
        yield from _inside(list(images), depth)
    else:
        yield image_form(images)


def _inside(values: Sequence[Any], depth: int) -> Iterator[Any]:
    """The images in a collection; numbers in a collection within another one are a vector."""
    numbers = bool(values) and all(isinstance(value, Number) for value in values)
    if depth and numbers:
        yield np.asarray(values, np.float32).view(_Vector)
        return
    for value in values:
        yield from _each(value, depth + 1)


def _arrays(array: Any, depth: int) -> Iterator[Any]:
    """One array as one image, or as the batch of images or the list of paths that it is."""
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind in ("U", "S", "O"):
        yield from _inside(plain_array(array).reshape(-1).tolist(), depth)
    elif getattr(array, "ndim", 0) == 4:
        yield from plain_array(array)
    else:
        yield array


def _from_set(dataset: Any, index: int) -> Any:
    return image_of(dataset[index])


def _is_collection(images: Any) -> bool:
    whole = isinstance(images, str | bytes | bytearray | memoryview | os.PathLike | Mapping)
    if whole or hasattr(images, "convert") or callable(getattr(images, "read", None)):
        return False
    return isinstance(images, Iterable) and not isinstance(images, type)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def names_of(images: list[Any]) -> list[str]:
    """Display names: paths, or numbers for images in memory."""
    return [name_of(image, number) for number, image in enumerate(images)]


def name_of(image: Any, number: int) -> str:
    """Display name of an image: its path, or its number if it is in memory."""
    if isinstance(image, str | os.PathLike):
        return os.fsdecode(os.fspath(local_path(image)))
    return f"#{number}"
