"""Heads as linear models."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from onestop.networks import build
from onestop.networks.surgery import find_heads
from onestop.tasks import Classification, Regression
from onestop.training.probe.head import LinearHead, NoProbe, head_inputs, linear_head, pooled

TASK = Classification(("a", "b", "c"))
TARGETS = torch.tensor([0, 0])


def head_of(name: str, size: int, channels: int = 3) -> tuple[nn.Module, LinearHead]:
    torch.manual_seed(0)
    network, shape = build(name, 3, channels, size), (channels, size, size)
    heads = find_heads(network, shape)
    return network, linear_head(network, heads, shape, TASK, TARGETS)


@pytest.mark.parametrize(
    ("name", "size", "rectified"),
    [
        ("lenet5_color", 32, False),
        ("resnet20", 32, False),
        pytest.param("tf_efficientnet_lite0", 64, False, marks=pytest.mark.thorough),
        pytest.param("squeezenet1_1", 64, True, marks=pytest.mark.thorough),
    ],
)
def test_a_linear_model_put_into_a_network_gives_its_outputs(
    name: str, size: int, rectified: bool
) -> None:
    network, head = head_of(name, size)
    assert (head.scale, head.rectified) == (1.0, rectified)
    inputs = torch.rand(4, 3, size, size)
    with torch.no_grad():
        features, _ = head_inputs(network.eval(), head.name, inputs)
        assert features is not None
        flat = pooled(features)
        weight, bias = torch.randn(3, flat.shape[1]).double(), torch.randn(3).double()
        head.fill(network, weight, bias, lowest=-200.0)
        outputs = network(inputs).double()
    expected = flat.double() @ weight.T + bias
    if rectified:
        outputs, expected = outputs - outputs.mean(), expected - expected.mean()
    assert torch.allclose(outputs, expected, atol=1e-3)


class Scaled(nn.Module):
    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.fc(x.flatten(1)) * 0.25
        return outputs


class Squared(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).square()


def test_outputs_may_be_scaled_after_the_head() -> None:
    network = Scaled()
    head = linear_head(network, ["fc"], (3, 2, 2), TASK, TARGETS)
    assert head.scale == 0.25
    weight, bias = torch.randn(3, 12).double(), torch.randn(3).double()
    head.fill(network, weight, bias)
    inputs = torch.rand(2, 3, 2, 2)
    expected = inputs.flatten(1).double() @ weight.T + bias
    assert torch.allclose(network(inputs).double(), expected, atol=1e-5)


def test_a_head_of_zeros_is_recognised_too() -> None:
    network = Scaled()
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    assert linear_head(network, ["fc"], (3, 2, 2), TASK, TARGETS).scale == 0.25


def test_looking_changes_nothing() -> None:
    network = Scaled().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    linear_head(network, ["fc"], (3, 2, 2), TASK, TARGETS)
    assert network.training
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


@pytest.mark.parametrize(
    ("network", "heads", "reason"),
    [
        (Squared(), ["fc"], "its outputs are not a linear function of its head's inputs"),
        (Scaled(bias=False), ["fc"], "its head is not a linear layer with a bias"),
        (Scaled(), ["fc", "fc"], "it has several heads"),
    ],
    ids=["squared", "without bias", "two"],
)
def test_other_heads_are_refused(network: nn.Module, heads: list[str], reason: str) -> None:
    with pytest.raises(NoProbe, match=reason):
        linear_head(network, heads, (3, 2, 2), TASK, TARGETS)


def test_outputs_that_cannot_be_negative_suit_classes_alone() -> None:
    class Rectified(Scaled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    assert linear_head(Rectified(), ["fc"], (3, 2, 2), TASK, TARGETS).rectified
    one = Rectified()
    one.fc = nn.Linear(12, 1)
    with pytest.raises(NoProbe, match="not a linear function"):
        linear_head(one, ["fc"], (3, 2, 2), Regression(), torch.zeros(2))
