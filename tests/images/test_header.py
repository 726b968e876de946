"""Size, format and kind of an image file, without its pixels."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.decode import decode
from onestop.images.header import Header, header, is_still, measure
from tests.reliability.bad_inputs import encoded, picture


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_it_is_as_large_as_it_will_be_read(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.new("L", (20, 10)).save(path, exif=exif)
    height, width, channels = measure(path)
    assert (height, width, channels) == decode(path, 1).shape
    assert header(path) == Header("JPEG", "L", turned=orientation != 1)


def test_an_animation_is_not_still(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.gif")
    (tmp_path / "c.gif").write_bytes(b"GIF89a")
    assert [is_still(tmp_path / name) for name in ("a.gif", "b.gif", "c.gif")] == [
        False,
        True,
        False,
    ]


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(BadImageError):
        measure(b"no image")
    assert header(encoded(picture(), "PNG")).format == "PNG"
