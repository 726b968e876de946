"""MixUp and CutMix: exact mixtures, in the proportions of their distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from onestop.data.mixing import MIX_DRAWS, mixed, symmetric_beta
from onestop.data.targets import Classes
from onestop.runtime.rng import key_for, uniform
from onestop.tasks import Classification
from tests.losses import loss_of

TARGETS = torch.tensor([0, 2, 1, 2, 0])
COLUMN = Classes(TARGETS.numpy(), ("a", "b", "c"))
MIXUP, CUTMIX, BOTH = (0.8, 0.0), (0.0, 1.0), (0.8, 1.0)


def inputs() -> Tensor:
    values = np.random.default_rng(0).normal(size=(5, 3, 12, 16))
    return torch.from_numpy(values.astype(np.float32))


def mix(
    inputs: Tensor,
    targets: Tensor,
    how: tuple[float, float],
    first: int,
    seed: int = 0,
    epoch: int = 0,
) -> tuple[Tensor, Tensor]:
    draws = uniform(key_for(seed, "mix", epoch), np.array([first]), MIX_DRAWS)[0]
    return mixed(inputs, COLUMN.shares(targets), *how, draws)


def share_of(targets: Tensor) -> float:
    """The share of its own class in the second image: its neighbour is of another."""
    return float(targets[1, 2])


def test_mixup_adds_an_image_and_the_one_before_it() -> None:
    for first in range(20):
        after, targets = mix(inputs(), TARGETS, MIXUP, first)
        share = share_of(targets)
        wanted = share * inputs() + (1 - share) * inputs().roll(1, 0)
        torch.testing.assert_close(after, wanted)
        hot = F.one_hot(TARGETS, 3).float()
        torch.testing.assert_close(targets, share * hot + (1 - share) * hot.roll(1, 0))


def test_cutmix_puts_a_rectangle_of_the_one_before_into_an_image() -> None:
    shares = []
    for first in range(60):
        after, targets = mix(inputs(), TARGETS, CUTMIX, first)
        foreign = after != inputs()
        assert torch.equal(after[foreign], inputs().roll(1, 0)[foreign])
        where = foreign.any(1)[0]
        assert (foreign == where).all()  # in all channels and images alike
        assert torch.equal(where, where.any(1)[:, None] & where.any(0)[None])
        share = share_of(targets)
        assert share == pytest.approx(1 - float(where.float().mean()), abs=1e-6)
        shares.append(share)
    assert min(shares) < 0.25
    assert max(shares) > 0.9


def test_shares_of_the_classes_add_up_to_one() -> None:
    for how in (MIXUP, CUTMIX, BOTH):
        targets = mix(inputs(), TARGETS, how, 3)[1]
        torch.testing.assert_close(targets.sum(1), torch.ones(5))
        assert targets[0, 0] == 1  # both of its images are of class 0


def test_of_both_each_does_half_of_the_batches() -> None:
    added = 0
    for first in range(400):
        after, _ = mix(inputs(), TARGETS, BOTH, first)
        same = [
            (after == whole).flatten(1).any(1).all() for whole in (inputs(), inputs().roll(1, 0))
        ]
        added += not any(same)
    assert 160 < added < 240  # deviation 10


def test_a_mixture_is_a_function_of_seed_epoch_and_batch() -> None:
    def share(seed: int, epoch: int, first: int) -> float:
        before, torchs = inputs(), torch.get_rng_state()
        targets = mix(before, TARGETS, MIXUP, first, seed, epoch)[1]
        assert torch.equal(before, inputs())
        assert torch.equal(torch.get_rng_state(), torchs)
        return share_of(targets)

    assert share(0, 0, 0) == share(0, 0, 0)
    assert len({share(0, 0, 0), share(1, 0, 0), share(0, 1, 0), share(0, 0, 1)}) == 4


@pytest.mark.parametrize("how", [MIXUP, CUTMIX])
def test_an_image_alone_stays_what_it_is(how: tuple[float, float]) -> None:
    after, targets = mix(inputs()[:1], TARGETS[:1], how, 0)
    torch.testing.assert_close(after, inputs()[:1])
    torch.testing.assert_close(targets, torch.tensor([[1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("how", [MIXUP, CUTMIX])
def test_the_memory_format_stays(how: tuple[float, float]) -> None:
    last = inputs().contiguous(memory_format=torch.channels_last)
    after, _ = mix(last, TARGETS, how, 0)
    assert after.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(after, mix(inputs(), TARGETS, how, 0)[0])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 2.5])])
def test_the_loss_is_the_weighted_sum_of_the_losses_with_either_target(
    smoothing: float, weights: Tensor | None
) -> None:
    task = Classification(("a", "b", "c"), label_smoothing=smoothing, class_weights=weights)
    outputs = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 3)))
    _, targets = mix(inputs(), TARGETS, MIXUP, 5)
    share = share_of(targets)
    assert 0.01 < share < 0.99
    one, other = (loss_of(task, outputs, t).total for t in (TARGETS, TARGETS.roll(1)))
    both = share * one + (1 - share) * other
    assert loss_of(task, outputs, targets).total.item() == pytest.approx(both.item(), rel=1e-6)
    parts = sum(
        loss_of(task, outputs[part], targets[part]).total * len(targets[part]) / 5
        for part in (slice(0, 3), slice(3, 5))
    )
    assert float(parts) == pytest.approx(both.item(), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0, 3.0, 20.0])
def test_shares_have_the_moments_of_a_beta_distribution(alpha: float) -> None:
    draws = uniform(0, np.arange(20_000), 2)
    shares = np.array([symmetric_beta(alpha, u, v) for u, v in draws.tolist()])
    assert 0 <= shares.min() <= shares.max() <= 1
    centred = shares - 0.5
    variance = 1 / (4 * (2 * alpha + 1))
    fourth = 3 * variance**2 * (2 * alpha + 1) / (2 * alpha + 3)
    assert centred.mean() == pytest.approx(0, abs=4 * (variance / 20_000) ** 0.5)
    assert (centred**2).mean() == pytest.approx(variance, rel=0.03)
    assert (centred**4).mean() == pytest.approx(fourth, rel=0.06)


@pytest.mark.parametrize("alpha", [1e-9, 1e-3, 1.0, 1e9])
def test_no_alpha_is_too_small_or_too_large(alpha: float) -> None:
    for u in (0.0, 0.3, 1 - 2**-53):
        for v in (0.0, 0.25, 0.5):
            assert 0 <= symmetric_beta(alpha, u, v) <= 1
