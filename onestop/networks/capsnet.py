"""A capsule network: vectors instead of scalars, routed by agreement.

Sabour, Frosst & Hinton 2017, "Dynamic routing between capsules", sections 2 to 4 and figures 1 and 2,
https://arxiv.org/abs/1710.09829. A capsule is a small vector: its length is the probability that an
entity is present, its direction encodes its properties. 8.2 M parameters for 10 classes of 28x28 grey
images, 6.8 M without the decoder, which is used in training only.

Legend: B images in a batch, C channels, S image size (28 in the shapes below), N primary capsules
(1,152), K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TYPES = 32
"""Types of primary capsules; each type is computed at every position."""
PRIMARY = 8
"""Dimensions of a primary capsule."""
FINAL = 16
"""Dimensions of a class capsule."""
ROUNDS = 3
"""Iterations of the routing."""
PRESENT, ABSENT, ABSENT_WEIGHT = 0.9, 0.1, 0.5
"""Target lengths (m+ and m-), and the weight of the absent classes (lambda)."""
RECONSTRUCTION_WEIGHT = 0.0005
"""Weight of the squared error per pixel, relative to the margin loss."""


def squash(x: Tensor) -> Tensor:
    """Scale vectors [..., D] to a length between 0 and 1, keeping their direction (equation 1)."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale: Tensor = length / (1 + length.square())
    return x * scale


def route(votes: Tensor, rounds: int = ROUNDS) -> Tensor:
    """Routing by agreement: votes [B, K, N, D] -> capsules [B, K, D] (procedure 1).

    Gradients pass through the last round only; the earlier ones just determine the coupling.
    """
    fixed = votes.detach()
    agreement = votes.new_zeros(votes.shape[:3])  # [B, K, N]
    for _ in range(rounds - 1):
        outputs = squash(weighted_sum(fixed, coupling(agreement)))
        agreement = agreement + (fixed @ outputs.unsqueeze(-1)).squeeze(-1)
    return squash(weighted_sum(votes, coupling(agreement)))


def coupling(agreement: Tensor) -> Tensor:
    """Coupling of each of N capsules to K classes, [B, K, N]; sums to 1 over K."""
    return agreement.softmax(1)


def weighted_sum(votes: Tensor, weights: Tensor) -> Tensor:
    """[B, K, N, D] and [B, K, N] -> [B, K, D]."""
    return (weights.unsqueeze(-2) @ votes).squeeze(-2)


def margin_loss(lengths: Tensor, truth: Tensor) -> Tensor:
    """Margin loss of lengths [B, K] for one-hot targets [B, K], averaged over B (equation 4)."""
    present = truth * F.relu(PRESENT - lengths).square()
    absent = (1 - truth) * F.relu(lengths - ABSENT).square()
    return (present + ABSENT_WEIGHT * absent).sum(1).mean()


def intensities(images: Tensor) -> Tensor:
    """Each image [C, S, S] of a batch scaled to 0 ... 1, whatever its normalisation."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp_min(1e-6)


def in_32_bits(device: str) -> AbstractContextManager[object]:
    """Disable mixed precision, if the device supports it."""
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()


class CapsuleOutputs(NamedTuple):
    """Outputs in training mode: `logits` as in evaluation, and the inputs of the loss."""

    logits: Tensor  # [B, K]
    capsules: Tensor  # [B, K, 16]
    images: Tensor  # [B, C, S, S]
    decoder: Callable[[Tensor], Tensor]

    def loss(self, targets: Tensor) -> Tensor:
        """Margin loss plus the weighted reconstruction error of the true class's capsule."""
        truth = F.one_hot(targets, self.logits.shape[1]).to(self.capsules.dtype)
        lengths = torch.linalg.vector_norm(self.capsules, dim=-1)
        return margin_loss(lengths, truth) + RECONSTRUCTION_WEIGHT * self.squared_error(truth)

    def squared_error(self, truth: Tensor) -> Tensor:
        """Sum over the pixels of an image, mean over B; the decoder gets one capsule per image.

        The target is the network's input, scaled to 0 ... 1 between its darkest and brightest pixel:
        the same as in the paper for digits, and otherwise independent of the normalisation.
        """
        masked = self.capsules * truth.unsqueeze(-1)  # [B, K, 16], zero except for the true class
        decoded = self.decoder(masked.flatten(1))  # [B, C * S * S]
        error = decoded.float() - intensities(self.images).flatten(1)
        return error.square().sum(1).mean()


class ClassCapsules(nn.Module):
    """From primary capsules to one capsule per class: votes for every class, then routing."""

    def __init__(self, capsules: int, classes: int) -> None:
        super().__init__()
        # One matrix per pair of class and primary capsule: [K, N, 8, 16]. Small initially, so that a
        # thousand votes that do not agree yet add up to short capsules: no class is present.
        self.weight = nn.Parameter(0.02 * torch.randn(classes, capsules, PRIMARY, FINAL))

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, 8] -> [B, K, 16]."""
        return route(torch.einsum("bni,knid->bknd", x, self.weight))


class CapsNet(nn.Module):
    """Two convolutions, capsules, routing; a decoder that reconstructs the image from a capsule."""

    def __init__(self, classes: int, channels: int, image_size: int) -> None:
        super().__init__()
        side = (image_size - 8 - 9) // 2 + 1
        pixels = channels * image_size * image_size
        self.conv = nn.Conv2d(channels, 256, 9)
        self.primary = nn.Conv2d(256, TYPES * PRIMARY, 9, stride=2)
        self.capsules = ClassCapsules(TYPES * side * side, classes)
        self.decoder = nn.Sequential(
            nn.Linear(classes * FINAL, 512),
            nn.ReLU(),
            nn.Linear(512, 1024),
            nn.ReLU(),
            nn.Linear(1024, pixels),
            nn.Sigmoid(),
        )
        # Scaled by fan_in (He et al. 2015), so that primary capsules do not start with a length near
        # zero, where the gradient of squashing vanishes.
        for conv in (self.conv, self.primary):
            nn.init.kaiming_normal_(conv.weight)

    def forward(self, images: Tensor) -> Tensor | CapsuleOutputs:
        """[B, C, S, S] -> logits [B, K], the logarithms of the capsule lengths.

        Their softmax is each length divided by the sum of all. In training mode, `CapsuleOutputs`.
        """
        x = F.relu(self.conv(images))  # [B, 256, 20, 20]
        x = self.primary(x)  # [B, 256, 6, 6]
        x = x.unflatten(1, (TYPES, PRIMARY)).movedim(2, -1)  # [B, 32, 6, 6, 8]
        # A class sums up over a thousand votes, for which 16 bits are not precise enough.
        with in_32_bits(images.device.type):
            x = squash(x.float().flatten(1, 3))  # [B, N, 8]
            capsules = self.capsules(x)  # [B, K, 16]
            lengths: Tensor = torch.linalg.vector_norm(capsules, dim=-1)  # [B, K]
            logits = lengths.clamp_min(1e-6).log()
        if self.training:
            return CapsuleOutputs(logits, capsules, images, self.decoder)
        return logits
