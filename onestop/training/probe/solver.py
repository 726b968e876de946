"""Linear models with a penalty, many at once: for each fold and each strength of the penalty.

Minimises, for each problem p, the mean loss of the images that count in it plus the squared weights:

    sum_n m[p, n] * loss(A[n] W[p] + b[p]) / N[p]  +  strength[p] * |W[p]|^2 / (2 N[p])

by L-BFGS (Liu and Nocedal 1989, https://doi.org/10.1007/BF01589116) in float64. A change of variables
makes its first steps nearly Newton's: in the basis of singular vectors the second derivatives are at
most `curvature` times the squared singular values (Boehning 1992,
https://doi.org/10.1007/BF00048682), so dividing by that bound leaves a problem with no long valleys.

Legend: N images, R rank of their features, K outputs, P problems, D = (R + 1) K.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Losses: TypeAlias = Callable[[Tensor], Tensor]
"""Outputs [P, N, K] to the loss of each image, [P, N]; convex."""

_HISTORY = 10
_DECREASE = 1e-4  # share of the linear decrease that a step must reach (Armijo)
_HALVINGS = 20
_LARGEST = 2**23  # values of all directions kept at once


@dataclass(frozen=True)
class Design:
    """Standardised features in the basis of their singular vectors.

    Attributes:
        mean: Of each feature, [F].
        std: Of each feature, [F]; 1 for those that are constant.
        basis: From standardised features to the basis, [F, R].
        rows: The features in the basis and a column of ones, [N, R + 1].
    """

    mean: Tensor
    std: Tensor
    basis: Tensor
    rows: Tensor

    def place(self, features: Tensor) -> Tensor:
        """Other features in the same basis, with a column of ones: [N, F] -> [N, R + 1]."""
        return _with_ones((features.double() - self.mean) / self.std @ self.basis)

    def unfold(self, solution: Tensor) -> tuple[Tensor, Tensor]:
        """A solution [R + 1, K] as weight [K, F] and bias [K] for the features as they are."""
        weight = (self.basis @ solution[:-1]) / self.std[:, None]
        return weight.T, solution[-1] - self.mean @ weight


def design(features: Tensor) -> Design:
    """Standardise features [N, F] and find their basis, in float64."""
    features = features.double()
    mean, std = features.mean(0), features.std(0, correction=0)
    std = torch.where(std > 1e-6 * (1 + mean.abs()), std, 1.0)
    centred = (features - mean) / std
    wide = len(centred) <= centred.shape[1]
    squares, vectors = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    lasting = squares > 1e-10 * squares.max().clamp_min(1e-30)
    vectors = vectors[:, lasting]
    basis = centred.T @ (vectors / squares[lasting].sqrt()) if wide else vectors
    return Design(mean, std, basis, _with_ones(centred @ basis))


def solve(
    rows: Tensor, losses: Losses, outputs: int, curvature: float, strengths: Tensor,
    members: Tensor, *, tolerance: float = 1e-5, steps: int = 200,
) -> Tensor:  # fmt: skip
    """The solutions of all problems, float64 [P, R + 1, K].

    Args:
        rows: See `Design.rows`, [N, R + 1].
        losses: The loss of each image.
        outputs: K.
        curvature: An upper bound of the second derivatives of the loss in the outputs.
        strengths: Of the penalty, [P].
        members: 1 for the images that count in a problem and 0 for the others, [P, N].
        tolerance: A problem is solved when no entry of its scaled gradient is larger.
        steps: At most so many.
    """
    at_once = max(1, _LARGEST // (rows.shape[1] * outputs * _HISTORY))
    parts = [
        _Problems(rows, losses, curvature, s, m).solved(outputs, tolerance, steps)
        for s, m in zip(strengths.split(at_once), members.split(at_once), strict=True)
    ]
    return torch.cat(parts)


class _Problems:
    """Some problems, in variables that are scaled by the bound of their second derivatives.

    Variables are [R + 1, P, K], so that all problems are one product of matrices.
    """

    def __init__(
        self, rows: Tensor, losses: Losses, curvature: float, strengths: Tensor, members: Tensor
    ) -> None:
        self.rows, self.losses = rows, losses
        counts = members.sum(1, keepdim=True)
        self.weights = members / counts  # [P, N]
        penalty = (strengths / counts[:, 0]).expand(rows.shape[1], -1).clone()
        penalty[-1] = 0.0  # the bias is free
        self.penalty = penalty[..., None]  # [R + 1, P, 1]
        squares = rows.square().sum(0)[:, None] / len(rows)
        self.scale = (curvature * squares + penalty).rsqrt()[..., None]

    def value(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """The objectives [P] and their gradients [R + 1, P, K]."""
        solution = scaled * self.scale
        outputs = (self.rows @ solution.flatten(1)).view(-1, *solution.shape[1:])  # [N, P, K]
        outputs = outputs.transpose(0, 1).requires_grad_()
        with torch.enable_grad():
            loss = (self.losses(outputs) * self.weights).sum(1)
            (slopes,) = torch.autograd.grad(loss.sum(), outputs)
        slopes = (self.rows.T @ slopes.transpose(0, 1).flatten(1)).view_as(solution)
        penalty = (self.penalty * solution.square()).sum((0, 2)) / 2
        return loss.detach() + penalty, (slopes + self.penalty * solution) * self.scale

    @torch.no_grad()
    def solved(self, outputs: int, tolerance: float, steps: int) -> Tensor:
        """The solutions in the original variables, [P, R + 1, K]."""
        x = self.rows.new_zeros(self.rows.shape[1], len(self.weights), outputs)
        value, gradient = self.value(x)
        memory: list[tuple[Tensor, Tensor]] = []
        for _ in range(steps):
            unsolved = gradient.abs().amax((0, 2)) > tolerance  # [P]
            if not unsolved.any():
                break
            direction = -_two_loops(gradient, memory) * unsolved[:, None]
            new, new_value, new_gradient = self._step(x, value, gradient, direction)
            if torch.equal(new, x):
                break
            memory = [*memory, (new - x, new_gradient - gradient)][-_HISTORY:]
            x, value, gradient = new, new_value, new_gradient
        return (x * self.scale).transpose(0, 1).contiguous()

    def _step(
        self, x: Tensor, value: Tensor, gradient: Tensor, direction: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Go along the directions as far as that lowers each objective enough."""
        slope = _dot(gradient, direction)
        length = torch.ones_like(value)
        for _ in range(_HALVINGS):
            new = x + length[:, None] * direction
            new_value, new_gradient = self.value(new)
            short = new_value > value + _DECREASE * length * slope
            if not short.any():
                return new, new_value, new_gradient
            length = torch.where(short, length / 2, length)
        new = x + torch.where(short, 0.0, length)[:, None] * direction  # only rounding is left
        return (new, *self.value(new))


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """The scalar product of each problem, [P]."""
    return torch.einsum("rpk,rpk->p", one, other)


def _two_loops(gradient: Tensor, memory: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The gradient times the inverse of the second derivatives, as far as the last steps show them."""
    result, shares = gradient.clone(), []
    for step, change in reversed(memory):
        rho = _inverse(_dot(step, change))
        share = rho * _dot(step, result)
        result -= share[:, None] * change
        shares.append((rho, share))
    if memory:
        step, change = memory[-1]
        factor = _dot(step, change) * _inverse(_dot(change, change))
        result *= torch.where(factor > 0, factor, 1.0)[:, None]
    for (step, change), (rho, share) in zip(memory, reversed(shares), strict=True):
        result += (share - rho * _dot(change, result))[:, None] * step
    return result


def _inverse(value: Tensor) -> Tensor:
    """1 / value; 0 where nothing has changed."""
    return torch.where(value > 1e-300, 1 / value.clamp_min(1e-300), 0.0)


def _with_ones(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
