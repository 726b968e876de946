"""Geometry and numbers of the one preprocessing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from onestop.data import preprocess
from onestop.data.preprocess import (
    ImagePreprocessing,
    VectorPreprocessing,
    from_json,
    interpolate,
    pixel_tensor,
)
from onestop.data.samples import ArraySamples
from onestop.data.targets import Numbers
from onestop.errors import BadImageError, UsageError
from onestop.recipe import Fit

Mode = Literal["bilinear", "bicubic"]
PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    rng = np.random.default_rng([height, width])
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def prepared(pixels: NDArray[np.uint8], size: tuple[int, int], **options: Any) -> NDArray[np.int64]:
    """What the network sees, [h, w, C] and not normalised."""
    channels = pixels.shape[-1]
    declared = ImagePreprocessing(channels, size, (0.0,) * channels, (1.0,) * channels, **options)
    samples = ArraySamples(pixels[None], Numbers(np.zeros(1)))
    tensor = declared.prepare(samples, 0)
    assert declared.shape == (channels, *size)
    assert tuple(tensor.shape) == declared.shape
    assert tensor.dtype == torch.uint8
    return tensor.permute(1, 2, 0).numpy().astype(np.int64)


def by_pillow(
    pixels: NDArray[np.uint8], height: int, width: int, mode: Mode = "bilinear"
) -> NDArray[np.int64]:
    return np.asarray(Image.fromarray(pixels).resize((width, height), PILLOW[mode])).astype(int)


# --- geometry ---


SIZES = [(7, 7), (32, 32), (20, 50), (90, 64), (150, 130)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_agrees_with_pillow(size: tuple[int, int], channels: int) -> None:
    pixels = noise(90, 64, channels)
    ours = prepared(pixels, size, fit="stretch")
    each = [by_pillow(pixels[..., channel], *size) for channel in range(channels)]
    assert np.abs(ours - np.stack(each, axis=-1)).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_bicubic_agrees_with_pillow_but_for_hard_edges(size: tuple[int, int]) -> None:
    hard = noise(90, 64)
    soft = by_pillow(noise(12, 9), 90, 64).astype(np.uint8)
    for pixels, most in ((soft, 0.0), (hard, 0.05)):
        ours = prepared(pixels, size, fit="stretch", interpolation="bicubic")
        differences = np.abs(ours - by_pillow(pixels, *size, "bicubic"))
        assert (differences > 1).mean() <= most


def test_bicubic_is_not_bilinear() -> None:
    cubic = prepared(noise(90, 64), (32, 32), fit="stretch", interpolation="bicubic")
    assert np.abs(cubic - prepared(noise(90, 64), (32, 32), fit="stretch")).max() > 5


@pytest.mark.parametrize(
    ("height", "width", "size", "scaled"),
    [
        (60, 90, (30, 30), (30, 45)),
        (90, 60, (30, 30), (45, 30)),
        (60, 60, (30, 30), (30, 30)),
        (20, 30, (40, 40), (40, 60)),
        (60, 90, (30, 20), (30, 45)),
        (60, 90, (20, 60), (40, 60)),
        (64, 61, (32, 32), (34, 32)),
    ],
)
def test_crop_scales_until_the_middle_fills_the_size(
    height: int, width: int, size: tuple[int, int], scaled: tuple[int, int]
) -> None:
    pixels = noise(height, width)
    top, left = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    whole = by_pillow(pixels, *scaled)
    wanted = whole[top : top + size[0], left : left + size[1]]
    assert np.abs(prepared(pixels, size, fit="crop") - wanted).max() <= 1


def test_crop_may_leave_a_margin() -> None:
    pixels = noise(300, 400)
    wanted = by_pillow(pixels, 256, 341)[16:240, 58:282]
    assert np.abs(prepared(pixels, (224, 224), crop_fraction=0.875) - wanted).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "size", "scaled", "corner"),
    [
        (60, 90, (30, 30), (20, 30), (5, 0)),
        (90, 60, (30, 30), (30, 20), (0, 5)),
        (60, 90, (31, 30), (20, 30), (5, 0)),  # an odd rest: the smaller half above
        (10, 20, (40, 40), (20, 40), (10, 0)),
        (60, 60, (20, 50), (20, 20), (0, 15)),
    ],
)
def test_pad_shows_all_on_black(
    height: int,
    width: int,
    size: tuple[int, int],
    scaled: tuple[int, int],
    corner: tuple[int, int],
) -> None:
    pixels = noise(height, width) // 2 + 100
    (top, left), (h, w) = corner, scaled
    ours = prepared(pixels, size, fit="pad")
    inside = ours[top : top + h, left : left + w]
    assert np.abs(inside - by_pillow(pixels, h, w)).max() <= 1
    assert (ours > 0).sum() == inside.size


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_image_of_the_right_size_is_left_alone(
    fit: Literal["crop", "stretch", "pad"], channels: int
) -> None:
    pixels = noise(24, 24, channels)
    np.testing.assert_array_equal(prepared(pixels, (24, 24), fit=fit), pixels)


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (2, 333), (13, 8)])
def test_any_shape_becomes_the_size(
    fit: Literal["crop", "stretch", "pad"], height: int, width: int
) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    ours = prepared(pixels, (16, 16), fit=fit)
    assert set(np.unique(ours)) <= {0, 200}
    assert (ours == 200).all() or fit == "pad"


def test_many_images_are_resized_as_one_by_one() -> None:
    declared = ImagePreprocessing(3, (16, 16), (0.0,) * 3, (1.0,) * 3)
    pixels = np.stack([noise(40, 50), noise(40, 50)[::-1]])
    together = declared.resize(pixel_tensor(pixels))
    for image, alone in zip(together, pixels, strict=True):
        assert torch.equal(image, declared.resize(pixel_tensor(alone))[0])


def test_pixels_that_must_not_be_written_become_a_tensor() -> None:
    pixels = noise(4, 5)
    pixels.flags.writeable = False
    assert torch.equal(pixel_tensor(pixels)[0], torch.from_numpy(pixels.copy()).permute(2, 0, 1))
    assert interpolate(pixel_tensor(pixels), (2, 2)).shape == (1, 3, 2, 2)


# --- numbers ---


def test_normalised_pixels() -> None:
    declared = ImagePreprocessing(3, (2, 2), (0.5, 0.25, 0.0), (0.5, 2.0, 1.0))
    batch = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 2, 2)
    inputs = declared.normalise(batch)
    assert (inputs.shape, inputs.dtype) == ((2, 3, 2, 2), torch.float32)
    wanted = torch.tensor([-1.0, (0.2 - 0.25) / 2, 1.0])
    torch.testing.assert_close(inputs[1, :, 1, 0], wanted, rtol=0, atol=1e-6)


def test_normalised_noise_agrees_with_the_plain_formula() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    batch = pixel_tensor(noise(32, 32))
    before = batch.clone()
    inputs = ImagePreprocessing(3, (32, 32), mean, std).normalise(batch)
    wanted = (batch.double() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(
        3, 1, 1
    )
    torch.testing.assert_close(inputs.double(), wanted, rtol=0, atol=1e-5)
    assert torch.equal(batch, before)


def test_vectors_are_normalised_number_by_number() -> None:
    declared = VectorPreprocessing(2, (1.0, -1.0), (2.0, 0.5))
    samples = ArraySamples(np.array([[3, 0], [1, 1]], np.float32), Numbers(np.zeros(2)))
    assert declared.shape == (2,)
    row = declared.prepare(samples, 0)
    assert row.tolist() == [3, 0]
    assert declared.normalise(row[None]).tolist() == [[1.0, 2.0]]
    assert samples.values[0].tolist() == [3, 0]


def test_vectors_are_prepared_together_and_as_a_person_gives_them() -> None:
    declared = VectorPreprocessing(2, (1.0, -1.0), (2.0, 0.5))
    samples = ArraySamples(np.array([[3, 0], [1, 1]], np.float32), Numbers(np.zeros(2)))
    assert declared.prepare_many(samples, np.array([1, 0])).tolist() == [[1, 1], [3, 0]]
    assert declared.room(3).tolist() == [[0, 0]] * 3
    for given in ([3, 0], np.array([3, 0]), torch.tensor([3.0, 0])):
        assert declared.prepare_input(given).tolist() == [3, 0]
    with pytest.raises(BadImageError, match="has 3 values, expected 2"):
        declared.prepare_input([1, 2, 3])


def test_images_are_prepared_together_as_one_by_one() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    samples = ArraySamples(pixels, Numbers(np.zeros(5)))
    declared = ImagePreprocessing(1, (8, 9), (0.5,), (0.5,))
    some = declared.prepare_many(samples, np.array([4, 0]))
    assert torch.equal(
        some, torch.stack([declared.prepare(samples, 4), declared.prepare(samples, 0)])
    )
    assert torch.equal(declared.prepare_input(pixels[4]), some[0])
    room = declared.room(2)
    assert (room.shape, room.dtype, int(room.sum())) == (some.shape, torch.uint8, 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_normalised_can_be_made_pixels_again(channels: int) -> None:
    declared = ImagePreprocessing(channels, (16, 16), (0.4,) * channels, (0.2,) * channels)
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, channels, -1, -1)
    assert torch.equal(declared.denormalise(declared.normalise(images)), images)
    vectors = VectorPreprocessing(2, (1.0, -1.0), (2.0, 0.5))
    assert vectors.denormalise(vectors.normalise(torch.tensor([[3.0, 0]]))).tolist() == [[3, 0]]


@pytest.mark.parametrize(
    "declared",
    [
        ImagePreprocessing(1, (8, 9), (0.5,), (0.5,), "pad"),
        VectorPreprocessing(1, (0.0,), (1.0,)),
    ],
)
def test_another_mean_changes_nothing_else(
    declared: ImagePreprocessing | VectorPreprocessing,
) -> None:
    other = declared.normalised_by((0.25,), (2.0,))
    assert (other.mean, other.std) == ((0.25,), (2.0,))
    assert other.normalised_by(declared.mean, declared.std) == declared


# --- as it is stored ---


@pytest.mark.parametrize(
    "declared",
    [
        ImagePreprocessing(1, (28, 28), (0.1307,), (0.3081,)),
        ImagePreprocessing(
            3, (224, 180), (0.1, 0.2, 0.3), (1, 2, 3), "pad", 0.875, "bicubic"
        ),
        VectorPreprocessing(2, (0.5, 1 / 3), (1.0, 2.0)),
    ],
)  # fmt: skip
def test_what_is_stored_comes_back(declared: ImagePreprocessing | VectorPreprocessing) -> None:
    again = from_json(json.loads(json.dumps(declared.to_json())))
    assert again == declared
    assert again.shape == declared.shape
    with pytest.raises(dataclasses.FrozenInstanceError):
        again.mean = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "SoundPreprocessing"},
        {"kind": None},
        {"kind": []},
        {"rotation": 90},
        {"size": None},
    ],
)
def test_what_this_version_does_not_know_is_refused(change: dict[str, Any]) -> None:
    stored = ImagePreprocessing(1, (28, 28), (0.0,), (1.0,)).to_json() | change
    stored = {key: value for key, value in stored.items() if value is not None}
    with pytest.raises(UsageError, match="not known to this version"):
        from_json(stored)


@pytest.mark.parametrize("shape", [(1, 20000), (20000, 1), (3, 3000)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_strip_takes_no_gigabytes(
    shape: tuple[int, int], fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = 0
    inner = preprocess.interpolate

    def measured(images: torch.Tensor, size: Sequence[int], mode: str = "bilinear") -> torch.Tensor:
        nonlocal largest
        largest = max(largest, int(np.prod(size)))
        return inner(images, size, mode)

    monkeypatch.setattr(preprocess, "interpolate", measured)
    to = ImagePreprocessing(3, (224, 224), (0.5,) * 3, (0.5,) * 3, fit=fit, crop_fraction=0.875)
    strip = torch.from_numpy(noise(*shape, 1)).permute(2, 0, 1)[None]
    assert to.resize(strip.expand(-1, 3, -1, -1)).shape == (1, 3, 224, 224)
    assert largest <= 20 * 224 * 224 * 1.2


def test_what_is_cut_off_a_strip_changes_nothing_in_its_middle() -> None:
    to = ImagePreprocessing(1, (16, 16), (0.5,), (0.5,))
    rng = np.random.default_rng(0)
    long = torch.from_numpy(rng.integers(0, 256, (1, 1, 8, 8 * 40), dtype=np.uint8))
    middle = long[..., 8 * 20 - 64 : 8 * 20 + 64]
    assert torch.equal(to.resize(long), to.resize(middle))


@pytest.mark.parametrize(
    "changes",
    [
        {"size": (0, 16)}, {"size": (16, 2**20)}, {"size": (16,)}, {"channels": 0}, {"channels": 2**40},
        {"mean": (0.5, 0.5)}, {"std": ()}, {"std": (0.0,)}, {"std": (-1.0,)}, {"std": (1e400,)},
        {"mean": (float("nan"),)}, {"crop_fraction": 0.0}, {"crop_fraction": 1e-9}, {"fit": "melt"},
        {"crop_fraction": 1.5}, {"interpolation": "guess"}, {"channels": "many"}, {"new": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_stored_preprocessing_that_cannot_be_carried_out_is_refused(
    changes: dict[str, Any],
) -> None:
    good = ImagePreprocessing(1, (16, 16), (0.5,), (0.5,)).to_json()
    assert from_json(good).to_json() == good
    with pytest.raises(UsageError, match="not known to this version") as caught:
        from_json({**good, **changes})
    assert len(str(caught.value)) < 300


def test_a_pixel_range_is_stored_and_older_files_have_none() -> None:
    for pixel_range in ((1380.0, 1742.0), (-0.5, 1.25), "full", "image"):
        declared = ImagePreprocessing(1, (8, 8), (0.5,), (0.5,), pixel_range=pixel_range)
        stored = json.loads(json.dumps(declared.to_json()))
        assert from_json(stored) == declared
        del stored["pixel_range"]
        older = from_json(stored)
        assert isinstance(older, ImagePreprocessing)
        assert older.pixel_range == "image"


@pytest.mark.parametrize("value", [[5, 5], [9, 1], [0, float("inf")], [1], "some", None, [1, 2, 3]])
def test_a_pixel_range_that_is_none_is_refused(value: object) -> None:
    stored = ImagePreprocessing(1, (8, 8), (0.5,), (0.5,)).to_json() | {"pixel_range": value}
    with pytest.raises(UsageError, match="not known to this version"):
        from_json(stored)
