"""Near copies: the hash is imagehash's, copies are found, and what is not a copy is not."""

from __future__ import annotations

import io
from collections.abc import Callable

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from onestop.data.samples import ArraySamples
from onestop.data.targets import Numbers
from onestop.linting.inspection import inspect_image
from onestop.linting.near_duplicates import _bits_apart, hashes, near_duplicates
from tests.reliability.bad_inputs import picture

COUNT = 60


def image(seed: int) -> Image.Image:
    """Something with edges and fine detail."""
    rng = np.random.default_rng(seed)
    base = picture(seed, 120, 150).astype(np.int16)
    marks = np.kron(rng.integers(-60, 60, (24, 30, 1)), np.ones((5, 5, 1), np.int64))
    return Image.fromarray(np.clip(base + marks, 0, 255).astype(np.uint8))


def looked_at(images: list[Image.Image]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    looks = []
    for one in images:
        values = np.asarray(one.convert("RGB"))[None]
        looks.append(inspect_image(ArraySamples(values, Numbers(np.zeros(1))), 0))
    thumbs = np.stack([look.thumb for look in looks if look.thumb is not None])
    return thumbs, np.array([look.color for look in looks], dtype=np.float32)


def pairs(images: list[Image.Image], workers: int = 0) -> list[tuple[int, int]]:
    return near_duplicates(*looked_at(images), workers, lambda done, total: None)


def test_the_hash_is_that_of_imagehash() -> None:
    images = [image(seed) for seed in range(20)]
    thumbs, _ = looked_at(images)
    for thumb, found in zip(thumbs, hashes(thumbs), strict=True):
        theirs = imagehash.phash(Image.fromarray(thumb)).hash
        assert np.unpackbits(np.array([found]).view(np.uint8)).tolist() == theirs.ravel().tolist()


def jpeg(one: Image.Image) -> Image.Image:
    file = io.BytesIO()
    one.save(file, "JPEG", quality=50)
    return Image.open(file)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": jpeg,
    "smaller": lambda one: one.resize((60, 48)),
    "larger": lambda one: one.resize((320, 256)),
    "of another shape": lambda one: one.resize((120, 120)),
    "mirrored": ImageOps.mirror,
    "cropped": lambda one: one.crop((6, 2, 143, 114)),
    "cropped at a corner": lambda one: one.crop((0, 0, 140, 112)),
    "cropped and mirrored": lambda one: ImageOps.mirror(one.crop((3, 6, 143, 118))),
    "in grey": lambda one: one.convert("L"),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_found_among_others(way: str) -> None:
    images = [image(seed) for seed in range(COUNT)]
    copies = [COPIES[way](one) for one in images[:20]]
    found = pairs([*images, *copies])
    assert {(a, b) for a, b in found if b >= COUNT} == {(i, COUNT + i) for i in range(20)}
    assert all(b >= COUNT for _, b in found)


def test_shapes_on_a_plain_background_are_no_copies() -> None:
    """Nearly all of two such images is the same, and so are their hashes."""
    made = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        canvas = np.full((64, 64, 3), 200, np.uint8)
        texture = rng.integers(0, 120, (14, 24, 3), dtype=np.uint8)
        canvas[24:38, 20:44] = texture
        made.append(Image.fromarray(canvas))
    thumbs, _ = looked_at(made)
    found = hashes(thumbs)
    near = np.bitwise_count(found[:, None] ^ found[None]) <= 12
    assert near.sum() > 100  # so the hash alone would not do
    assert pairs(made) == []


def test_plain_images_are_not_compared() -> None:
    made = [Image.new("RGB", (20, 20), (level, level, level)) for level in range(0, 250, 10)]
    assert pairs(made) == []


def test_threads_change_nothing() -> None:
    images = [image(seed % 25) if seed < 30 else jpeg(image(seed - 20)) for seed in range(50)]
    assert pairs(images, workers=2) == pairs(images, workers=0) != []


def test_where_all_look_alike_few_pairs_are_proposed() -> None:
    """A thousand variations of ten shapes: compared all with all they would be half a million."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 2, (10, 8, 8))
    thumbs = np.kron(shapes[np.arange(1000) % 10], np.ones((1, 4, 4))) * 200
    thumbs = (thumbs + rng.integers(0, 40, thumbs.shape)).astype(np.uint8)
    bits = _bits_apart(hashes(thumbs))
    assert bits < 6
    found = hashes(thumbs)
    apart = np.bitwise_count(found[:, None] ^ found[None])
    assert (apart <= bits).sum() < (apart <= 12).sum() / 2
    assert _bits_apart(hashes(rng.integers(0, 256, (500, 32, 32), dtype=np.uint8))) == 12


def test_frames_of_a_film_are_chained() -> None:
    """Each frame is nearly the next, and all of them are one group."""
    wide = np.asarray(image(1).resize((400, 120)))
    frames = [Image.fromarray(wide[:, start : start + 150]) for start in range(0, 60, 2)]
    found = pairs(frames + [image(seed) for seed in range(10, 40)])
    assert {(number, number + 1) for number in range(29)} <= set(found)
    assert all(b < 30 for _, b in found)
