"""What a caller may give as an image: its type is asked here, before anything else is done."""

from __future__ import annotations

import inspect
import mmap
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.errors import BadImageError, UsageError

Form: TypeAlias = Path | bytes | Image.Image | NDArray[Any]
"""An image file's path or content, a Pillow image, or an array."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/|data:[a-z/]*[;,]", re.IGNORECASE)
_SHOWN = 60  # characters of a text that is not a path
_WANTED = (
    "give a path, the bytes of an image file, a file object, a Pillow image, an array or a tensor"
)


@dataclass(frozen=True)
class Deferred:
    """An image that is read when it is needed, such as one of a data set."""

    load: Callable[[], Any]


def image_form(image: Any) -> Form:
    """An image in one of the forms that the decoder takes.

    Args:
        image: A path; bytes or another buffer; a file object, read from its position, which is
            restored; a Pillow image; an array or tensor; or `{"bytes": ..., "path": ...}`.

    Raises:
        UsageError: Anything else; the message names its type.
        BadImageError: A file object without content.
    """
    if isinstance(image, Deferred):
        image = loaded(image)
    if isinstance(image, Mapping) and (image.get("bytes") or image.get("path")):
        image = image.get("bytes") or image["path"]
    if isinstance(image, str | os.PathLike):
        return local_path(image)
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, bytes | bytearray | memoryview | mmap.mmap):
        return _buffer(image)
    if callable(getattr(image, "read", None)):
        return content_of(image)
    if is_array(image):
        return plain_array(image)
    raise UsageError(f"image of type {type(image).__name__}: {_WANTED}")


def loaded(image: Deferred) -> Any:
    """What a deferred image is.

    Raises:
        BadImageError: Reading it fails as it does for a damaged file.
    """
    try:
        return image.load()
    except (OSError, SyntaxError) as error:  # as Pillow raises
        reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "damaged")
        raise BadImageError(f"its data set cannot read it: {reason}") from error


def local_path(path: Any) -> Path:
    """A path on this machine, with `~` replaced unless something bears that very name.

    Whether there is something is not asked.

    Raises:
        UsageError: It is empty, a URL, of another type, no path at all, or of an unknown user.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"path of type {type(path).__name__}: give text or a pathlib.Path")
    text = os.fsdecode(os.fspath(path))
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    if not text.strip():
        raise UsageError("'': a path is empty; name a file or a folder")
    try:
        exists = "\0" not in text and os.path.lexists(text)
    except (OSError, ValueError):
        exists = False
    if exists:
        return Path(path) if isinstance(path, str | Path) else Path(text)
    if _URL.match(text):
        raise UsageError(
            f"{shown}: is a URL, and OneStop opens none; download it and name the file"
        )
    if "\0" in text or _longest_name(text) > 255:
        raise UsageError(f"{shown!r}: is not a path; pass the content of a file as bytes")
    return expanded(Path(path) if isinstance(path, str | Path) else Path(text))


def expanded(path: str | Path) -> Path:
    """A path with `~` and `~name` replaced by home folders.

    Raises:
        UsageError: There is no such user, or the user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: no home folder of that user; write the whole path") from None


def _longest_name(text: str) -> int:
    """Bytes of the longest name in a path; file systems hold 255 at most."""
    return max(map(len, text.encode("utf-8", "surrogatepass").split(b"/")))


def content_of(file: Any) -> bytes:
    """The content of a file object from its position on; the position is restored afterwards.

    Raises:
        UsageError: It is closed, was opened as text, or is not an ordinary file object.
        BadImageError: It holds nothing, or nothing after its position.
    """
    kind = f"file object of type {type(file).__name__}"
    place = _position(file)
    try:
        content = file.read()
    except (OSError, ValueError) as error:  # closed, or opened for writing
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{kind}: cannot be read ({reason}); open it in mode 'rb'") from None
    if place is not None:
        file.seek(place)
    if inspect.isawaitable(content):
        close = getattr(content, "close", None)
        if close:
            close()
        raise UsageError(f"{kind}: its read() is asynchronous; await it and pass the bytes")
    if isinstance(content, str):
        raise UsageError(f"{kind}: was opened as text; open it in mode 'rb'")
    if not isinstance(content, bytes | bytearray | memoryview):
        raise UsageError(f"{kind}: its read() gives {type(content).__name__}, not bytes")
    if not content:
        raise BadImageError(
            f"nothing to read from position {place} on; call seek(0) first"
            if place
            else "empty file"
        )
    return bytes(content)


def _position(file: Any) -> int | None:
    """Where a file object stands; None if it cannot go back there."""
    try:
        if not getattr(file, "seekable", lambda: True)():
            return None
        place = file.tell()
    except (AttributeError, OSError, ValueError):
        return None
    return place if isinstance(place, int) and hasattr(file, "seek") else None


def _buffer(buffer: bytes | bytearray | memoryview | mmap.mmap) -> bytes | NDArray[Any]:
    """The bytes of an image file; an array if a view has several dimensions, as pixels have."""
    if isinstance(buffer, memoryview) and (buffer.ndim > 1 or buffer.itemsize > 1):
        return np.asarray(buffer)
    return bytes(buffer)


def is_array(value: Any) -> bool:
    """Whether a value is an array or tensor, of any library; tables and columns of them are not."""
    if isinstance(value, type) or hasattr(value, "to_list") or hasattr(value, "columns"):
        return False
    kinds = ("__array__", "__array_interface__", "__cuda_array_interface__", "__dlpack__")
    # Asked of the class: Pillow's images copy all their pixels to answer.
    return any(hasattr(type(value), kind) for kind in kinds)


def plain_array(array: Any) -> NDArray[Any]:
    """An array or tensor of any library and device as numpy has it.

    Raises:
        UsageError: It has no values that numpy can take.
    """
    if isinstance(array, np.ndarray):
        return array
    try:
        if hasattr(array, "detach"):  # a tensor of torch, perhaps one that gradients flow into
            array = array.detach().cpu()
            if str(array.dtype) == "torch.bfloat16":
                array = array.float()
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"array of type {type(array).__name__}: has no values that numpy can take ({reason})"
        ) from None
