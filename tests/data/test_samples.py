"""Files, arrays and torch sets behind one face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.targets import Classes, Numbers
from onestop.data.torch_samples import TorchSamples

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
TARGETS = Classes(np.array([0, 1, 2, 0, 1]), ("a", "b", "c"))


def first(count: int) -> Classes:
    """The targets of so many samples."""
    return TARGETS.take(np.arange(count))


class Pairs:
    """A torch data set of the plainest kind."""

    def __init__(self, images: list[Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], 0


@pytest.fixture(params=["files", "arrays", "torch"])
def samples(request: pytest.FixtureRequest, tmp_path: Path) -> Samples:
    """The same five pictures in each form."""
    if request.param == "arrays":
        return ArraySamples(PIXELS, TARGETS)
    if request.param == "torch":
        return TorchSamples(Pairs([Image.fromarray(p) for p in PIXELS]), TARGETS, np.arange(5))
    names = [f"{number}.png" for number in range(5)]
    for name, pixels in zip(names, PIXELS, strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    return FileSamples(tmp_path, names, TARGETS)


def test_reading_gives_the_pixels_in_the_channels_asked_for(samples: Samples) -> None:
    assert len(samples) == 5
    for index in range(5):
        np.testing.assert_array_equal(samples.read(index, 3), PIXELS[index])
        grey = np.asarray(Image.fromarray(PIXELS[index]).convert("L"))
        np.testing.assert_array_equal(samples.read(index, 1)[..., 0], grey)


def test_measuring_gives_height_width_and_channels(samples: Samples) -> None:
    assert samples.measure(2) == (6, 7, 3)


def test_taken_samples_keep_their_names_pixels_and_targets(samples: Samples) -> None:
    taken = samples.take(np.array([3, 1, 4])).take(np.array([2, 0]))
    assert taken.targets.batch(np.arange(2)).tolist() == [1, 0]
    assert [taken.name(0), taken.name(1)] == [samples.name(4), samples.name(3)]
    np.testing.assert_array_equal(taken.read(0, 3), PIXELS[4])
    np.testing.assert_array_equal(taken.read(1, 3), PIXELS[3])


def test_identity_is_a_function_of_the_samples(samples: Samples) -> None:
    everything = np.arange(5)
    assert samples.identity() == samples.take(everything).identity()


def test_identity_of_files_knows_paths_and_sizes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"123")
    files = FileSamples(tmp_path, ["a", "b", "missing"], first(3))
    before = files.identity()
    assert FileSamples(tmp_path, ["b", "a", "missing"], first(3)).identity() != before
    (tmp_path / "b").write_bytes(b"1234")
    assert files.identity() != before


def test_identity_of_arrays_knows_every_pixel() -> None:
    changed = PIXELS.copy()
    changed[4, 5, 6, 2] ^= 1
    before = ArraySamples(PIXELS, TARGETS).identity()
    assert ArraySamples(changed, TARGETS).identity() != before
    assert ArraySamples(PIXELS.reshape(5, 7, 6, 3), TARGETS).identity() != before


def test_many_arrays_are_read_as_one_by_one() -> None:
    samples = ArraySamples(PIXELS, TARGETS)
    together = np.stack([samples.read(4, 3), samples.read(0, 3)])
    np.testing.assert_array_equal(samples.many(np.array([4, 0])), together)
    np.testing.assert_array_equal(samples.many(slice(1, 3)), PIXELS[1:3])


def test_vectors_are_told_from_images() -> None:
    vectors, images = (
        ArraySamples(np.zeros((5, 3), np.float32), TARGETS),
        ArraySamples(PIXELS, TARGETS),
    )
    assert (vectors.is_image, vectors.features) == (False, 3)
    assert (images.is_image, images.features) == (True, 0)


def test_what_is_known_of_the_content_without_decoding(samples: Samples) -> None:
    is_file = isinstance(samples, FileSamples)
    content = samples.content(2)
    assert (content is None) != is_file
    assert samples.size(2) == (len(content) if content else 0)
    assert samples.in_memory == isinstance(samples, ArraySamples)
    if samples.has_digests:
        assert len({samples.digest(index) for index in range(5)}) == 5
        assert samples.digest(3) == samples.take(np.array([3])).digest(0)
    else:
        with pytest.raises(NotImplementedError):
            samples.digest(2)
    if not samples.in_memory:
        with pytest.raises(NotImplementedError):
            samples.many(np.arange(2))


def test_samples_with_other_targets_are_the_same_samples(samples: Samples) -> None:
    others = samples.with_targets(Numbers(np.arange(5, dtype=np.float32)))
    assert (type(others), others.identity()) == (type(samples), samples.identity())
    assert others.targets.words(4) == ("4",)
    assert samples.targets.words(4) == ("b",)


def test_a_torch_set_may_give_arrays_and_tensors() -> None:
    image = PIXELS[0]
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    forms = [image, tensor, tensor / 255, image[..., 0], tensor[:1], Image.fromarray(image)]
    samples = TorchSamples(Pairs(forms), Numbers(np.zeros(len(forms))), np.arange(len(forms)))
    for index in (0, 1, 2, 5):
        np.testing.assert_array_equal(samples.read(index, 3), image)
    for index in (3, 4):
        np.testing.assert_array_equal(samples.read(index, 1), image[..., :1])
        assert samples.measure(index) == (6, 7, 1)


@pytest.mark.parametrize("mode", ["1", "L", "I", "F", "P", "RGB", "RGBA"])
def test_a_picture_measures_as_its_file_does(mode: str, tmp_path: Path) -> None:
    picture, path = Image.new(mode, (4, 3)), tmp_path / "a.tif"
    picture.save(path)
    in_torch = TorchSamples(Pairs([picture]), first(1), np.arange(1))
    assert in_torch.measure(0) == FileSamples(tmp_path, ["a.tif"], first(1)).measure(0)


def test_a_picture_with_an_orientation_is_measured_as_it_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        samples = TorchSamples(Pairs([picture]), first(1), np.arange(1))
        assert samples.read(0, 3).shape == samples.measure(0) == (7, 6, 3)
