"""The first directory of a TIFF: what it announces, in both byte orders and sizes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from onestop.images.tiff import MAGIC, Directory, directory_of

TAGS = [(256, 3, 1, 8), (273, 4, 3000, 99), (322, 3, 1, 640), (323, 4, 1, 70_000)]


def written(order: str, *, big: bool) -> bytes:
    magic = {("<", False): b"II*\0", (">", False): b"MM\0*"}.get((order, big))
    magic = magic or (b"II+\0" if order == "<" else b"MM\0+")
    header = magic + (struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8))
    count = struct.pack(order + ("Q" if big else "H"), len(TAGS))
    room = 8 if big else 4
    entries = b""
    for tag, kind, values, value in TAGS:
        inline = struct.pack(order + ("H" if kind == 3 else "I"), value).ljust(room, b"\0")
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, values) + inline
    return header + count + entries + bytes(8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_numbers_of_tags_and_values_and_the_size_of_tiles(order: str, big: bool) -> None:
    data = written(order, big=big)
    assert data[:4] in MAGIC
    assert directory_of(data, 100) == Directory(4, 3000, (640, 70_000))
    assert directory_of(data, 2) == Directory(4, 3000, (0, 0))


def test_a_usual_file() -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((40, 30), np.uint8)).save(file, "TIFF", compression="tiff_lzw")
    directory = directory_of(file.getvalue(), 100)
    assert 8 <= directory.tags <= 20
    assert directory.values < 10
    assert directory.tile == (0, 0)


@pytest.mark.parametrize("length", [4, 8, 9, 12, 40])
def test_of_a_damaged_one_nothing_is_known(length: int) -> None:
    assert directory_of(written("<", big=False)[:length], 100) == Directory()
    assert directory_of(b"II*\0" + b"\xff" * length, 100) == Directory()
