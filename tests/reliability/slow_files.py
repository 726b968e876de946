"""Small files that would keep a decoder busy for long; each names what it repeats.

    python -m tests.reliability.slow_files FOLDER

writes them to a new folder, to try any program on them.
"""

from __future__ import annotations

import io
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

_SIDE = 9400  # just below the limit of pixels


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _jpeg(frame: int, side: int, components: int, scans: bytes, before: bytes = b"") -> bytes:
    """A JPEG with tables of one symbol each: DC difference 0, and the longest run of empty blocks."""
    quantisation = _segment(0xDB, b"\0" + b"\1" * 64)
    parts = b"".join(struct.pack("BBB", 1 + k, 0x11, 0) for k in range(components))
    size = _segment(frame, struct.pack(">BHHB", 8, side, side, components) + parts)
    one = b"\1" + b"\0" * 15
    huffman = _segment(0xC4, b"\x00" + one + b"\x00" + b"\x10" + one + b"\xe0")
    return b"\xff\xd8" + before + quantisation + size + huffman + scans + b"\xff\xd9"


def _bits(text: str) -> bytes:
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8)
    return data.replace(b"\xff", b"\xff\x00")


def scan_bomb(scans: int = 10_000, side: int = _SIDE) -> bytes:
    """A progressive JPEG of `scans` scans that say: nothing changes."""
    blocks = ((side + 7) // 8) ** 2
    first = _segment(0xDA, bytes((1, 1, 0x00, 0, 0, 0))) + _bits("0" * blocks)
    runs = _bits(("0" + "1" * 14) * -(-blocks // 32767))
    rest = _segment(0xDA, bytes((1, 1, 0x00, 1, 63, 0))) + runs
    return _jpeg(0xC2, side, 1, first + rest * scans)


def _baseline_scans() -> bytes:
    scan = _segment(0xDA, bytes((1, 1, 0x00, 0, 63, 0)))
    return _jpeg(0xC0, _SIDE, 3, scan * 5000)


def _small_jpeg(before: bytes) -> bytes:
    plain = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(plain, "JPEG")
    return plain.getvalue()[:2] + before + plain.getvalue()[2:]


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(before: bytes = b"", within: bytes = b"", after: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes(9 * 8))
    data = _chunk(b"IDAT", pixels[:4]) + within + _chunk(b"IDAT", pixels[4:])
    return b"\x89PNG\r\n\x1a\n" + header + before + data + after + _chunk(b"IEND")


def _gif(before: bytes, frames: int = 1) -> bytes:
    file = io.BytesIO()
    Image.new("P", (8, 8)).save(file, "GIF")
    header, comma, frame = file.getvalue()[:-1].partition(b",")
    return header + before + (comma + frame) * frames + b";"


def _tiff(entries: list[tuple[int, int, int, int]], after: bytes = b"") -> bytes:
    rows = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4) + after


def _tiff_tags(width: int = 8, height: int = 8) -> list[tuple[int, int, int, int]]:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 64}
    return [(tag, 4, 1, value) for tag, value in tags.items()]


def _tiff_tile() -> bytes:
    tags = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 277: 1, 322: 60000, 323: 60000, 324: 8, 325: 64}
    return _tiff([(tag, 4, 1, value) for tag, value in tags.items()], bytes(64))


def _tiff_strips(count: int = 4_000_000) -> bytes:
    tags = [tag for tag in _tiff_tags(1, count) if tag[0] not in (273, 278, 279)]
    place = 8 + 2 + 12 * (len(tags) + 3) + 4
    arrays = [(273, 4, count, place), (279, 4, count, place)]
    return _tiff([*tags, *arrays, (278, 4, 1, 1)], struct.pack("<I", 8) * count)


def _tiff_pages(count: int) -> bytes:
    """Pages that follow each other, in a circle at the end."""
    tags = sorted(_tiff_tags())
    rows = b"".join(struct.pack("<HHII", *entry) for entry in tags)
    size = 2 + len(rows) + 4
    pages = [
        struct.pack("<H", len(tags)) + rows + struct.pack("<I", 8 + size * ((k + 1) % count))
        for k in range(count)
    ]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages) + bytes(64)


def _bmp_rle(width: int, height: int, runs: bytes) -> bytes:
    palette = bytes(4 * 256)
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + palette + runs


def _animation(kind: str, frames: int) -> bytes:
    file, images = (
        io.BytesIO(),
        [Image.new("RGB", (16, 16), (k % 256, 0, 0)) for k in range(frames)],
    )
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    return file.getvalue()


SLOW: dict[str, tuple[str, Callable[[], bytes]]] = {
    "scans": ("jpg", scan_bomb),
    "scans of a baseline JPEG": ("jpg", _baseline_scans),
    "JPEG comments": ("jpg", lambda: _small_jpeg(_segment(0xFE, b"") * 400_000)),
    "JPEG fill bytes": ("jpg", lambda: _small_jpeg(b"\xff" * 3_000_000)),
    "JPEG junk": ("jpg", lambda: _small_jpeg(bytes(3_000_000))),
    "EXIF blocks": ("jpg", lambda: _small_jpeg(_segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 400)),
    "PNG chunks before the pixels": ("png", lambda: _png(before=_chunk(b"abCd") * 500_000)),
    "PNG chunks within the pixels": ("png", lambda: _png(within=_chunk(b"IDAT") * 500_000)),
    "PNG chunks after the pixels": ("png", lambda: _png(after=_chunk(b"abCd") * 500_000)),
    "PNG texts": ("png", lambda: _png(before=_chunk(b"tEXt", b"a\0b") * 300_000)),
    "PNG texts that unfold": (
        "png",
        lambda: _png(before=_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6))) * 2000),
    ),
    "a PNG profile that unfolds": (
        "png", lambda: _png(before=_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8)))),
    ),
    "PGM comments": ("pgm", lambda: b"P2\n8 8\n255\n" + b"#\n" * 500_000 + b"0 " * 64),
    "a PGM header of comments": ("pgm", lambda: b"P5\n" + b"#" * 5_000_000 + b"\n8 8\n255\n"),
    "a PPM in digits": ("ppm", lambda: b"P3\n5000 5000\n255\n" + b"1 " * 10_000_000),
    "a PBM in digits": ("pbm", lambda: b"P1\n9400 9400\n" + b"1" * 9400**2),
    "a PGM of unusual depth": ("pgm", lambda: b"P5\n9400 9400\n100\n" + bytes(9400**2)),
    "GIF comments": ("gif", lambda: _gif(b"!\xfe" + (b"\xff" + bytes(255)) * 40_000 + b"\0")),
    "GIF extensions": ("gif", lambda: _gif(b"!\xf9\x04\0\0\0\0\0" * 300_000)),
    "GIF frames": ("gif", lambda: _gif(b"", 300_000)),
    "TIFF tags": ("tif", lambda: _tiff([(9, 3, 1, 0)] * 60_000 + _tiff_tags())),
    "TIFF strips": ("tif", _tiff_strips),
    "a TIFF tile": ("tif", _tiff_tile),
    "TIFF pages in a circle": ("tif", lambda: _tiff_pages(30_000)),
    "BMP runs": ("bmp", lambda: _bmp_rle(_SIDE, _SIDE, b"\1\0" * 3_000_000)),
    "BMP lines": ("bmp", lambda: _bmp_rle(80_000_000, 1, b"\1\0\0\0\0\1")),
    "WebP frames": ("webp", lambda: _animation("WEBP", 200)),
    "AVIF frames": ("avif", lambda: _animation("AVIF", 50)),
}  # fmt: skip
"""What each file has too many of, its suffix, and how it is made."""


def write_all(folder: Path) -> None:
    """Write every file to a folder."""
    for name, (suffix, make) in SLOW.items():
        (folder / f"{name.replace(' ', '_')}.{suffix}").write_bytes(make())


def main(folder: Path) -> None:
    """Write the files, and print how long each takes to decode."""
    from onestop.errors import OneStopError
    from onestop.images.decode import decode

    folder.mkdir()
    write_all(folder)
    for path in sorted(folder.iterdir()):
        begun = time.perf_counter()
        try:
            told = f"read: {decode(path, 3, print).shape}"
        except OneStopError as error:
            told = str(error)
        seconds = time.perf_counter() - begun
        print(f"{seconds:6.2f} s {path.stat().st_size:12,} bytes  {path.name}: {told}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
