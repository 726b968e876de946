"""Building networks without values."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from onestop.errors import ArchitectureError
from onestop.networks import build
from onestop.networks.meta import LayersOnly, build_on_meta


def shapes_only(network: nn.Module) -> bool:
    return all(parameter.device.type == "meta" for parameter in network.parameters())


def test_a_network_is_built_without_values_and_looked_at_once() -> None:
    built = []

    def make() -> nn.Module:
        built.append(build("lenet5", 10))
        return built[-1]

    result = build_on_meta(make, shapes_only)
    assert len(built) == 1
    assert result == (built[0], True)


def test_a_network_that_computes_with_values_while_it_is_built_keeps_those() -> None:
    class Sized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, int(torch.tensor([3.0]).round().item()))

    with pytest.raises(RuntimeError, match="meta"), torch.device("meta"):
        Sized()
    result = build_on_meta(Sized, shapes_only)
    assert result is not None
    assert result[1]
    assert result[0].get_submodule("fc").out_features == 3


def test_what_cannot_be_looked_at_in_any_way_is_not() -> None:
    tried = []

    def refuse(network: nn.Module) -> None:
        tried.append(network)
        raise ArchitectureError("it looks at values")

    assert build_on_meta(lambda: nn.Linear(2, 2), refuse) is None
    assert len(tried) == 2


def test_a_bug_is_not_taken_for_a_way_that_does_not_work() -> None:
    with pytest.raises(ZeroDivisionError):
        build_on_meta(lambda: nn.Linear(2, 2), lambda _: 1 / 0)


def test_in_layers_only_other_tensors_have_values() -> None:
    with LayersOnly():
        network, values = nn.BatchNorm2d(3), torch.arange(3)
    assert {tensor.device.type for tensor in network.parameters()} == {"meta"}
    assert values.tolist() == [0, 1, 2]
