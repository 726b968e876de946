from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onestop.errors import UsageError
from onestop.networks import build, count_parameters
from onestop.networks.capsnet import (
    CapsNet,
    CapsuleOutputs,
    coupling,
    intensities,
    margin_loss,
    route,
    squash,
)
from onestop.tasks import Classification
from tests.losses import batch_of, loss_of

CLASSES = ("a", "b", "c")
SIZE = 20  # pixels; leaves 2x2 places of primary capsules


@pytest.fixture
def network() -> CapsNet:
    torch.manual_seed(0)
    network = build("capsnet", len(CLASSES), image_size=SIZE)
    assert isinstance(network, CapsNet)
    return network


@pytest.fixture
def images() -> Tensor:
    return torch.randn(8, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def test_squash_keeps_the_direction_and_bounds_the_length() -> None:
    torch.testing.assert_close(squash(torch.tensor([3.0, 4.0])), torch.tensor([0.6, 0.8]) * 25 / 26)
    lengths = squash(torch.tensor([[1e-3, 0.0], [1.0, 0.0], [1e3, 0.0]])).norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1e-6, 0.5, 1.0]), rtol=1e-4, atol=1e-7)


def test_squash_of_nothing_is_nothing_and_so_is_its_gradient() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    squash(x).sum().backward()
    assert x.grad is not None
    assert not squash(x).any()
    assert not x.grad.any()


def test_each_capsule_shares_itself_out_over_the_classes() -> None:
    shares = coupling(torch.randn(2, 4, 5))  # [B, K, N]
    torch.testing.assert_close(shares.sum(1), torch.ones(2, 5))
    assert (shares > 0).all()


def test_one_round_of_routing_is_an_even_share() -> None:
    votes = torch.randn(2, 4, 5, 3)  # [B, K, N, D]
    torch.testing.assert_close(route(votes, 1), squash(votes.sum(2) / 4))


def test_routing_as_written_in_the_paper() -> None:
    """Procedure 1, one capsule after the other."""
    votes = torch.randn(1, 3, 4, 2)
    b = torch.zeros(4, 3)
    for _ in range(3):
        c = b.softmax(1)
        v = [squash(sum(c[i, j] * votes[0, j, i] for i in range(4))) for j in range(3)]  # type: ignore[arg-type]
        b = b + torch.tensor([[float(votes[0, j, i] @ v[j]) for j in range(3)] for i in range(4)])
    torch.testing.assert_close(route(votes, 3)[0], torch.stack(v))


def test_routing_favours_the_class_that_votes_agree_on() -> None:
    votes = torch.randn(1, 2, 50, 8, generator=torch.Generator().manual_seed(0))
    votes[:, 0] = votes[:, 0, :1] / 5  # all the same, if short
    once, thrice = route(votes, 1).norm(dim=-1)[0], route(votes, 3).norm(dim=-1)[0]
    assert thrice[0] > once[0]


def test_gradients_pass_through_the_last_round_only() -> None:
    votes = torch.randn(2, 3, 4, 2, requires_grad=True)
    fixed = votes.detach()
    agreement = torch.zeros(2, 3, 4)
    for _ in range(2):
        outputs = squash(torch.einsum("bkn,bknd->bkd", agreement.softmax(1), fixed))
        agreement = agreement + torch.einsum("bknd,bkd->bkn", fixed, outputs)
    wanted = squash(torch.einsum("bkn,bknd->bkd", agreement.softmax(1), votes))
    given = torch.autograd.grad(route(votes).sum(), votes)[0]
    torch.testing.assert_close(given, torch.autograd.grad(wanted.sum(), votes)[0])


def test_margin_loss_by_hand() -> None:
    lengths = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.1, 0.2]])
    truth = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    first = (0.9 - 0.5) ** 2 + 0.5 * (0.3 - 0.1) ** 2
    second = 0.5 * (0.2 - 0.1) ** 2
    assert margin_loss(lengths, truth).item() == pytest.approx((first + second) / 2)


def test_pixels_aimed_at_do_not_depend_on_the_normalisation(images: Tensor) -> None:
    seen = intensities(images)
    assert seen.amin((1, 2, 3)).eq(0).all()
    assert seen.amax((1, 2, 3)).eq(1).all()
    torch.testing.assert_close(intensities(3 * images - 1), seen)
    assert not intensities(torch.ones(1, 1, 4, 4)).any()


def test_evaluation_gives_logarithms_of_lengths(network: CapsNet, images: Tensor) -> None:
    outputs = network(images)
    assert isinstance(outputs, CapsuleOutputs)
    logits = network.eval()(images)
    torch.testing.assert_close(logits, outputs.logits)
    lengths = outputs.capsules.norm(dim=-1)
    torch.testing.assert_close(logits.exp(), lengths)
    torch.testing.assert_close(logits.softmax(1), lengths / lengths.sum(1, keepdim=True))


def test_decoder_sees_the_true_class_only(network: CapsNet, images: Tensor) -> None:
    seen: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    outputs = network(images)
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    outputs.loss(targets)
    decoded = seen[0].view(8, 3, 16)
    for row, target in enumerate(targets.tolist()):
        torch.testing.assert_close(decoded[row, target], outputs.capsules[row, target])
        assert not decoded[row, [k for k in range(3) if k != target]].any()


def test_reconstruction_counts_a_little(network: CapsNet, images: Tensor) -> None:
    outputs = network(images)
    targets = torch.zeros(8, dtype=torch.int64)
    truth = torch.eye(3)[targets]
    margin = margin_loss(outputs.capsules.norm(dim=-1), truth)
    difference = outputs.decoder((outputs.capsules * truth[..., None]).flatten(1))
    difference = difference - intensities(images).flatten(1)
    squared = difference.square().sum() / 8
    assert outputs.loss(targets).item() == pytest.approx((margin + 0.0005 * squared).item())


def test_published_number_without_the_decoder() -> None:
    with torch.device("meta"):
        network = build("capsnet", 10)
    assert isinstance(network, CapsNet)
    count = count_parameters(network) - count_parameters(network.decoder)
    assert count / 1e6 == pytest.approx(6.8, abs=0.05)


def test_mixed_precision_routes_in_32_bits(network: CapsNet, images: Tensor) -> None:
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    exact = network(images).loss(targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(images)
    loss = loss_of(Classification(CLASSES), outputs, targets).total
    loss.backward()
    assert outputs.capsules.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.05)
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.thorough
def test_eight_images_are_learned_by_heart(network: CapsNet, images: Tensor) -> None:
    task, targets = Classification(CLASSES), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(15):
        loss = task.loss(network, batch_of(images, targets)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert task.loss(network, batch_of(images, targets)).sums == {"accuracy": 8}


@pytest.mark.parametrize(
    "task",
    [
        Classification(CLASSES, label_smoothing=0.1),
        Classification(CLASSES, class_weights=torch.ones(3)),
    ],
)
def test_settings_of_another_loss_are_refused(
    task: Classification, network: CapsNet, images: Tensor
) -> None:
    with pytest.raises(UsageError, match="own loss"):
        task.loss(network, batch_of(images, torch.zeros(8, dtype=torch.int64)))


def test_mixed_targets_are_refused(network: CapsNet, images: Tensor) -> None:
    with pytest.raises(UsageError, match="--mixup, --cutmix: not for this network"):
        Classification(CLASSES).loss(network, batch_of(images, torch.full((8, 3), 1 / 3)))
