"""A model that is there before anything is chosen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import onestop
from onestop.jobs.first_model import keep_first_model
from onestop.storage.model_file import read_card
from onestop.storage.run_folder import MODEL
from onestop.training.probe.features import bank_for
from onestop.training.probe.stage import fitted_head
from tests.training.probed import MACHINE, session_of, some_weights

Photos = Callable[..., Path]
COUNTS = {"train/red": 9, "train/blue": 8, "val/red": 4, "val/blue": 4}


def test_it_is_a_model_like_any_other(photos: Photos, tmp_path: Path) -> None:
    source, lines = photos(COUNTS), list[str]()
    session = session_of(source, some_weights(tmp_path / "w.safetensors"))
    plan, bank = session.plan, bank_for(session.plan)
    fitted = fitted_head(session, bank)
    keep_first_model(
        tmp_path, plan, bank, fitted.examples, fitted.chosen, time.perf_counter(), lines.append
    )
    where = re.escape(str(tmp_path / MODEL))
    assert re.match(rf"first model after \d+ s: {where} \(cross-validated accuracy 100", lines[0])
    assert onestop.evaluate(tmp_path / MODEL, data=source).metrics["accuracy"] == 1.0
    card = read_card(tmp_path / MODEL)
    assert card.classes == ("blue", "red")
    assert card.metrics["train_loss"] == fitted.chosen.loss
    weight = onestop.load(tmp_path / MODEL).network.get_parameter("fc3.weight")
    assert torch.allclose(weight.double(), fitted.weight, atol=1e-6)


@pytest.mark.thorough
def test_it_is_there_when_the_choice_is_killed_and_replaced_when_it_ends(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = str(some_weights(tmp_path / "weights.safetensors", "squeezenet1_1"))
    source = photos({"red": 5, "blue": 5})
    settings = {**MACHINE, "model": "squeezenet1_1", "weights": weights, "val_fraction": 0.2}
    del settings["precision"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("onestop.jobs.view._needs", killed)
        with pytest.raises(KeyboardInterrupt):
            onestop.train(source, quick=True, name="cut", **settings)
    assert [path.name for path in Path("runs/cut").iterdir()] == [MODEL]
    assert onestop.predict("runs/cut/model.safetensors", source / "red")[0].label in {"red", "blue"}
    run = onestop.train(source, quick=True, name="cut", **settings)
    assert run.folder.name == "cut-2"
    assert run.metrics["images"] == 2
    assert read_card(run.folder / MODEL).recipe["probe"] == "fit"
