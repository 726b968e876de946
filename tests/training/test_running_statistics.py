"""Running statistics that are computed anew before a network is scored."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import onestop
import onestop.training.running_statistics as module
from onestop.data.augmentation import Augmentation
from onestop.data.loader import Loader
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.samples import ArraySamples
from onestop.data.targets import Classes
from onestop.errors import InterruptedRun
from onestop.runtime.signals import Stop, Stopped
from onestop.training.norm_layers import trained_layers
from onestop.training.phases import Order
from onestop.training.running_statistics import RunningStatistics
from onestop.training.step import LocalStep
from tests.reliability.killing import fingerprint

SLOW = 0.01


class Net(nn.Module):
    """A convolution, BatchNorm as slow as MobileNet v3's, and a classifier; with dropout."""

    def __init__(self, classes: int, channels: int = 1, momentum: float | None = SLOW) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3)
        self.norm = nn.BatchNorm2d(8, momentum=momentum)
        self.drop = nn.Dropout(0.5)
        self.again = nn.Conv2d(8, 16, 3)
        self.norm2 = nn.BatchNorm2d(16, momentum=momentum)
        self.fc = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.norm(self.conv(x)).relu())
        x = self.norm2(self.again(x)).relu()
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]


def loader(count: int = 20, **changes: Any) -> Loader:
    images = np.random.default_rng(0).integers(0, 255, (count, 8, 8, 1), dtype=np.uint8)
    samples = ArraySamples(images, Classes(np.arange(count) % 2, ("a", "b")))
    return Loader(samples, ImagePreprocessing(1, (8, 8), (0.5,), (0.3,)), Augmentation(**changes))


def statistics(
    network: nn.Module, images: Loader | None = None, batch_size: int = 256, at_once: int = 64
) -> RunningStatistics:
    images = images or loader()
    order = Order(len(images.samples), batch_size, 0)
    return RunningStatistics(trained_layers(network), images, order, at_once, lambda net: net)


def buffers(network: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in network.named_buffers()}


def test_they_are_those_of_the_images() -> None:
    network, images = Net(2), loader()
    fresh = statistics(network, images).trusted(network, 1)
    inputs = torch.cat([batch.inputs for batch in images.in_order(20)])
    first = network.conv(inputs)
    assert torch.allclose(fresh.get_buffer("norm.running_mean"), first.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(fresh.get_buffer("norm.running_var"), first.var((0, 2, 3)), atol=1e-5)
    normed = nn.functional.batch_norm(first, None, None, training=True).relu()  # without dropout
    second = network.again(normed)
    assert torch.allclose(fresh.get_buffer("norm2.running_mean"), second.mean((0, 2, 3)), atol=1e-5)


def test_they_are_the_mean_over_batches_of_nearly_equal_size() -> None:
    network, images = Net(2), loader(22)
    fresh = statistics(network, images, at_once=8).trusted(network, 1)
    order = Order(22, 256, 0).plan(0)[0]
    parts = np.array_split(order, 3)
    assert [len(part) for part in parts] == [8, 7, 7]
    means = [network.conv(batch.inputs).mean((0, 2, 3)) for batch in images.unchanged(parts)]
    expected = torch.stack(means).mean(0)
    assert torch.allclose(fresh.get_buffer("norm.running_mean"), expected, atol=1e-5)


def test_only_so_many_images_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMAGES", 5)
    network, images = Net(2), loader()
    fresh = statistics(network, images).trusted(network, 1)
    few = next(images.unchanged([Order(20, 256, 0).plan(0)[0][:5]]))
    expected = network.conv(few.inputs).mean((0, 2, 3))
    assert torch.allclose(fresh.get_buffer("norm.running_mean"), expected, atol=1e-5)


def test_images_are_augmented_as_in_the_epoch_just_done() -> None:
    network, images = Net(2), loader(policy="crop", padding=2)
    anew = statistics(network, images, batch_size=10)  # two steps an epoch
    for step, epoch in ((2, 0), (3, 1), (4, 1)):
        plan = [np.concatenate(Order(20, 10, 0).plan(epoch))]
        (batch,) = images.train(plan, epoch)
        expected = network.conv(batch.inputs).mean((0, 2, 3))
        fresh = anew.trusted(network, step)
        assert torch.allclose(fresh.get_buffer("norm.running_mean"), expected, atol=1e-5)


def test_the_network_that_is_trained_stays_as_it_is() -> None:
    network = Net(2).train()
    network(torch.rand(4, 1, 8, 8))
    before = buffers(network)
    fresh = statistics(network).trusted(network, 1)
    assert all(torch.equal(before[name], value) for name, value in buffers(network).items())
    assert network.training
    assert network.norm.momentum == SLOW
    assert not fresh.training
    assert fresh.get_buffer("norm.num_batches_tracked") == 1, "updates of training count"


def test_once_few_is_left_the_network_itself_is_given() -> None:
    network = Net(2)
    anew = statistics(network)
    assert anew.trusted(network, 917) is network
    assert anew.trusted(network, 0) is network
    assert anew.trusted(network, 916) is not network


def test_the_same_step_is_computed_once() -> None:
    network = Net(2)
    anew = statistics(network)
    first = anew.trusted(network, 3)
    assert anew.trusted(network, 3) is first
    assert anew.trusted(network, 4) is not first
    assert anew.trusted(Net(2), 4) is not first


def test_a_layer_that_is_called_twice_averages_both_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, x: Tensor) -> Tensor:
            self.norm(x)
            return self.norm(x + 4)  # type: ignore[no-any-return]

    network, images = Twice(), loader()
    fresh = statistics(network, images).trusted(network, 1)
    mean = torch.cat([batch.inputs for batch in images.in_order(20)]).mean()
    assert fresh.get_buffer("norm.running_mean").item() == pytest.approx(mean.item() + 2, abs=1e-5)


def test_instance_norm_that_tracks_is_one_of_them() -> None:
    network = nn.Sequential(nn.InstanceNorm2d(1, track_running_stats=True, momentum=0.01))
    images = loader()
    fresh = statistics(network, images).trusted(network, 1)
    mean = torch.cat([batch.inputs for batch in images.in_order(20)]).mean()
    assert fresh.get_buffer("0.running_mean").item() == pytest.approx(mean.item(), abs=1e-5)


def test_a_single_image_changes_nothing() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3))
    fresh = statistics(network, loader(1)).trusted(network, 1)
    assert torch.equal(fresh.get_buffer("2.running_var"), torch.ones(3))


def test_a_signal_ends_it() -> None:
    network = Net(2)
    with Stop() as stop:
        stop.requested = True
        with pytest.raises(Stopped):
            statistics(network).trusted(network, 1)


class TestNote:
    def test_it_says_how_much_is_left_and_how_long(self) -> None:
        assert statistics(Net(2)).note([48, 96]) == (
            "note: the running statistics of BatchNorm are computed anew from 20 training images "
            "before each evaluation until step 917: with a momentum of 0.01, 61.7% of their initial "
            "values are left after 48 steps"
        )

    def test_no_momentum_never_ends(self) -> None:
        note = statistics(Net(2, momentum=None)).note([10**6])
        assert note.endswith("with a momentum of None they never forget their first values")

    def test_nothing_where_it_is_never_due(self) -> None:
        assert statistics(Net(2, momentum=0.1)).note([100, 200]) == ""


OPTIONS: dict[str, Any] = {
    "image_size": 8, "channels": 1, "epochs": 2, "threads": 1, "lr": 0.1, "quiet": True,
    "batch_size": 32, "augment": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    out = tmp_path_factory.mktemp("run")
    return onestop.train("digits", model=Net, out=out, name="run", **OPTIONS)


def test_a_network_of_few_steps_is_scored_as_it_has_learned(run: onestop.Run) -> None:
    """With the statistics of its 82 steps, of which 44 % are initial, the accuracy is 10 %."""
    assert run.metrics["accuracy"] > 0.5
    assert run.info.notes is not None
    assert any("computed anew from 1,024 training images" in note for note in run.info.notes)


def test_what_was_scored_is_kept(run: onestop.Run) -> None:
    held = load_file(run.folder / "model.safetensors")["norm.running_var"]
    model = onestop.load(run.folder, Net(10))
    assert torch.equal(held, model.network.get_buffer("norm.running_var"))
    evaluated = onestop.evaluate(run.folder, network=Net(10))
    assert evaluated.metrics["accuracy"] == run.metrics["accuracy"]
    state = load_file(max((run.folder / "state").iterdir()))
    assert not torch.equal(held, state["network/norm.running_var"])


@pytest.mark.thorough
@pytest.mark.parametrize(("at", "ema"), [(20, 0.0), (41, 0.0), (60, 0.9)])
def test_a_run_that_was_stopped_ends_the_same(
    at: int, ema: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "ema": ema, "lr": 0.05}
    whole = onestop.train("digits", model=Net, out=tmp_path, name="whole", **options)
    take = LocalStep.__call__

    def stopping(self: LocalStep, training: Any, *rest: Any) -> Any:
        if training.progress.step == at - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, training, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStep, "__call__", stopping)
        with pytest.raises(InterruptedRun):
            onestop.train("digits", model=Net, out=tmp_path, name="cut", **options)
    cut = onestop.train(tmp_path / "cut", model=Net, quiet=True)
    assert fingerprint(cut.folder) == fingerprint(whole.folder)


@pytest.mark.thorough
def test_it_changes_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for name, due in (("with", True), ("without", False)):
        if not due:
            monkeypatch.setattr(RunningStatistics, "due", lambda *_: False)
        run = onestop.train("digits", model=Net, out=tmp_path, name=name, **OPTIONS)
        states.append(load_file(max((run.folder / "state").iterdir())))
    trained = [name for name in states[0] if not name.startswith("progress/")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in trained)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16", "memory_format": "channels-last", "accumulate": 2},
        {"tta": "flip", "augment": "flip-crop", "mixup": 0.2},
        {"val_fraction": 0},
    ],
    ids=["bf16 in parts", "mixed and mirrored", "nothing held out"],
)
def test_with_other_settings(changes: dict[str, Any], tmp_path: Path) -> None:
    run = onestop.train("digits", model=Net, out=tmp_path, **{**OPTIONS, "epochs": 3, **changes})
    assert run.metrics["accuracy"] > 0.4
