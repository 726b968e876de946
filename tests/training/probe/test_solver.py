"""Linear models with a penalty, many at once."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from onestop.tasks import Classification, Regression
from onestop.training.probe.solver import design, solve


def features(count: int, width: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    targets = torch.arange(count) % classes
    return torch.randn(count, width) * 3 + torch.randn(classes, width)[targets], targets


def strengths(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("count", "width"), [(30, 50), (60, 8)])
def test_the_solution_has_no_slope(count: int, width: int) -> None:
    x, y = features(count, width)
    task, basis = Classification(("a", "b", "c")), design(x)
    solved = solve(
        basis.rows, lambda o: task.losses(o, y), 3, task.curvature, strengths(5.0),
        torch.ones(1, count, dtype=torch.float64), tolerance=1e-9,
    )  # fmt: skip
    weight, bias = (part.requires_grad_() for part in basis.unfold(solved[0]))
    loss = F.cross_entropy(x.double() @ weight.T + bias, y, reduction="sum")
    loss = loss + 5.0 * (weight * basis.std).square().sum() / 2
    for slope in torch.autograd.grad(loss, (weight, bias)):
        assert slope.abs().max() < 1e-5


def test_ridge_regression_is_the_closed_form() -> None:
    x, _ = features(40, 6)
    y = x[:, 0] * 2 - x[:, 3] + 7
    task, basis = Regression(), design(x)
    solved = solve(
        basis.rows, lambda o: task.losses(o, y), 1, task.curvature, strengths(3.0),
        torch.ones(1, 40, dtype=torch.float64), tolerance=1e-10,
    )  # fmt: skip
    weight, bias = basis.unfold(solved[0])
    z = (x.double() - basis.mean) / basis.std
    # The squared error has twice the slope that the penalty, halved, has.
    expected = torch.linalg.solve(
        z.T @ z + 1.5 * torch.eye(6, dtype=torch.float64), z.T @ (y.double() - y.double().mean())
    )
    assert torch.allclose(weight[0] * basis.std, expected, atol=1e-6)
    assert torch.allclose(bias + (weight @ basis.mean), y.double().mean(), atol=1e-6)


def test_many_problems_are_solved_as_if_alone() -> None:
    x, y = features(30, 12)
    task, basis = Classification(("a", "b", "c")), design(x)
    members = torch.ones(2, 30, dtype=torch.float64)
    members[1, ::4] = 0

    def losses(outputs: Tensor) -> Tensor:
        return task.losses(outputs, y)

    both = solve(basis.rows, losses, 3, 0.5, strengths(1.0, 100.0), members, tolerance=1e-9)
    for place, strength in enumerate((1.0, 100.0)):
        alone = solve(
            basis.rows, losses, 3, 0.5, strengths(strength), members[place : place + 1],
            tolerance=1e-9,
        )  # fmt: skip
        assert torch.allclose(alone[0], both[place], atol=1e-6)


def test_images_that_do_not_count_change_nothing() -> None:
    x, y = features(30, 12)
    task, basis = Classification(("a", "b", "c")), design(x)
    members = torch.ones(1, 30, dtype=torch.float64)
    members[0, :5] = 0
    other = torch.cat([2 - y[:5], y[5:]])

    def solved(targets: Tensor) -> Tensor:
        return solve(
            basis.rows, lambda o: task.losses(o, targets), 3, 0.5, strengths(1.0), members
        )  # fmt: skip

    assert torch.equal(solved(y), solved(other))


def test_constant_features_do_no_harm() -> None:
    x, _ = features(12, 4)
    x[:, 2] = 7
    basis = design(x)
    weight, bias = basis.unfold(torch.ones(basis.rows.shape[1], 2, dtype=torch.float64))
    assert torch.isfinite(weight).all()
    assert torch.isfinite(bias).all()
    assert basis.rows.shape[1] <= 4


def test_other_features_are_placed_in_the_same_basis() -> None:
    x, _ = features(20, 5)
    basis = design(x)
    assert torch.allclose(basis.place(x[:7]), basis.rows[:7])
