"""Random changes: what they do, and what they depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.augmentation import Augmentation, Change, Draw, Moves, _part, part_of
from onestop.data.auto_augment import auto_augmented
from onestop.data.colors import jittered
from onestop.data.erasing import erased
from onestop.data.mixing import mixed
from onestop.recipe import Augment
from onestop.runtime.rng import key_for, uniform

POLICIES: list[Augment] = ["flip", "crop", "flip-crop", "resized-crop"]
NOTHING: dict[str, Any] = {}
CHANGES: list[dict[str, Any]] = [
    {"auto": "trivial"},
    {"auto": "rand"},
    {"color": 0.5},
    {"erase": 0.5},
    {"auto": "rand", "color": 0.3, "erase": 0.3},
]
COUNT = 400
NUMBERS = np.arange(COUNT)


def noise(height: int = 16, width: int = 24, count: int = COUNT, channels: int = 3) -> Tensor:
    shape = (count, channels, height, width)
    return torch.from_numpy(np.random.default_rng(0).integers(1, 256, shape, dtype=np.uint8))


def augmented(
    images: Tensor, policy: Augment, seed: int, epoch: int, numbers: NDArray[np.int64],
    mean: tuple[float, ...] = (0.0,), **changes: Any,
) -> Tensor:  # fmt: skip
    change = Change(Augmentation(policy, seed=seed, **changes), epoch, mean)
    return change(images, numbers)[0]


def moves_of(policy: Augment, seed: int, epoch: int, images: Tensor) -> Moves:
    return Change(Augmentation(policy, seed=seed), epoch)(images, np.arange(len(images)))[1]


def mirrored(before: Tensor, after: Tensor) -> Tensor:
    """Which images were mirrored; each is the same or mirrored, and none is symmetric."""
    same, flipped = (
        (after == before).flatten(1).all(1),
        (after == before.flip(-1)).flatten(1).all(1),
    )
    assert (same ^ flipped).all()
    return flipped


def window(before: Tensor, after: Tensor) -> tuple[int, int]:
    """Where in the image with black around it the window lies; it is there once."""
    height, width = before.shape[-2:]
    down, right = height // 8, width // 8
    padded = torch.zeros(3, height + 2 * down, width + 2 * right, dtype=torch.uint8)
    padded[:, down : down + height, right : right + width] = before
    places = [
        (y, x)
        for y in range(2 * down + 1)
        for x in range(2 * right + 1)
        if torch.equal(padded[:, y : y + height, x : x + width], after)
    ]
    assert len(places) == 1
    return places[0]


# --- what a change depends on ---


@pytest.mark.parametrize("policy", POLICIES)
def test_an_image_is_changed_alike_in_whatever_batch_it_is(policy: Augment) -> None:
    images = noise()
    whole = augmented(images, policy, 7, 3, NUMBERS)
    for some in (np.array([5]), np.array([399, 0, 17]), np.arange(COUNT)[::-1].copy(), NUMBERS[:0]):
        part = augmented(images[torch.from_numpy(some)], policy, 7, 3, some)
        assert torch.equal(part, whole[torch.from_numpy(some)])


@pytest.mark.parametrize("policy", POLICIES)
def test_another_seed_or_epoch_changes_otherwise(policy: Augment) -> None:
    images = noise()
    first = augmented(images, policy, 7, 3, NUMBERS)
    assert torch.equal(augmented(images, policy, 7, 3, NUMBERS), first)
    assert not torch.equal(augmented(images, policy, 8, 3, NUMBERS), first)
    assert not torch.equal(augmented(images, policy, 7, 4, NUMBERS), first)


@pytest.mark.parametrize("policy", ["none", *POLICIES])
def test_the_images_given_are_not_changed(policy: Augment) -> None:
    images, torchs = noise(), torch.get_rng_state()
    after = augmented(images, policy, 0, 0, NUMBERS)
    assert torch.equal(images, noise())
    assert (after.shape, after.dtype) == (images.shape, torch.uint8)
    assert torch.equal(torch.get_rng_state(), torchs)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("count", [0, 1, COUNT])
def test_how_images_lie_in_memory_changes_nothing(policy: Augment, count: int) -> None:
    some, wide = NUMBERS[:count], noise(width=40)[:count]
    wanted = augmented(wide[..., 3:27].contiguous(), policy, 7, 3, some)
    for images in (
        wide[..., 3:27],
        wide[..., 3:27].contiguous(memory_format=torch.channels_last),
        wide.flip(0).permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2).flip(0)[..., 3:27],
    ):
        before = images.clone()
        assert torch.equal(augmented(images, policy, 7, 3, some), wanted)
        assert torch.equal(images, before)
    last = augmented(images.contiguous(memory_format=torch.channels_last), policy, 7, 3, some)
    assert not count or last.is_contiguous(memory_format=torch.channels_last)


def test_none_changes_nothing() -> None:
    assert torch.equal(augmented(noise(), "none", 0, 0, NUMBERS), noise())


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_other_changes_too_depend_on_seed_epoch_and_image_alone(
    changes: dict[str, Any], channels: int
) -> None:
    images, torchs = noise(channels=channels), torch.get_rng_state()

    def changed(some: NDArray[np.int64], seed: int = 7, epoch: int = 3) -> Tensor:
        part, mean = images[torch.from_numpy(some)], (0.3,) * channels
        return augmented(part, "flip-crop", seed, epoch, some, mean, **changes)

    whole = changed(NUMBERS)
    assert (whole.shape, whole.dtype) == (images.shape, torch.uint8)
    for some in (np.array([5]), np.array([399, 0, 17]), NUMBERS[::-1].copy(), NUMBERS[:0]):
        assert torch.equal(changed(some), whole[torch.from_numpy(some)])
    for other in (changed(NUMBERS, seed=8), changed(NUMBERS, epoch=4)):
        assert (other != whole).flatten(1).any(1).float().mean() > 0.9
    assert torch.equal(images, noise(channels=channels))
    assert torch.equal(torch.get_rng_state(), torchs)


def test_one_comes_after_the_other() -> None:
    images, mean = noise(), (0.1, 0.2, 0.3)
    flipped = augmented(images, "flip-crop", 1, 2, NUMBERS)
    auto = auto_augmented(flipped, "rand", uniform(key_for(1, "auto", 2), NUMBERS, 6))
    coloured = jittered(auto, 0.4, uniform(key_for(1, "color", 2), NUMBERS, 4))
    wanted = erased(coloured, 0.6, mean, uniform(key_for(1, "erase", 2), NUMBERS, 23))
    changes: dict[str, Any] = {"auto": "rand", "color": 0.4, "erase": 0.6}
    assert torch.equal(augmented(images, "flip-crop", 1, 2, NUMBERS, mean, **changes), wanted)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("changes", [NOTHING, *CHANGES], ids=str)
def test_images_may_lie_on_any_device(policy: Augment, changes: dict[str, Any]) -> None:
    """On torch's device without values nothing can be read back or mixed with the processor's."""
    images = noise().to("meta")
    after = augmented(images, policy, 0, 0, NUMBERS, (0.5,) * 3, **changes)
    assert (after.device.type, after.shape, after.dtype) == ("meta", images.shape, torch.uint8)


# --- flip and crop ---


@pytest.mark.parametrize("policy", ["flip", "resized-crop"])
def test_half_of_the_images_are_mirrored_and_then_the_others(policy: Augment) -> None:
    images = noise()
    flips = torch.stack(
        [mirrored(images, augmented(images, policy, 0, e, NUMBERS)) for e in range(4)]
    )
    assert 150 < int(flips[0].sum()) < 250  # of 400; deviation 10
    assert torch.equal(flips[1], ~flips[0])
    assert torch.equal(flips[:2], flips[2:])
    other_seed = mirrored(images, augmented(images, policy, 1, 0, NUMBERS))
    assert not torch.equal(other_seed, flips[0])


def test_a_crop_is_a_window_of_the_image_with_black_around() -> None:
    images = noise()
    after = augmented(images, "crop", 0, 0, NUMBERS)
    places = [window(*pair) for pair in zip(images, after, strict=True)]
    for axis, ways in ((0, 5), (1, 7)):  # an eighth of 16 and of 24 on either side
        times = np.bincount([place[axis] for place in places], minlength=ways)
        assert len(times) == ways
        assert times.min() > COUNT / ways / 2
    assert np.abs(np.corrcoef(np.array(places).T)[0, 1]) < 0.2


@pytest.mark.parametrize(("height", "width"), [(56, 6), (8, 8), (5, 3), (1, 1)])
def test_a_shift_is_an_eighth_or_a_pixel(height: int, width: int) -> None:
    images = noise(height, width)
    after = augmented(images, "crop", 0, 0, NUMBERS)
    assert after.shape == images.shape
    assert not torch.equal(after, images)
    shown = (after > 0).flatten(1).sum(1) / (3 * height * width)
    assert shown.max() == 1
    least = (height - max(1, height // 8)) * (width - max(1, width // 8)) / (height * width)
    assert shown.min() == pytest.approx(least)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_shift_is_as_far_as_was_asked_for(padding: int) -> None:
    images = noise()
    after = augmented(images, "crop", 0, 0, NUMBERS, padding=padding)
    shown = (after > 0).flatten(2).any(1)  # [B, h*w]
    moved = [int(seen.sum()) for seen in shown]
    assert min(moved) == (16 - padding) * (24 - padding)
    assert max(moved) == 16 * 24
    assert torch.equal(after, images) == (padding == 0)


def test_flip_and_crop_are_those_of_the_two_alone() -> None:
    images = noise()
    cropped = augmented(images, "crop", 0, 0, NUMBERS)
    both = augmented(images, "flip-crop", 0, 0, NUMBERS)
    assert torch.equal(both, augmented(cropped, "flip", 0, 0, NUMBERS))


# --- a random part ---


@pytest.mark.parametrize(("height", "width"), [(200, 200), (120, 300), (300, 120), (31, 40)])
def test_a_part_keeps_its_limits_of_area_and_shape(height: int, width: int) -> None:
    areas, ratios = [], []
    for draws in uniform(1, np.arange(1000), 22):
        top, left, h, w = _part(height, width, draws)
        assert 0 <= top <= top + h <= height
        assert 0 <= left <= left + w <= width
        areas.append(h * w / (height * width))
        ratios.append(w / h)
    rounding = 1.5 / min(height, width)
    assert 0.35 - rounding < min(areas) < 0.35 + 0.05
    assert max(areas) <= 1
    assert 3 / 4 - 2 * rounding < min(ratios) < max(ratios) < 4 / 3 + 2 * rounding


def test_parts_lie_everywhere() -> None:
    parts = np.array([_part(100, 100, draws) for draws in uniform(1, np.arange(2000), 22)])
    top, left, h, w = parts.T
    for start, length in ((top, h), (left, w)):
        room = 100 - length
        place = start[room > 10] / room[room > 10]
        assert (place.min(), place.max()) == (0, 1)
        assert place.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("height", "width", "part"),
    [(10, 1000, (0, 493, 10, 13)), (1000, 10, (493, 0, 13, 10)), (1, 1, (0, 0, 1, 1))],
)
def test_of_a_narrow_image_the_middle_is_taken(
    height: int, width: int, part: tuple[int, int, int, int]
) -> None:
    for draws in uniform(1, np.arange(20), 22):
        assert _part(height, width, draws) == part


def test_a_part_is_a_function_of_seed_epoch_and_image() -> None:
    def part(index: int, seed: int, epoch: int) -> tuple[int, int, int, int]:
        return part_of(120, 160, Draw(seed, epoch, np.array([index])))

    assert part(3, 0, 0) == part(3, 0, 0)
    assert len({part(3, 0, 0), part(4, 0, 0), part(3, 1, 0), part(3, 0, 1)}) == 4


# --- moves ---


def test_moves_say_which_images_were_mirrored() -> None:
    images = noise()
    for epoch in (0, 1):
        moves = moves_of("flip", 5, epoch, images)
        flipped = mirrored(images, augmented(images, "flip", 5, epoch, NUMBERS))
        assert moves.flip is not None
        assert moves.flip.tolist() == flipped.tolist()
        assert moves.shift is None
        assert moves.crop is None


def test_moves_say_how_far_images_were_shifted() -> None:
    images = noise()
    moves = moves_of("crop", 0, 0, images)
    assert moves.shift is not None
    assert moves.flip is None
    after = augmented(images, "crop", 0, 0, NUMBERS)
    for before, image, (down, right) in zip(images, after, moves.shift.tolist(), strict=True):
        assert window(before, image) == (16 // 8 - down, 24 // 8 - right)
    image = images[0]
    down, right = moves.shift[0].tolist()
    for y, x in ((6, 9), (9, 14)):  # so far inside that they stay in the image
        assert torch.equal(after[0][:, y + down, x + right], image[:, y, x])


def test_without_moves_nothing_is_said_to_have_moved() -> None:
    assert moves_of("none", 0, 0, noise()) == Moves()
    vectors = torch.zeros(3, 5)
    change = Change(Augmentation(), 0)
    assert change(vectors, np.arange(3)) == (vectors, Moves())


def test_a_crop_that_preparing_made_is_handed_on() -> None:
    crop = np.full((COUNT, 4), 0.5)
    _, moves = Change(Augmentation("resized-crop"), 0)(noise(), NUMBERS, crop)
    assert moves.crop is crop
    assert moves.flip is not None


def test_what_an_augmentation_does_is_told_by_its_values() -> None:
    assert not any((Augmentation().cuts_parts, Augmentation().recolors, Augmentation().mixes))
    assert Augmentation("resized-crop").cuts_parts
    assert not Augmentation("flip-crop").recolors
    assert all(Augmentation(**changes).recolors for changes in CHANGES)
    assert Augmentation(mixup=0.1).mixes
    assert Augmentation(cutmix=0.1).mixes


def test_a_batch_is_mixed_by_its_first_image() -> None:
    inputs, shares = torch.rand(4, 3, 8, 8), torch.eye(4)
    both = Augmentation(mixup=0.8, cutmix=1.0, seed=3)

    def mix(*numbers: int) -> tuple[Tensor, Tensor]:
        return both.mix(inputs, shares, Draw(3, 2, np.array(numbers)))

    draws = uniform(key_for(3, "mix", 2), np.array([7]), 5)[0]
    for found in (mix(7, 1, 2, 3), mix(7, 5, 6, 4)):
        for tensor, wanted in zip(found, mixed(inputs, shares, 0.8, 1.0, draws), strict=True):
            assert torch.equal(tensor, wanted)
    assert not torch.equal(mix(8, 1, 2, 3)[0], mix(7, 1, 2, 3)[0])
