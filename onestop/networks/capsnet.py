"""A capsule network: vectors instead of scalars, routed by agreement.

Sabour, Frosst & Hinton 2017, "Dynamic routing between capsules", sections 2 to 4 and figures 1 and 2,
https://arxiv.org/abs/1710.09829. A capsule is a small vector: its length says whether something is
there, its direction what it looks like. 8.2 M parameters for 10 classes of 28x28 grey images, 6.8 M
without the decoder, which is used in training only.

Legend: B images of a batch, C channels, S image size (28 where shapes are given), N primary capsules
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
"""Types of primary capsules; each type is computed at every place."""
PRIMARY = 8
"""Dimensions of a primary capsule."""
FINAL = 16
"""Dimensions of the capsule of a class."""
ROUNDS = 3
"""Iterations of the routing."""
PRESENT, ABSENT, ABSENT_WEIGHT = 0.9, 0.1, 0.5
"""Target lengths (m+ and m-), and the weight of the absent classes (lambda)."""
RECONSTRUCTION_WEIGHT = 0.0005
"""Weight of the squared error of a pixel, relative to the margin loss."""


def squash(x: Tensor) -> Tensor:
    """Vectors [..., D] of the same direction, with a length between 0 and 1 (equation 1)."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale: Tensor = length / (1 + length.square())
    return x * scale


def route(votes: Tensor, rounds: int = ROUNDS) -> Tensor:
    """Votes [B, K, N, D] -> the capsules [B, K, D] that most votes agree on (procedure 1).

    Gradients pass through the last round only: those before it just choose the coupling.
    """
    fixed = votes.detach()
    agreement = votes.new_zeros(votes.shape[:3])  # [B, K, N]
    for _ in range(rounds - 1):
        outputs = squash(weighted_sum(fixed, coupling(agreement)))
        agreement = agreement + (fixed @ outputs.unsqueeze(-1)).squeeze(-1)
    return squash(weighted_sum(votes, coupling(agreement)))


def coupling(agreement: Tensor) -> Tensor:
    """How each of N capsules is distributed over K classes, [B, K, N]: sums to 1 over K."""
    return agreement.softmax(1)


def weighted_sum(votes: Tensor, weights: Tensor) -> Tensor:
    """[B, K, N, D] and [B, K, N] -> [B, K, D]."""
    return (weights.unsqueeze(-2) @ votes).squeeze(-2)


def margin_loss(lengths: Tensor, truth: Tensor) -> Tensor:
    """For lengths [B, K] and one-hot targets [B, K], the mean over B (equation 4)."""
    missed = truth * F.relu(PRESENT - lengths).square()
    imagined = (1 - truth) * F.relu(lengths - ABSENT).square()
    return (missed + ABSENT_WEIGHT * imagined).sum(1).mean()


def intensities(images: Tensor) -> Tensor:
    """Each image [C, S, S] of a batch scaled to 0 ... 1, whatever it was normalised with."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp_min(1e-6)


def in_32_bits(device: str) -> AbstractContextManager[object]:
    """Mixed precision switched off, on a device that has it at all."""
    known = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if known else nullcontext()


class CapsuleOutputs(NamedTuple):
    """Outputs in training: `logits` as in evaluation, and what the loss needs."""

    logits: Tensor  # [B, K]
    capsules: Tensor  # [B, K, 16]
    images: Tensor  # [B, C, S, S]
    decoder: Callable[[Tensor], Tensor]

    def loss(self, targets: Tensor) -> Tensor:
        """Margin loss, and how badly the true class's capsule describes the image."""
        truth = F.one_hot(targets, self.logits.shape[1]).to(self.capsules.dtype)
        lengths = torch.linalg.vector_norm(self.capsules, dim=-1)
        return margin_loss(lengths, truth) + RECONSTRUCTION_WEIGHT * self.squared_error(truth)

    def squared_error(self, truth: Tensor) -> Tensor:
        """Sum over the pixels of an image, mean over B; the decoder sees one capsule per image.

        The target is the image as the network saw it, scaled from its darkest to its brightest pixel to
        0 ... 1: the paper's pixels for digits, and independent of the normalisation otherwise.
        """
        masked = self.capsules * truth.unsqueeze(-1)  # [B, K, 16], zero but for the true class
        decoded = self.decoder(masked.flatten(1))  # [B, C * S * S]
        error = decoded.float() - intensities(self.images).flatten(1)
        return error.square().sum(1).mean()


class ClassCapsules(nn.Module):
    """From primary capsules to one capsule per class: each votes for each class, then routing."""

    def __init__(self, capsules: int, classes: int) -> None:
        super().__init__()
        # A matrix for each pair of primary capsule and class: [K, N, 8, 16]. Small at first, so that
        # a thousand votes that do not agree yet add up to short capsules: no class is there.
        self.weight = nn.Parameter(0.02 * torch.randn(classes, capsules, PRIMARY, FINAL))

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, 8] -> [B, K, 16]."""
        return route(torch.einsum("bni,knid->bknd", x, self.weight))


class CapsNet(nn.Module):
    """Two convolutions, capsules, routing; a decoder that draws the image from a capsule."""

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
        # Scaled by fan_in (He et al. 2015) so that primary capsules do not start near a length of
        # zero, where squashing hardly passes gradients.
        for conv in (self.conv, self.primary):
            nn.init.kaiming_normal_(conv.weight)

    def forward(self, images: Tensor) -> Tensor | CapsuleOutputs:
        """[B, C, S, S] -> logits [B, K], the logarithms of the capsules' lengths.

        Their softmax is each length as a part of all lengths. In training more is given.
        """
        x = F.relu(self.conv(images))  # [B, 256, 20, 20]
        x = self.primary(x)  # [B, 256, 6, 6]
        x = x.unflatten(1, (TYPES, PRIMARY)).movedim(2, -1)  # [B, 32, 6, 6, 8]
        # A class sums up over a thousand votes, for which 16 bits are too few.
        with in_32_bits(images.device.type):
            x = squash(x.float().flatten(1, 3))  # [B, N, 8]
            capsules = self.capsules(x)  # [B, K, 16]
            lengths: Tensor = torch.linalg.vector_norm(capsules, dim=-1)  # [B, K]
            logits = lengths.clamp_min(1e-6).log()
        if self.training:
            return CapsuleOutputs(logits, capsules, images, self.decoder)
        return logits
