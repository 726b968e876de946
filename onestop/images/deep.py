"""Images of more than 8 bits: their values as the file states them, in bands of rows.

Pillow reads greys of 16 bits, 32 bits and floats, but keeps only the high byte of deep colours, and
takes some TIFFs for what they are not: unsigned 32 bits and signed 8 bits wrap around, greys of which 0
is white are not inverted, and compressed big-endian values have their bytes swapped. Here a file either
has the values that it states, or it is refused.

Legend: H and W height and width, C channels, h rows of a band.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.eight_bits import all_finite

Values: TypeAlias = NDArray[Any]
Turn: TypeAlias = Callable[[Image.Image], Image.Image]
"""Loads an image and turns it upright."""
Reopen: TypeAlias = Callable[[bytes], Image.Image]
"""Opens the content of a file."""

_BAND = 2**18  # pixels of a band
_WHITE = 65535
# Pillow's `RGB;16B` takes the first byte of each two, `RGB;16L` the second, `RGB;16N` the high one.
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


@dataclass(frozen=True)
class Deep:
    """An image of more than 8 bits, loaded and upright.

    Attributes:
        kind: `16-bit`, `signed 16-bit`, `float`, ...
        height: H.
        width: W.
        rows: From first and last row to their values [h, W, C] with 1 or 3 channels, or 4 of which the
            last is the alpha channel, 0..65535.
    """

    kind: str
    height: int
    width: int
    rows: Callable[[int, int], Values]

    def bands(self) -> Iterator[tuple[int, Values]]:
        """All rows in bands: the first row of each, and its values [h, W, C].

        Raises:
            BadImageError: Some are NaN or infinite.
        """
        height = max(1, _BAND // self.width)
        for top in range(0, self.height, height):
            values = self.rows(top, min(top + height, self.height))
            if not all_finite(values):
                raise BadImageError("has pixels that are NaN or infinite")
            yield top, values

    def values(self) -> Iterator[Values]:
        """The values of each band without the alpha channel."""
        for _, band in self.bands():
            yield band[..., :3] if band.shape[-1] == 4 else band


def of_array(image: Values) -> Deep | None:
    """The values of an array [H, W, C]; None if it has 8 bits."""
    if image.dtype == np.uint8:
        return None
    kind = "float" if image.dtype.kind == "f" else str(image.dtype)
    return Deep(kind, image.shape[0], image.shape[1], lambda top, bottom: image[top:bottom])


def may_be_deep(head: bytes) -> bool:
    """Whether a file that begins with these 32 bytes may have more than 8 bits."""
    if head.startswith(b"\x89PNG"):
        return head[12:16] != b"IHDR" or head[24:25] == b"\x10"
    tiff = head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return tiff or head[:2] in (b"P2", b"P3", b"P5", b"P6", b"Pf")


def depth(image: Image.Image) -> str:
    """The kind of a deep image that is opened but not loaded; empty if it has 8 bits or fewer."""
    tags: Any = getattr(image, "tag_v2", None)
    bits = max(tags.get(258, (1,))) if tags else 16
    if image.mode == "F":
        return "float"
    if image.mode.startswith("I"):
        signed = bool(tags) and 2 in tags.get(339, ())
        bits = 32 if not tags and image.format is None and image.mode == "I" else bits
        return f"{'signed ' if signed else ''}{bits}-bit"
    if image.mode == "L" and tags and 2 in tags.get(339, ()):
        return "signed 8-bit"
    if image.format == "PPM" and image.mode == "RGB" and _maxval(image) > 255:
        return "16-bit"
    if image.mode in ("RGB", "RGBA") and (";16" in _raw_mode(image) or (bits == 16 and tags)):
        return "16-bit"
    return ""


def as_before(image: Image.Image, upright: Turn) -> Deep | None:
    """Deep greys as Pillow gives them, right or wrong; None for all others. For old model files."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return None
    turned = upright(image)

    def rows(top: int, bottom: int) -> Values:
        return np.asarray(turned.crop((0, top, turned.width, bottom)))[..., None]

    return Deep("grey", turned.height, turned.width, rows)


def deep(
    image: Image.Image, upright: Turn, data: bytes | None = None, reopen: Reopen | None = None
) -> Deep | None:
    """The values of an image; None if it has 8 bits.

    Args:
        image: Opened, and not loaded, if it is a file.
        upright: Loads and turns.
        data: The file's content; without it, deep colours have been reduced to 8 bits already.
        reopen: Opens a file's content.
    """
    kind = depth(image)
    if not kind:
        return None
    if image.mode in ("RGB", "RGBA"):
        if data is None or reopen is None:
            return None
        if image.format == "PPM" and image.mode == "RGB":
            return _pixmap(image, data, reopen)
        return _colour(image, data, kind, upright, reopen)
    return _grey(image, kind, upright)


def _grey(image: Image.Image, kind: str, upright: Turn) -> Deep:
    tags: Any = getattr(image, "tag_v2", None)
    unsigned = bool(tags) and max(tags.get(258, (1,))) == 32 and 1 in tags.get(339, (1,))
    white_is_zero, pixmap = bool(tags) and tags.get(262) == 0, image.format == "PPM"
    key = image.info.get("transparency") if image.mode.startswith("I;16") else None
    _mend(image)
    turned = upright(image)

    def rows(top: int, bottom: int) -> Values:
        values = np.asarray(turned.crop((0, top, turned.width, bottom)))
        if values.dtype == np.int32 and unsigned:
            values = values.view(np.uint32)
        elif kind == "signed 8-bit":
            values = values.view(np.int8)
        elif pixmap and values.dtype == np.int32:
            values = values.astype(
                np.uint16
            )  # Pillow scales to 65,535, the format's "maxval" is white
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        if white_is_zero:
            values = -values if values.dtype.kind == "f" else ~values
        return _keyed(values[..., None], key)

    return Deep(kind, turned.height, turned.width, rows)


def _colour(
    image: Image.Image,
    data: bytes,
    kind: str,
    upright: Turn,
    reopen: Reopen,
) -> Deep:
    """16-bit colours: Pillow keeps one byte of each value, so the file is decoded once for each."""
    raw, key = _raw_mode(image), image.info.get("transparency")
    if raw.startswith("LA"):  # two values of 16 bits take the room of four of 8
        both = upright(_with_raw_mode(image, lambda _: "RGBA"))
        return Deep(kind, both.height, both.width, _from_pairs(both))
    _refuse_planes(image)
    order = "B" if data[:2] == b"MM" else "L"  # of planes, whose raw mode does not say it

    def byte(which: str, raw_mode: str) -> str:
        name, _, end = raw_mode.replace("RGBa", "RGBA").partition(";16")
        end = end or order
        return f"{name};16{end if which == 'high' else _OTHER_BYTE[end]}"

    high = upright(_with_raw_mode(image, lambda mode: byte("high", mode)))
    with reopen(data) as again:
        low = upright(_with_raw_mode(again, lambda mode: byte("low", mode)))

    def rows(top: int, bottom: int) -> Values:
        box = (0, top, high.width, bottom)
        values = np.asarray(high.crop(box)).astype(np.uint16) << 8
        values |= np.asarray(low.crop(box))
        if raw.startswith("RGBa"):
            values = _unmultiplied(values)
        return _keyed(values, key)

    return Deep(kind, high.height, high.width, rows)


def _refuse_planes(image: Image.Image) -> None:
    """Stop at planes that Pillow cannot unpack in both ways."""
    tiles: Any = image.tile  # type: ignore[attr-defined]
    planes = [tile for tile in tiles if _raw_mode_of(tile) not in (*"RGBA",)]
    tags: Any = getattr(image, "tag_v2", None)
    if tags and tags.get(284) == 2 and planes:
        raise BadImageError(
            "a TIFF of 16-bit colours in separate planes, which is not supported; save it interleaved"
        )


def _from_pairs(both: Image.Image) -> Callable[[int, int], Values]:
    def rows(top: int, bottom: int) -> Values:
        pairs = np.asarray(both.crop((0, top, both.width, bottom))).astype(np.uint16)
        grey, alpha = pairs[..., 0] << 8 | pairs[..., 1], pairs[..., 2] << 8 | pairs[..., 3]
        return np.stack([grey, grey, grey, alpha], -1)

    return rows


def _pixmap(image: Image.Image, data: bytes, reopen: Reopen) -> Deep:
    """Deep colours of PPM: three greys side by side, of which `maxval` is white."""
    maxval, tile = _maxval(image), image.tile[0]  # type: ignore[attr-defined]
    width, height = image.size
    if data[:2] == b"P6":
        flat = np.frombuffer(data, ">u2", 3 * width * height, tile.offset)
        stored = flat.reshape(height, width, 3)

        def rows(top: int, bottom: int) -> Values:
            values = np.minimum(stored[top:bottom].astype(np.float64), maxval)
            return np.rint(values * (_WHITE / maxval)).astype(np.uint16)

        return Deep("16-bit", height, width, rows)
    greys = b"P2 %d %d %d\n" % (3 * width, height, maxval)
    with reopen(greys + data[tile.offset :]) as wide:
        wide.load()

    def plain_rows(top: int, bottom: int) -> Values:
        values = np.asarray(wide.crop((0, top, 3 * width, bottom))).astype(np.uint16)
        return values.reshape(bottom - top, width, 3)

    return Deep("16-bit", height, width, plain_rows)


def _keyed(values: Values, key: object) -> Values:
    """With an alpha channel if one value or colour stands for transparent (PNG, tRNS)."""
    if not isinstance(key, int | tuple):
        return values
    hidden = (values == np.asarray(key)).all(-1, keepdims=True)
    alpha = np.where(hidden, 0, _WHITE).astype(np.uint16)
    colour = values if values.shape[-1] == 3 else np.repeat(values, 3, -1)
    return np.concatenate([colour, alpha], -1)


def _unmultiplied(values: Values) -> Values:
    """Colours [h, W, 4] that were multiplied by alpha, divided by it again."""
    alpha = np.maximum(values[..., 3:].astype(np.float64), 1)
    colour = np.rint(values[..., :3] * (_WHITE / alpha))
    return np.concatenate([np.minimum(colour, _WHITE).astype(np.uint16), values[..., 3:]], -1)


def _maxval(image: Image.Image) -> int:
    tiles: Any = getattr(image, "tile", None)
    return int(tiles[0].args[1]) if tiles and isinstance(tiles[0].args, tuple) else 0


def _raw_mode(image: Image.Image) -> str:
    """How Pillow would unpack the file's values; empty if they are unpacked already."""
    tiles: Any = getattr(image, "tile", None)
    return _raw_mode_of(tiles[0]) if tiles else ""


def _raw_mode_of(tile: Any) -> str:
    return str(tile.args if isinstance(tile.args, str) else tile.args[0])


def _with_raw_mode(image: Image.Image, change: Callable[[str], str]) -> Image.Image:
    """The image, to be unpacked in another way when it is loaded."""
    tiles: Any = image.tile  # type: ignore[attr-defined]
    for place, tile in enumerate(tiles):
        mode = change(_raw_mode_of(tile))
        args = mode if isinstance(tile.args, str) else (mode, *tile.args[1:])
        tiles[place] = tile._replace(args=args)
    return image


def _mend(image: Image.Image) -> None:
    """Correct what Pillow takes compressed big-endian values for: libtiff has swapped them already."""
    native = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
    tiles: Any = getattr(image, "tile", None)
    if tiles and tiles[0].codec_name == "libtiff":
        _with_raw_mode(image, lambda mode: native.get(mode, mode))
