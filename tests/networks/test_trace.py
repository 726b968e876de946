"""Runs that look at a network and leave it as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from onestop.errors import ArchitectureError
from onestop.networks import build
from onestop.networks.trace import (
    device_of,
    hooked,
    in_mode,
    is_leaf,
    outputs_of,
    run,
    run_on_shapes,
    without_values,
)


class Normed(nn.Module):
    """A network with a buffer, a tensor that is neither, and a frozen parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.scale = torch.ones(4, 1, 1)
        self.fc = nn.Linear(4, 2)
        self.fc.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)) * self.scale
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


def test_the_device_is_that_of_the_parameters() -> None:
    assert device_of(nn.Linear(1, 1, device="meta")).type == "meta"
    assert device_of(nn.ReLU()).type == "cpu"


def test_a_copy_without_values_has_all_shapes_and_leaves_the_network_alone() -> None:
    network = Normed().eval()
    network.norm.train()
    copy = without_values(network)
    assert isinstance(copy, Normed)
    tensors = [*copy.parameters(), *copy.buffers(), copy.scale]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert [(key, value.shape) for key, value in copy.state_dict().items()] == [
        (key, value.shape) for key, value in network.state_dict().items()
    ]
    assert all(parameter.requires_grad for parameter in copy.parameters())  # frozen ones too
    assert (copy.training, copy.norm.training) == (False, True)
    assert {p.device.type for p in network.parameters()} == {"cpu"}


def test_a_parameter_under_two_names_stays_one() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight = network[0].weight
    copy = without_values(network)
    assert isinstance(copy, nn.Sequential)
    assert copy[1].weight is copy[0].weight


@pytest.mark.parametrize("training", [False, True])
def test_modes_are_put_back_also_after_an_error(training: bool) -> None:
    network = Normed().train()
    network.norm.eval()
    with in_mode(network, training=training):
        assert {module.training for module in network.modules()} == {training}
    assert (network.training, network.norm.training) == (True, False)
    with pytest.raises(ZeroDivisionError), in_mode(network, training=training):
        raise ZeroDivisionError
    assert (network.training, network.norm.training) == (True, False)


def test_hooks_are_called_before_and_after_and_then_removed() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    seen: list[tuple[object, ...]] = []

    def before(name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append(("before", name, type(module), tuple(inputs[0].shape)))

    def after(name: str, module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        seen.append(("after", name, type(module), tuple(output.shape)))

    with hooked([("linear", network[0])], before, after):
        network(torch.zeros(1, 2))
    network(torch.zeros(1, 2))
    assert seen == [("before", "linear", nn.Linear, (1, 2)), ("after", "linear", nn.Linear, (1, 3))]


def test_what_a_network_does_not_take_is_reported_in_one_line() -> None:
    class Picky(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("first\nsecond")

    with pytest.raises(ArchitectureError) as caught:
        outputs_of(Picky(), torch.zeros(1, 3, 8, 9))
    assert str(caught.value) == "Picky: does not accept 3x8x9 inputs: first"


@pytest.mark.parametrize("training", [False, True])
def test_a_run_on_shapes_has_two_inputs_and_no_values(training: bool) -> None:
    network = Normed()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    outputs = run_on_shapes(network, (3, 8, 8), training=training)
    assert (outputs.shape, outputs.device.type, outputs.requires_grad) == ((2, 2), "meta", False)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    with pytest.raises(ArchitectureError, match="Normed: does not accept 4x8x8 inputs"):
        run_on_shapes(network, (4, 8, 8))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_traced_run_counts_calls_work_and_new_elements(device: str) -> None:
    with torch.device(device):
        network = Normed()
    trace, outputs = run(network, (3, 8, 8))
    assert trace.calls[network.conv] == trace.calls[network] == 1
    assert trace.work[network.conv] == 4 * 6 * 6 * 3 * 9
    assert trace.work[network.fc] == 4 * 2
    assert trace.made[network.conv] == 4 * 6 * 6
    assert trace.outputs[network.conv] == [4, 6, 6]
    assert [tuple(output.shape) for output in outputs] == [(1, 2)]
    assert not any(module._forward_hooks for module in network.modules())


def test_parameters_in_use_are_known_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = Normed()
        network.idle = nn.Linear(2, 2)
    trace, _ = run(network, (3, 8, 8), training=True)
    in_use = {name for name, p in network.named_parameters() if id(p) in trace.used}
    assert in_use == {"conv.weight", "conv.bias", "norm.weight", "norm.bias", "fc.weight"}


def test_all_tensors_in_an_output_are_given() -> None:
    class Several(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return {"a": x, "b": [x + 1, (None, x + 2)]}

    _, outputs = run(Several(), (3,))
    assert [None if item is None else tuple(item.shape) for item in outputs] == [
        (1, 3), (1, 3), None, (1, 3),
    ]  # fmt: skip


def test_attention_is_looked_at_from_outside() -> None:
    assert is_leaf(nn.MultiheadAttention(4, 2))
    assert is_leaf(nn.ReLU())
    assert not is_leaf(build("nested", 2).get_submodule("blocks"))
