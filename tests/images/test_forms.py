"""What an image may be: each kind is taken, everything else is named in one line."""

from __future__ import annotations

import array
import io
import mmap
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from onestop.errors import BadImageError, UsageError
from onestop.images.decode import pixels_of
from onestop.images.forms import content_of, expanded, image_form, is_array, local_path

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


class Reader:
    """A stream that can only be read, such as the answer of a server."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def read(self) -> Any:
        return self.content


class Anywhere:
    """A path of another library."""

    def __fspath__(self) -> str:
        return "image.png"


def spooled() -> Any:
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    file.write(png())
    file.seek(0)
    return file


def mapped(folder: Path) -> mmap.mmap:
    (folder / "mapped.png").write_bytes(png())
    with (folder / "mapped.png").open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def test_every_form_gives_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "image.png"
    path.write_bytes(png())
    tensor = torch.from_numpy(PIXELS).permute(2, 0, 1)
    with path.open("rb") as file:
        forms = [
            str(path), path, Anywhere(), png(), bytearray(png()), memoryview(png()), mapped(tmp_path),
            io.BytesIO(png()), io.BufferedReader(io.BytesIO(png())), file, spooled(), Reader(png()),
            Image.open(path), Image.fromarray(PIXELS), PIXELS, PIXELS.astype(np.int64), PIXELS[None],
            memoryview(PIXELS), tensor,  # type: ignore[arg-type]
            (tensor / 255).requires_grad_(), tensor[None],
            {"bytes": png(), "path": None}, {"bytes": None, "path": str(path)},
        ]  # fmt: skip
        for form in forms:
            np.testing.assert_array_equal(pixels_of(form, 3), PIXELS, str(type(form)))
            if hasattr(form, "close"):
                form.close()


def test_a_file_object_is_read_from_where_it_stands_and_stays_there() -> None:
    file = io.BytesIO(b"header" + png())
    file.seek(6)
    assert content_of(file) == png()
    assert file.tell() == 6
    file.seek(0, io.SEEK_END)
    with pytest.raises(
        BadImageError, match=r"^nothing to read from position \d+ on; call seek\(0\)"
    ):
        content_of(file)
    with pytest.raises(BadImageError, match=r"^empty file$"):
        content_of(io.BytesIO())


async def _later() -> bytes:
    return b""


class _Upload:
    def read(self) -> Any:
        return _later()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "image of type NoneType: give a path"),
        (3, "image of type int"),
        (True, "image of type bool"),
        (object(), "image of type object"),
        ({"a": 1}, "image of type dict"),
        (Image.Image, "image of type type"),
        (array, "image of type module"),
        (lambda: b"", "image of type function"),
        ("", "a path is empty"),
        ("  ", "a path is empty"),
        (
            "https://example.org/a.jpg",
            "https://example.org/a.jpg: is a URL, and OneStop opens none",
        ),
        (Path("http://example.org/a.jpg"), "http:/example.org/a.jpg: is a URL"),
        ("gs://bucket/a.jpg", "is a URL"),
        ("file:///a.jpg", "is a URL"),
        ("data:image/png;base64,iVBORw0KGgo", "is a URL"),
        ("a\0b.png", "is not a path"),
        ("iVBORw0KGgo" * 1000, "is not a path; pass the content of a file as bytes"),
        (io.StringIO("text"), "StringIO: was opened as text; open it in mode 'rb'"),
        (Reader(7), "Reader: its read.. gives int, not bytes"),
        (_Upload(), "_Upload: its read.. is asynchronous; await it"),
        (torch.zeros(3, 4, 4, device="meta"), "array of type Tensor: has no values"),
    ],
)
def test_anything_else_is_named_in_one_line(image: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        image_form(image)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


def test_a_closed_file_is_named() -> None:
    file = io.BytesIO(png())
    file.close()
    with pytest.raises(UsageError, match=r"BytesIO: cannot be read \(I/O operation on closed file"):
        image_form(file)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (0, 0, 0), (3, 0, 4)])
def test_images_without_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadImageError, match=r"shape .*: holds no pixels"):
        pixels_of(np.zeros(shape, np.uint8), 3)
    with pytest.raises(BadImageError, match="holds no pixels"):
        pixels_of(Image.new("RGB", (0, 5)), 3)


def test_several_images_are_not_taken_for_the_first_of_them() -> None:
    with pytest.raises(BadImageError, match="holds 2 images; pass them one by one"):
        pixels_of(np.zeros((2, 8, 8, 3), np.uint8), 3)


def test_paths_stay_as_they_are_and_odd_names_are_no_urls(tmp_path: Path) -> None:
    assert local_path("a/b.png") == Path("a/b.png")
    assert local_path("C:/photos/a.png") == Path("C:/photos/a.png")
    assert local_path("timm:resnet18") == Path("timm:resnet18")
    odd = tmp_path / "http:" / "a.png"
    odd.parent.mkdir()
    odd.touch()
    assert local_path(odd) == odd


def test_arrays_are_told_from_other_things() -> None:
    assert is_array(np.zeros(2))
    assert is_array(torch.zeros(2))
    assert not is_array([1, 2])
    assert not is_array(np.ndarray)


def test_a_tilde_is_the_home_folder_unless_something_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expanded("~") == Path.home()
    assert local_path("~/photos") == Path.home() / "photos"
    with pytest.raises(UsageError, match=r"^~nobodyatall/x: no home folder of that user; write"):
        local_path("~nobodyatall/x")
    Path("~draft.png").touch()
    assert local_path("~draft.png") == Path("~draft.png")
