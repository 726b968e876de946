"""The moving average of the weights."""

from __future__ import annotations

import pytest
import torch

from onestop.networks import build
from onestop.optim.ema import MovingAverage


def test_moving_average_follows_the_formula() -> None:
    network = build("linear", 1, channels=1)
    average = MovingAverage(network, 0.5)
    expected = network.weight.item()  # type: ignore[operator]
    for step, value in enumerate([1.0, 2.0, -3.0]):
        with torch.no_grad():
            network.weight.fill_(value)  # type: ignore[operator]
        average.update(network, step)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)  # type: ignore[operator]


def test_moving_average_takes_batch_norm_along() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    average = MovingAverage(network, 0.9)
    network(torch.rand(4, 1, 3, 3))
    average.update(network, 0)
    buffers = dict(average.network.named_buffers())
    assert buffers["1.num_batches_tracked"].item() == 1
    assert not torch.equal(buffers["1.running_mean"], torch.zeros(2))


def test_few_steps_are_enough_to_forget_the_initial_weights() -> None:
    """However slow the decay: after 48 steps the average is of the weights that were trained."""
    network = build("linear", 1, channels=1)
    with torch.no_grad():
        network.weight.fill_(1e6)  # type: ignore[operator]
    average = MovingAverage(network, 0.9999)
    with torch.no_grad():
        network.weight.fill_(1.0)  # type: ignore[operator]
    for step in range(48):
        average.update(network, step)
    assert average.network.weight.item() == pytest.approx(1.0, abs=1e-3)  # type: ignore[operator]
