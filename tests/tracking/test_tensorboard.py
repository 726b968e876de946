"""TensorBoard's events, read back with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import onestop
from onestop.errors import NonFiniteLossError
from tests.tracking.conftest import EPOCHS, STEPS, column, same, train


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), {"scalars": 0}).Reload()


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


def in_32_bits(pairs: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, float(np.float32(value))) for step, value in pairs]


def info(folder: Path, tag: str) -> HParamsPluginData:
    content = events(folder).SummaryMetadata(tag).plugin_data.content
    return HParamsPluginData.FromString(content)


def test_the_events_are_the_metrics_of_the_run(plain: onestop.Run, every_step: None) -> None:
    run = train(track="tensorboard")
    assert same(run, plain)
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/macro_f1", "lr"):
        assert scalars(run.folder, name) == in_32_bits(column(run, name.replace("/", "_"))), name
    steps = EPOCHS * STEPS
    assert [step for step, _ in scalars(run.folder, "batch/loss")] == list(range(1, steps + 1))
    assert scalars(run.folder, "final/loss") == in_32_bits([(steps, run.metrics["loss"])])
    start = info(run.folder, metadata.SESSION_START_INFO_TAG).session_start_info.hparams
    assert start["model"].string_value == "cnn1"
    assert start["epochs"].number_value == EPOCHS
    assert start["nesterov"].bool_value is run.recipe.optim.nesterov
    end = info(run.folder, metadata.SESSION_END_INFO_TAG).session_end_info
    assert end.status == api_pb2.STATUS_SUCCESS


def test_a_run_that_goes_on_repeats_no_step(
    plain: onestop.Run, killed: Callable[..., Path], every_step: None
) -> None:
    folder = killed(track="tensorboard")
    assert [step for step, _ in scalars(folder, "epoch")] == [STEPS, 2 * STEPS]
    run = train(resume=folder)
    assert run.recipe.machine.track == "tensorboard"
    assert same(run, plain)
    for name in ("val/loss", "epoch"):
        assert scalars(folder, name) == in_32_bits(column(run, name.replace("/", "_")))
    steps = [step for step, _ in scalars(folder, "batch/loss")]
    assert steps == list(range(1, EPOCHS * STEPS + 1))


def test_a_run_that_was_not_tracked_before_gets_all_its_epochs() -> None:
    run = train(epochs=2)
    train(resume=run.folder, epochs=3, track="tensorboard")
    assert scalars(run.folder, "val/loss") == in_32_bits(column(run, "val_loss"))


def test_how_a_run_failed_stands_there() -> None:
    with pytest.raises(NonFiniteLossError):
        train(track="tensorboard", lr=1e9, name="diverged")
    end = info(Path("runs/diverged"), metadata.SESSION_END_INFO_TAG).session_end_info
    assert end.status == api_pb2.STATUS_FAILURE
