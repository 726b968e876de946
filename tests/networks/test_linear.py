"""Linear regression."""

from __future__ import annotations

import torch

from onestop.networks import build


def test_linear_regression_has_two_scalars() -> None:
    network = build("linear", 1, channels=1)
    assert {name: p.numel() for name, p in network.named_parameters()} == {"weight": 1, "bias": 1}
    with torch.no_grad():
        network.weight.fill_(2)  # type: ignore[operator]
        network.bias.fill_(3)  # type: ignore[operator]
    assert network(torch.tensor([[5.0], [-1.0]])).tolist() == [[13.0], [1.0]]


def test_several_features_have_a_weight_each() -> None:
    network = build("linear", 1, channels=3)
    x = torch.randn(5, 3)
    weight, bias = (parameter.detach() for parameter in network.parameters())
    torch.testing.assert_close(network(x).detach(), x @ weight[:, None] + bias)
