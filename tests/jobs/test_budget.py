"""The plan that fits into a time budget, from measurements that are stood in for here."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from onestop.jobs.budget import budget_needs
from onestop.results.cost import Estimate, Phase
from onestop.training.plan import Plan
from tests.conftest import make_photos
from tests.training.probed import session_of, some_weights

EPOCH = Phase(1, "none", 0.0, 2.0, 0.5, 10.0, 0.0)
COST = Estimate("n", 1, "cpu", 17, 8, 2, 8, 1, (EPOCH,), 1.0, 0.5, 0.5, 5.0, None, "")


def planned(folder: Path, **settings: Any) -> Plan:
    source = make_photos(
        folder / "photos", {"train/red": 9, "train/blue": 8, "val/red": 4, "val/blue": 4}
    )
    weights = settings.pop("weights", None) or some_weights(folder / "w.safetensors")
    return session_of(source, weights, **settings).plan


def needs(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, cost: Estimate = COST, known: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    monkeypatch.setattr("onestop.jobs.budget.estimate", lambda *_, **__: cost)
    return budget_needs(plan, known, time.perf_counter(), lines.append), lines


def test_the_epochs_are_those_for_which_time_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 60 s less 3 %, 8 s for preparation, report and final files, and about 5 for probe and line.
    chosen, lines = needs(planned(tmp_path, time_budget=60), monkeypatch)
    epochs, why = chosen["epochs"]
    assert 16 <= epochs <= 19
    assert why.startswith("what fits into 60 s: 2.5 s each, at 6.8 images/s as measured")
    assert lines == [f"time budget of 60 s: {epochs} epochs of 2.5 s fit"]


def test_twice_the_budget_is_twice_the_epochs_up_to_four_times_the_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, time_budget=3600)
    assert needs(plan, monkeypatch)[0]["epochs"][0] == 4 * plan.recipe.optim.epochs


def test_a_budget_below_the_fixed_cost_keeps_the_probe_and_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, lines = needs(planned(tmp_path, time_budget=5), monkeypatch)
    assert chosen["epochs"][0] == 0
    assert lines[1].startswith("warning: even without an epoch, the run takes about ")


def test_without_a_probe_images_become_smaller_where_few_epochs_would_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, weights="none", model="resnet20", image_size=96, time_budget=20)
    free = dataclasses.replace(plan, whys={**plan.whys, "image_size": "usual"})
    chosen, _ = needs(free, monkeypatch)
    assert chosen["image_size"][0] == 64
    assert chosen["epochs"][0] >= 5
    assert "image_size" not in needs(plan, monkeypatch)[0]  # set by the user
    slow = dataclasses.replace(COST, phases=(dataclasses.replace(EPOCH, training=1e3),))
    assert needs(plan, monkeypatch, slow)[0]["epochs"][0] == 1


def test_what_is_settled_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, time_budget=60)
    assert needs(plan, monkeypatch, known=("epochs",)) == ({}, [])
    assert needs(planned(tmp_path / "other"), monkeypatch) == ({}, [])
