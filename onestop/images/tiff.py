"""The first directory of a TIFF, without its values: how much it asks a reader to do."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onestop.images.jpeg import Bytes

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF or BigTIFF, in both byte orders."""

_MOST_TAGS = 10_000
_STRIPS = 500_000  # entries of a tag, such as the places of the strips
_TILE = 2**24  # pixels of a tile, which libtiff allocates even if the image is smaller
_BIG = MAGIC[2:]
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_LETTERS = {3: "H", 4: "I", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # its types of integers


@dataclass
class Directory:
    """What a directory announces.

    Attributes:
        tags: Number of them.
        values: Of the tag that has most numbers, such as the places of the strips.
        tile: Width and height of a tile in pixels; 0 if there are none.
    """

    tags: int = 0
    values: int = 0
    tile: tuple[int, int] = (0, 0)


def directory_of(data: Bytes, most: int) -> Directory:
    """Read the first directory of a TIFF; of one that is damaged, what can be read.

    Args:
        data: The file, which begins with one of `MAGIC`.
        most: Tags that are looked at.
    """
    order, big = "<" if data[:1] == b"I" else ">", data[:4] in _BIG
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    try:
        (place,) = struct.unpack(order + ("Q" if big else "I"), data[8:16] if big else data[4:8])
        start = place + (8 if big else 2)
        (tags,) = struct.unpack(order + ("Q" if big else "H"), data[place:start])
        entries = list(entry.iter_unpack(data[start : start + min(tags, most) * entry.size]))
    except struct.error:
        return Directory()  # Pillow says what is wrong
    directory, sizes = Directory(tags), dict[int, int]()
    for tag, kind, values, value in entries:
        if letter := _LETTERS.get(kind):
            directory.values = max(directory.values, values)
            if tag in (_TILE_WIDTH, _TILE_LENGTH) and struct.calcsize(letter) <= len(value):
                (sizes[tag],) = struct.unpack_from(order + letter, value)
    directory.tile = (sizes.get(_TILE_WIDTH, 0), sizes.get(_TILE_LENGTH, 0))
    return directory


def excess_of_tiff(data: Bytes) -> str:
    """What a TIFF has too much of; empty if there is nothing."""
    directory = directory_of(data, _MOST_TAGS)
    width, height = directory.tile
    if directory.tags > _MOST_TAGS:
        return f"a TIFF of {directory.tags:,} tags; save it again"
    if directory.values > _STRIPS:
        return f"a TIFF of {directory.values:,} strips or tiles; save it again"
    if width * height > _TILE:
        return f"a TIFF with tiles of {width:,} x {height:,} pixels; save it again"
    return ""
