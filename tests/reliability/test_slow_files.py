"""Small files that would keep a decoder busy: each is refused or read at once."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from onestop.errors import BadImageError
from onestop.images import jpeg
from onestop.images.decode import decode
from onestop.images.header import header, measure
from tests.reliability.slow_files import SLOW, scan_bomb

pytestmark = pytest.mark.thorough
SECONDS = 3.0  # on a busy machine; alone, all but two take less than a fifth of a second
READ = {"GIF frames", "TIFF pages in a circle", "WebP frames", "AVIF frames"}
"""Those of which the first image is read; all others are refused."""
IN_PYTHON = "that is decoded slowly, with more than 4,194,304 pixels; save it as PNG"
REASONS = {
    "scans": "a JPEG of 10,001 scans, more than 226; save it again",
    "scans of a baseline JPEG": "a JPEG of 5,000 scans, more than 226; save it again",
    "JPEG comments": "more than 10,000 markers before its pixels; save it again",
    "JPEG fill bytes": "more than 10,000 markers before its pixels; save it again",
    "TIFF tags": "a TIFF of 60,009 tags; save it again",
    "EXIF blocks": "400 EXIF blocks; save it again",
    "JPEG junk": "not an image (or an unsupported format)",
    "a PPM in digits": "20,000,017 bytes of pixels in digits, more than 16,777,216; save it as PNG",
    "a PBM in digits": "88,360,013 bytes of pixels in digits, more than 16,777,216; save it as PNG",
    "a TIFF tile": "a TIFF with tiles of 60,000 x 60,000 pixels; save it again",
    "TIFF strips": "a TIFF of 4,000,000 strips or tiles; save it again",
    "a PGM of unusual depth": f"a PPM of a kind {IN_PYTHON}",
    "BMP runs": f"a BMP of a kind {IN_PYTHON}",
    "BMP lines": f"a BMP of a kind {IN_PYTHON}",
    "PNG texts that unfold": "",  # in Pillow's words
    "a PNG profile that unfolds": "",
}
PARTS = "made of too many parts (chunks, markers, comments or tags); save it again"


@pytest.mark.parametrize("name", SLOW)
def test_it_is_read_or_refused_at_once(name: str, tmp_path: Path) -> None:
    suffix, make = SLOW[name]
    path = tmp_path / f"slow.{suffix}"
    path.write_bytes(make())
    if name == "AVIF frames" and path.stat().st_size == 0:
        pytest.skip("no AVIF here")
    told: list[str] = []
    begun = time.process_time()
    try:
        decode(path, 3, print)
    except BadImageError as error:
        told.append(str(error))
    seconds = time.process_time() - begun
    assert seconds < SECONDS
    if name in READ:
        assert told == []
    else:
        assert told
        assert told[0] == (REASONS.get(name, PARTS) or told[0])


@pytest.mark.parametrize("name", SLOW)
def test_so_is_its_header(name: str, tmp_path: Path) -> None:
    suffix, make = SLOW[name]
    path = tmp_path / f"slow.{suffix}"
    path.write_bytes(make())
    for read in (measure, header):
        begun = time.process_time()
        with contextlib.suppress(BadImageError):
            read(path)
        assert time.process_time() - begun < SECONDS


def test_the_scan_bomb_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody counting, each scan costs its time, and the limit of time ends it."""
    monkeypatch.setattr(jpeg, "_MOST_SCANS", 10**9)
    monkeypatch.setattr(jpeg, "_SCANNED", 10**18)
    begun = time.process_time()
    assert decode(scan_bomb(scans=20, side=2000), 1).shape == (2000, 2000, 1)
    short = time.process_time() - begun
    begun = time.process_time()
    decode(scan_bomb(scans=400, side=2000), 1)
    assert time.process_time() - begun > 3 * short
