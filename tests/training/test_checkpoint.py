from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from onestop.errors import OneStopError, UsageError
from onestop.networks import build
from onestop.optim.ema import MovingAverage
from onestop.optim.optimizers import optimizer_for
from onestop.recipe import Optimizer
from onestop.storage.container import packed, unpacked
from onestop.training.checkpoint import States, restore_state
from onestop.training.state import StepResult, Training
from tests.recipes import recipe


def training(kind: Optimizer = "adamw", steps: int = 0, name: str = "lenet5") -> Training:
    torch.manual_seed(steps)
    network = build(name, 3)
    optim = recipe(optimizer=kind, lr=0.01, momentum=0.9, weight_decay=0.1).optim
    parts = Training(network, optimizer_for(optim, network), MovingAverage(network, 0.9))
    for step in range(steps):
        parts.optimizer.zero_grad()
        network(torch.rand(2, 1, 32, 32)).square().mean().backward()
        parts.optimizer.step()
        assert parts.average is not None
        parts.average.update(network, step)
        parts.progress.step += 1
    return parts


def everything(parts: Training) -> dict[str, torch.Tensor]:
    from onestop.optim.optimizers import slots

    assert parts.average is not None
    return {
        **{f"n/{k}": v for k, v in parts.network.state_dict().items()},
        **{f"a/{k}": v for k, v in parts.average.network.state_dict().items()},
        **{f"o/{n}/{s}": v for n, s, v in slots(parts.optimizer, parts.network)},
        "loss": parts.progress.loss_sum,
        **{f"p/{k}": v for k, v in parts.progress.sums.items()},
    }


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_restored_state_is_the_saved_one_bit_for_bit(tmp_path: Path, kind: Optimizer) -> None:
    saved = training(kind, steps=3)
    saved.progress.loss_sum += 0.1
    saved.progress.sums = {
        "accuracy": torch.tensor(2), "zzz": torch.tensor(0.5, dtype=torch.float64),
    }  # fmt: skip
    saved.progress.best, saved.progress.best_epoch, saved.progress.seen = 1 / 3, 2, 6
    states = States(tmp_path / "state")
    path = states.save(saved, {"data": "x", "epochs": 4})
    found, restored = states.newest(), training(kind)
    assert found is not None
    restore_state(found, restored)
    before, after = everything(saved), everything(restored)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert restored.progress.best == 1 / 3
    assert (restored.progress.step, restored.progress.seen) == (3, 6)
    assert (found.path, found.about) == (path, {"data": "x", "epochs": 4})


def test_the_last_two_states_stay(tmp_path: Path) -> None:
    parts, states = training(), States(tmp_path / "state")
    for step in (0, 7, 8):
        parts.progress.step = step
        states.save(parts, {})
    names = sorted(path.name for path in (tmp_path / "state").iterdir())
    assert names == ["step-000000007.safetensors", "step-000000008.safetensors"]
    assert States(tmp_path / "nowhere").newest() is None


def test_only_states_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    mine = ["good.safetensors", "step-000000001 (copy).safetensors", "step-1.safetensors", "a.txt"]
    for name in mine:
        (folder / name).write_text("mine")
    (folder / "step-000000002.safetensors").symlink_to("a.txt")
    states = States(folder)
    for steps in (1, 3, 4, 5):
        states.save(training(steps=steps), {})
    ours = ["step-000000004.safetensors", "step-000000005.safetensors"]
    left = sorted(path.name for path in folder.iterdir())
    assert left == sorted([*mine, *ours, "step-000000002.safetensors"])
    assert (folder / "a.txt").read_text() == "mine"


def test_no_state_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "step-000000001.safetensors").write_text("mine")
    (tmp_path / "state").symlink_to("mine")
    with pytest.raises(OneStopError, match="state: is a link, not a folder"):
        States(tmp_path / "state").save(training(steps=1), {})
    assert (tmp_path / "mine" / "step-000000001.safetensors").read_text() == "mine"
    assert States(tmp_path / "state").newest() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("progress/loss_sum", torch.zeros(3)), ("progress/odd", torch.zeros(())),
        ("optimizer/momentum_buffer/fc.weight", torch.zeros(1)), ("odd/a", torch.zeros(1)),
        ("optimizer/momentum_buffer/odd", torch.zeros(1)),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, value: torch.Tensor
) -> None:
    states = States(tmp_path)
    states.save(training(steps=1), {})
    saved = states.newest()
    assert saved is not None
    saved.tensors[name] = value
    with pytest.raises(UsageError, match=r"step-000000001.safetensors: does not fit this run's"):
        restore_state(saved, training(), {"accuracy"})


def test_a_step_that_is_saved_twice_leaves_two_states_too(tmp_path: Path) -> None:
    states = States(tmp_path)
    for steps in (1, 2, 2):
        states.save(training(steps=steps), {})
    names = ["step-000000001.safetensors", "step-000000002.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    again = States(tmp_path)  # as a run that is done and is gone on with
    assert again.newest() is not None
    again.save(training(steps=2), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    again.save(training(steps=3), {})
    names = ["step-000000002.safetensors", "step-000000003.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_failed_save_leaves_the_older_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, states = training(), States(tmp_path / "state")
    kept = []
    for step in (1, 2):
        parts.progress.step = step
        kept.append(states.save(parts, {}))
    parts.progress.step = 7

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("onestop.runtime.files.os.fsync", full)
    with pytest.raises(OneStopError, match="No space left on device"):
        states.save(parts, {})
    assert sorted((tmp_path / "state").iterdir()) == kept
    assert states.last == kept[-1]


def test_a_damaged_newest_state_gives_way_and_goes_with_the_next_save(tmp_path: Path) -> None:
    parts, states = training(), States(tmp_path / "state")
    paths = []
    for step in (1, 2):
        parts.progress.step = step
        paths.append(states.save(parts, {}))
    paths[1].write_bytes(paths[1].read_bytes()[:100])
    again = States(tmp_path / "state")
    found = again.newest()
    assert found is not None
    assert found.path == paths[0]
    assert [line.startswith(f"{paths[1]}: damaged") for line in again.damaged] == [True]
    parts.progress.step = 3
    third = again.save(parts, {})
    assert sorted((tmp_path / "state").iterdir()) == [paths[0], third]


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    states = States(tmp_path / "state")
    states.save(training(), {})
    found = states.newest()
    assert found is not None
    with pytest.raises(UsageError, match="does not fit this run's recipe") as raised:
        restore_state(found, training(name="lenet_3x3"))
    assert "in the file and" in str(raised.value)  # in our words, not the first line of torch's
    assert "Error(s)" not in str(raised.value)


def test_a_state_without_its_checksum_is_damaged(tmp_path: Path) -> None:
    states = States(tmp_path / "state")
    path = states.save(training(), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    metadata = {key: text.replace("sha256", "sha255") for key, text in metadata.items()}
    save_file(tensors, path, metadata=metadata)
    assert States(path.parent).newest() is None


def test_a_state_of_a_newer_format_stops_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = States(tmp_path / "state")
    with monkeypatch.context() as patch:
        patch.setattr("onestop.training.checkpoint._VERSION", 3)
        path = states.save(training(), {})
    with pytest.raises(OneStopError, match="format 3, this OneStop reads up to 2; upgrade"):
        States(tmp_path / "state").newest()
    assert path.exists()


def test_a_state_of_version_1_goes_on_with_its_number_of_correct_images(tmp_path: Path) -> None:
    """It had one sum, called hits."""
    parts, states = training(), States(tmp_path)
    path = states.save(parts, {"data": "x"})
    content = unpacked(path)
    described = json.loads(content.metadata[content.sealed])
    assert described["version"] == 2
    tensors = {**content.tensors, "progress/hits": torch.tensor(7)}
    path.write_bytes(packed(tensors, content.sealed, {**described, "version": 1}))
    found, restored = states.newest(), training()
    assert found is not None
    restore_state(found, restored)
    restored.progress.add(StepResult(0.0, 1, {"accuracy": torch.tensor(2)}))
    (total,) = restored.progress.sums.values()
    assert torch.equal(total, torch.tensor(9))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "one"}, {"version": None}, {"progress": {}}, {"progress": []}, {"about": 3},
        {"progress": {"epoch": "many"}}, {"about": {"epochs": []}}, {"scaler": "none"},
    ],
    ids=str,
)  # fmt: skip
def test_a_sealed_state_that_is_none_is_damaged(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Anyone can seal a file."""
    states = States(tmp_path)
    path = states.save(training(), {"data": "x", "epochs": 2})
    content = unpacked(path)
    described = json.loads(content.metadata[content.sealed]) | changes
    path.write_bytes(packed(content.tensors, content.sealed, described))
    assert states.newest() is None
    assert states.damaged == [f"{path}: damaged, it is not what a state holds"]
