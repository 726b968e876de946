"""A derived learning rate that explodes is lowered, and the run begun anew; one that was set never."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import onestop
from onestop.errors import InterruptedRun, NonFiniteLossError
from onestop.jobs.derived_rate import FACTOR, MOST
from onestop.recipe.files import read_recipe
from onestop.training import defaults
from onestop.training.step import LocalStep
from tests.reliability.killing import fingerprint

OPTIONS: dict[str, Any] = {
    "model": "cnn1", "image_size": 8, "threads": 1, "epochs": 2, "batch_size": 64, "quiet": True,
}  # fmt: skip


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the rule give a rate; with this network 100 explodes in the first steps, 25 too."""

    def derived(rate: float) -> None:
        monkeypatch.setattr(defaults, "_rate", lambda *_: (rate, "the rule"))

    return derived


def rate_of(folder: Path) -> float:
    return float(read_recipe(folder / "recipe.yaml")["lr"])


def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch, *words: Any, **options: Any) -> None:
    """Train, and get SIGTERM in the given step of all steps that are taken."""
    take, taken = LocalStep.__call__, iter(range(1, 10**6))

    def stopping(self: LocalStep, *rest: Any) -> Any:
        if next(taken) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStep, "__call__", stopping)
        with pytest.raises(InterruptedRun):
            onestop.train(*words, **options)


def test_it_is_lowered_until_the_run_learns(
    derived: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    derived(100.0)
    run = onestop.train("digits", out=tmp_path, name="run", **{**OPTIONS, "quiet": False})
    said = capsys.readouterr().err
    rate = rate_of(run.folder)
    times = said.count("the run begins anew with")
    assert 1 <= times <= MOST
    assert rate == 100.0 / FACTOR**times
    assert run.recipe.optim.lr == rate
    assert run.model().card.recipe["lr"] == rate
    assert run.metrics["accuracy"] > 0.3
    notes = [note for note in run.info.notes or () if "begins anew" in note]
    assert len(notes) == times
    assert notes[0].startswith("note: the derived learning rate of 100 is too high: the loss ")
    assert notes[0].endswith("the run begins anew with 25")
    why = json.loads((run.folder / "run.json").read_text())["derived"]["lr"]
    assert why.startswith("the rule; lowered from 100 after the loss ")
    assert onestop.resolve(run.folder).origins["lr"].why == why
    rows = (run.folder / "metrics.csv").read_text().splitlines()
    assert len(rows) == 3, "a header and two epochs"


@pytest.mark.thorough
def test_the_run_is_then_as_if_the_rate_had_been_right(derived: Any, tmp_path: Path) -> None:
    derived(100.0)
    lowered = onestop.train("digits", out=tmp_path, name="lowered", **OPTIONS)
    plain = onestop.train("digits", out=tmp_path, lr=rate_of(lowered.folder), **OPTIONS)
    ours, theirs = (load_file(run.folder / "model.safetensors") for run in (lowered, plain))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


@pytest.mark.thorough
@pytest.mark.parametrize("step", [2, 8, 14, 25])
def test_a_run_that_was_stopped_on_the_way_ends_the_same(
    step: int, derived: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived(100.0)
    whole = onestop.train("digits", out=tmp_path, name="whole", **OPTIONS)
    stopped_at(step, monkeypatch, "digits", out=tmp_path, name="cut", **OPTIONS)
    cut = onestop.train(tmp_path / "cut", quiet=True)
    assert fingerprint(cut.folder) == fingerprint(whole.folder)
    assert rate_of(cut.folder) == rate_of(whole.folder)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["recipe.yaml", "run.json"])
def test_a_process_killed_while_it_begins_anew_comes_to_the_same_end(
    name: str, derived: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onestop.jobs.derived_rate as module
    from onestop.storage import run_info

    derived(100.0)
    whole = onestop.train("digits", out=tmp_path, name="whole", **OPTIONS)
    place = module if name == "recipe.yaml" else run_info
    write, armed = place.write_atomic, [False]

    def killed(path: Path, data: Any) -> None:
        if path.name == name and armed[0]:
            raise KeyboardInterrupt
        write(path, data)

    begin = module.begin_anew

    def begin_anew(*words: Any) -> Any:
        armed[0] = True
        return begin(*words)

    with monkeypatch.context() as patch:
        patch.setattr(place, "write_atomic", killed)
        patch.setattr("onestop.jobs.run.begin_anew", begin_anew)
        with pytest.raises(KeyboardInterrupt):
            onestop.train("digits", out=tmp_path, name="cut", **OPTIONS)
    cut = onestop.train(tmp_path / "cut", quiet=True)
    assert load_file(cut.folder / "model.safetensors").keys()
    assert rate_of(cut.folder) == rate_of(whole.folder)
    ours, theirs = (load_file(run.folder / "model.safetensors") for run in (cut, whole))
    assert all((ours[key] == theirs[key]).all() for key in theirs)
    why = json.loads((cut.folder / "run.json").read_text())["derived"]["lr"]
    assert why.count("lowered from 100 after") == 1


def test_a_rate_that_was_set_is_never_lowered(tmp_path: Path) -> None:
    with pytest.raises(
        NonFiniteLossError, match=r"lower --lr \(now 1e\+08\), for example to 0.0354,"
    ):
        onestop.train("digits", out=tmp_path, name="set", lr=1e8, **OPTIONS)
    assert rate_of(tmp_path / "set") == 1e8


def test_nor_one_from_a_recipe_file(derived: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("lr: 1.0e+8\n")
    with pytest.raises(NonFiniteLossError):
        onestop.train("digits", recipe=tmp_path / "mine.yaml", out=tmp_path, name="file", **OPTIONS)
    assert rate_of(tmp_path / "file") == 1e8


@pytest.mark.thorough
def test_after_a_few_times_it_is_an_error(derived: Any, tmp_path: Path) -> None:
    derived(1e11)
    with pytest.raises(NonFiniteLossError, match="lower --lr"):
        onestop.train("digits", out=tmp_path, name="run", **OPTIONS)
    assert rate_of(tmp_path / "run") == 1e11 / FACTOR**MOST
    notes = json.loads((tmp_path / "run" / "run.json").read_text())["notes"]
    assert sum("begins anew" in note for note in notes) == MOST


@pytest.mark.thorough
def test_a_network_from_python_begins_as_it_was_given(derived: Any, tmp_path: Path) -> None:
    network = onestop.build("cnn1", 10, 1, 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    derived(100.0)
    options = {**OPTIONS, "channels": 1, "model": network}
    lowered = onestop.train("digits", out=tmp_path, name="lowered", **options)
    assert all((before[name] == tensor).all() for name, tensor in network.state_dict().items())
    plain = onestop.train("digits", out=tmp_path, lr=rate_of(lowered.folder), **options)
    ours, theirs = (load_file(run.folder / "model.safetensors") for run in (lowered, plain))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_an_estimate_of_a_run_does_not_stop_for_it(derived: Any) -> None:
    derived(1e11)
    options = {name: value for name, value in OPTIONS.items() if name != "quiet"}
    assert onestop.dry_run("digits", quiet=True, **options).total > 0
