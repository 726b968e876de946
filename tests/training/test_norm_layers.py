"""Which layers with running statistics are trained, and how long their initial values last."""

from __future__ import annotations

import copy
from typing import Self

import pytest
import torch
from torch import nn

from onestop.networks import build
from onestop.networks.freezing import Freezing
from onestop.optim.ema import MovingAverage
from onestop.training.norm_layers import NEVER, Pace, trained_layers


def small(**options: float | None) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, **options))  # type: ignore[arg-type]


class TestWhatIsLeft:
    @pytest.mark.parametrize(
        ("momentum", "steps", "left"),
        [(0.01, 48, 0.617), (0.1, 6, 0.531), (1.0, 1, 0.0), (0.0, 10, 1.0), (None, 10, 1.0)],
    )
    def test_a_power_of_the_steps(self, momentum: float | None, steps: int, left: float) -> None:
        assert Pace(momentum).left_after(steps) == pytest.approx(left, abs=5e-4)

    def test_each_part_of_a_batch_is_an_update(self) -> None:
        assert Pace(0.1, parts=4).left_after(3) == pytest.approx(0.9**12)

    @pytest.mark.parametrize("begins", [0, 5])
    def test_it_is_what_layers_and_their_moving_average_hold(self, begins: int) -> None:
        """Fed with zeros, the running variance is the share of the initial 1 that is left."""
        network = small(momentum=0.2)
        average = MovingAverage(network, 0.7)
        for step in range(begins + 12):
            network.train(step >= begins)
            network(torch.zeros(4, 1, 3, 3))
            average.update(network, step)
        for ema, holder in ((0.0, network), (0.7, average.network)):
            pace = Pace(0.2, ema=ema, begins=begins)
            held = holder.get_buffer("1.running_var")[0].item()
            assert held == pytest.approx(pace.left_after(begins + 12), rel=1e-5)

    @pytest.mark.parametrize(
        ("pace", "step"),
        [
            (Pace(0.1), 88),
            (Pace(0.01), 917),
            (Pace(0.1, parts=2), 44),
            (Pace(0.1, begins=30), 118),
            (Pace(1.0), 1),
            (Pace(0.0), NEVER),
            (Pace(None), NEVER),
            (Pace(1e-9), NEVER),
        ],
    )
    def test_until_a_ten_thousandth_is_left(self, pace: Pace, step: int) -> None:
        assert pace.trusted_from() == step

    def test_an_average_lags_behind(self) -> None:
        assert 88 < Pace(0.1, ema=0.9).trusted_from() < 200


class TestWhichLayers:
    def test_all_that_have_running_statistics(self) -> None:
        network = nn.Sequential(
            nn.BatchNorm2d(1), nn.BatchNorm2d(1, track_running_stats=False), nn.GroupNorm(1, 1),
            nn.InstanceNorm2d(1), nn.InstanceNorm2d(1, track_running_stats=True),
        )  # fmt: skip
        assert [layer.name for layer in trained_layers(network)] == ["0", "4"]

    def test_none_that_their_author_keeps_in_evaluation(self) -> None:
        class Kept(nn.BatchNorm2d):
            def train(self, mode: bool = True) -> Self:
                return super().train(False)

        assert trained_layers(nn.Sequential(Kept(1))) == ()

    def test_frozen_ones_only_once_they_are_not(self) -> None:
        network = build("resnet20", 3)
        freezing = Freezing(network, ["fc"]) if hasattr(network, "fc") else None
        names = [name for name, _ in network.named_children()]
        freezing = freezing or Freezing(network, names[-1:])
        for thawed in (0, 40):
            layers = trained_layers(network, freezing, "backbone", thawed)
            assert all(layer.pace.begins == thawed for layer in layers)
            assert bool(layers) == bool(thawed)
        some = trained_layers(network, freezing, "1", 40)
        assert {layer.pace.begins for layer in some} == {0, 40}
        assert freezing.what == "none"

    def test_the_network_stays_as_it_is(self) -> None:
        network = small().eval()
        before = copy.deepcopy(network.state_dict())
        assert len(trained_layers(network)) == 1
        assert not network.training
        assert not network[1].training
        assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_it_is_due_from_the_first_step_that_trains_it() -> None:
    (layer,) = trained_layers(small(momentum=0.5))
    assert layer.trusted_from == 14
    assert [step for step in range(20) if layer.due(step)] == list(range(1, 14))
