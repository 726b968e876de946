"""Files of more than 8 bits that Pillow does not write: PNGs of 16 bits, TIFFs of any type."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.reliability.bad_inputs import chunk

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG, by number of channels
_FORMATS = {"u": 1, "i": 2, "f": 3}  # TIFF 6.0, SampleFormat


def png16(values: NDArray[np.uint16], transparent: tuple[int, ...] = ()) -> bytes:
    """A PNG of 16 bits from [H, W] or [H, W, C]; one value or colour may stand for transparent."""
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = values.astype(">u2").reshape(height, -1)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    key = struct.pack(f">{len(transparent)}H", *transparent)
    return b"".join([
        b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), chunk(b"tRNS", key) if key else b"",
        chunk(b"IDAT", pixels), chunk(b"IEND", b""),
    ])  # fmt: skip


def tiff(
    values: NDArray[Any],
    *,
    order: Literal["<", ">"] = "<",
    compressed: bool = False,
    white_is_zero: bool = False,
    planes: bool = False,
    orientation: int = 1,
    extra: int | None = None,
) -> bytes:
    """A TIFF from [H, W] or [H, W, C] in the type of its values.

    Args:
        values: Integers or floats.
        order: Little- or big-endian.
        compressed: With deflate; else not at all.
        white_is_zero: PhotometricInterpretation 0 rather than 1.
        planes: One plane after the other, instead of pixels.
        orientation: As EXIF has it.
        extra: Meaning of the fourth channel: 0 unspecified, 1 alpha that was multiplied, 2 alpha.
    """
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    stored = values.astype(values.dtype.newbyteorder(order))
    parts = [stored[..., k] for k in range(channels)] if planes else [stored]
    strips = [part.tobytes() for part in parts]
    strips = [zlib.compress(strip) for strip in strips] if compressed else strips
    offsets = [8 + sum(map(len, strips[:k])) for k in range(len(strips))]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]), 257: ("I", [height]),
        258: ("H", [8 * values.itemsize] * channels), 259: ("H", [8 if compressed else 1]),
        262: ("H", [2 if channels > 2 else 0 if white_is_zero else 1]), 273: ("I", offsets),
        274: ("H", [orientation]), 277: ("H", [channels]), 278: ("I", [height]),
        279: ("I", [len(strip) for strip in strips]), 284: ("H", [2 if planes else 1]),
        **({} if extra is None else {338: ("H", [extra])}),
        339: ("H", [_FORMATS[values.dtype.kind]] * channels),
    }  # fmt: skip
    body = b"".join(strips)
    end = 8 + len(body)
    directory, outside = struct.pack(order + "H", len(tags)), b""
    for tag, (kind, numbers) in tags.items():
        data = struct.pack(order + kind * len(numbers), *numbers)
        if len(data) > 4:
            place = end + 6 + 12 * len(tags) + len(outside)
            data, outside = struct.pack(order + "I", place), outside + data
        directory += struct.pack(order + "HHI", tag, 3 if kind == "H" else 4, len(numbers))
        directory += data.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", end)
    return start + body + directory + bytes(4) + outside


def ppm(values: NDArray[np.uint16], maxval: int, *, plain: bool = False) -> bytes:
    """A PGM from [H, W] or a PPM from [H, W, 3], as text or in bytes."""
    number = (2 if values.ndim == 2 else 3) + (0 if plain else 3)
    head = f"P{number}\n# made\n{values.shape[1]} {values.shape[0]}\n{maxval}\n".encode()
    if plain:
        return head + " ".join(map(str, values.ravel().tolist())).encode() + b"\n"
    return head + values.astype(">u2").tobytes()
