"""Each kind of change is torchvision's, whose kernels take one size for all images."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import RandAugment, TrivialAugmentWide

from onestop.data import auto_augment
from onestop.data.auto_augment import AUTO_DRAWS, auto_augmented, space
from onestop.recipe import AutoAugment
from onestop.runtime.rng import key_for, uniform

POLICIES: list[AutoAugment] = ["trivial", "rand"]
KINDS = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color",
    "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize",
)  # fmt: skip
HEIGHT, WIDTH = 24, 36


def smooth(channels: int = 3, count: int = 5) -> Tensor:
    """Waves, so that a place a pixel beside the right one still differs little."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [
        np.sin(x / (4 + i) + y / 7 + c) + np.cos(y / 5 - x / 9 + i)
        for i in range(count)
        for c in range(channels)
    ]
    values = (np.array(waves) * 60 + 125).reshape(count, channels, HEIGHT, WIDTH)
    return torch.from_numpy(values.astype(np.uint8))


def torchvisions(kind: str, images: Tensor, size: float) -> Tensor:
    policy = TrivialAugmentWide()
    return policy._apply_image_or_video_transform(  # type: ignore[no-any-return]
        images, kind, size, interpolation="nearest", fill={Tensor: None}
    )


def theirs(policy: AutoAugment, kind: str) -> tuple[list[float], bool]:
    """The 31 sizes of a kind of change in torchvision, and whether they have a sign."""
    kinds = (TrivialAugmentWide if policy == "trivial" else RandAugment)._AUGMENTATION_SPACE
    sizes, signed = kinds[kind]
    found = sizes(31, HEIGHT, WIDTH)
    return ([0.0] * 31 if found is None else [float(size) for size in found]), signed


def ours_as_theirs(kind: str, size: float) -> float:
    """Posterize and solarize count from the other end in torchvision."""
    if kind == "Posterize":
        return float(8 - np.rint(size))
    return 1 - size / 255 if kind == "Solarize" else size


@pytest.mark.parametrize("policy", POLICIES)
def test_kinds_and_sizes_are_torchvisions(policy: AutoAugment) -> None:
    ours = space(policy, HEIGHT, WIDTH)
    assert len(ours) == len(KINDS)
    for kind, (_, largest, signed) in zip(KINDS, ours, strict=True):
        sizes, with_sign = theirs(policy, kind)
        assert signed == with_sign, kind
        same = [ours_as_theirs(kind, largest * step / 30) for step in range(31)]
        if kind not in ("Identity", "AutoContrast", "Equalize"):  # they have no size
            assert same == pytest.approx(sizes, abs=1e-4), kind


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_torchvisions(kind: str, channels: int) -> None:
    images = smooth(channels)
    kernel, largest, signed = space("trivial", HEIGHT, WIDTH)[KINDS.index(kind)]
    sizes = largest * np.array([0.0, 0.1, 0.37, 0.7, 1.0])
    for sign in (1.0, -1.0) if signed else (1.0,):
        ours = kernel(images, sign * sizes)
        assert ours.dtype == torch.uint8
        for image, size, after in zip(images, sign * sizes, ours, strict=True):
            wanted = torchvisions(kind, image, ours_as_theirs(kind, size))
            same = (after.int() - wanted.int()).abs() <= 2  # torchvision rounds down, also twice
            # Places half between two pixels may be rounded to the other one.
            assert same.float().mean() > 0.97, (kind, size)


def test_a_move_is_by_whole_pixels_with_black_behind() -> None:
    images = smooth(1, 2)
    across, down = (space("trivial", HEIGHT, WIDTH)[KINDS.index(f"Translate{a}")][0] for a in "XY")
    moved = across(images, np.array([3.7, -2.0]))
    assert torch.equal(moved[0, :, :, 3:], images[0, :, :, :-3])
    assert not moved[0, :, :, :3].any()
    assert torch.equal(moved[1, :, :, :-2], images[1, :, :, 2:])
    assert torch.equal(down(images, np.array([1.0, 99.0]))[0, :, 1:], images[0, :, :-1])
    assert not down(images, np.array([1.0, 99.0]))[1].any()


def test_a_quarter_turn_is_exact() -> None:
    images = smooth()[..., :HEIGHT]
    turn = space("trivial", HEIGHT, HEIGHT)[KINDS.index("Rotate")][0]
    turned = turn(images, np.array([0.0, 90.0, -90.0, 180.0, 360.0]))
    for image, after, quarters in zip(images, turned, (0, 1, -1, 2, 4), strict=True):
        assert torch.equal(after, image.rot90(quarters, (1, 2)))


def test_alpha_moves_with_the_image_and_else_stays() -> None:
    images = smooth(4)
    for number, (kernel, largest, _) in enumerate(space("rand", HEIGHT, WIDTH)):
        sizes = np.full(5, largest / 2)
        changed = kernel(images, sizes)
        assert torch.equal(changed[:, :3], kernel(images[:, :3], sizes)), KINDS[number]
        moves = KINDS[number] in KINDS[1:6]
        alpha = kernel(images[:, 3:], sizes) if moves else images[:, 3:]
        assert torch.equal(changed[:, 3:], alpha), KINDS[number]


# --- what is chosen ---


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """The kind and size of each change that is made; nothing is changed in fact."""
    made: list[tuple[int, float]] = []

    def note(kind: int) -> Callable[[Tensor, Tensor], Tensor]:
        def kernel(images: Tensor, sizes: Tensor) -> Tensor:
            made.extend((kind, float(size)) for size in sizes)
            return images

        return kernel

    def noting(policy: AutoAugment, height: int, width: int) -> object:
        return [(note(k), large, s) for k, (_, large, s) in enumerate(space(policy, height, width))]

    monkeypatch.setattr(auto_augment, "space", noting)
    return made


def draws(count: int, policy: AutoAugment) -> NDArray[np.float64]:
    return uniform(key_for(0, "auto", 0), np.arange(count), AUTO_DRAWS[policy])


@pytest.mark.parametrize(("policy", "each"), [("trivial", 1), ("rand", 2)])
def test_kinds_are_equally_frequent(
    policy: AutoAugment, each: int, noted: list[tuple[int, float]]
) -> None:
    auto_augmented(smooth(1, 1).expand(2800, -1, -1, -1), policy, draws(2800, policy))
    assert len(noted) == 2800 * each
    frequency = np.bincount([kind for kind, _ in noted], minlength=14)
    wanted = 200 * each
    assert np.abs(frequency - wanted).max() < 4.5 * math.sqrt(wanted)


def test_trivial_takes_all_sizes_and_rand_one(noted: list[tuple[int, float]]) -> None:
    images = smooth(1, 1).expand(20_000, -1, -1, -1)
    auto_augmented(images, "trivial", draws(20_000, "trivial"))
    angles = sorted({size for kind, size in noted if KINDS[kind] == "Rotate"})
    assert angles == pytest.approx([4.5 * step for step in range(-30, 31)])
    noted.clear()
    auto_augmented(images, "rand", draws(20_000, "rand"))
    angles = sorted({size for kind, size in noted if KINDS[kind] == "Rotate"})
    assert angles == pytest.approx([-9.0, 9.0])
