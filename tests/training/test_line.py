"""How far to go from the probe to the trained weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from onestop.training.line import Point, _is_better, kept_point
from onestop.training.setup import Session
from tests.conftest import make_photos
from tests.training.probed import probed, some_weights


@pytest.mark.parametrize(
    ("gains", "alone", "beyond"),
    [
        ([0.1, 0.2, 0.1, 0.2], True, True),
        ([1.0, -0.9, 0.0, 0.0], True, False),
        ([-0.1, -0.2, 0.0, 0.0], False, False),
        ([0.0, 0.0], False, False),
    ],
)
def test_chance_is_judged_by_pairs(gains: list[float], alone: bool, beyond: bool) -> None:
    values = torch.tensor(gains, dtype=torch.float64)
    assert _is_better(values, beyond_chance=False) == alone
    assert _is_better(values, beyond_chance=True) == beyond


def test_losses_that_are_not_finite_are_never_better() -> None:
    assert not _is_better(torch.tensor([float("nan"), 1.0]), beyond_chance=False)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "kept: the probe"),
        (0.25, "kept: 25% of the way from the probe to the trained network"),
        (1.0, "kept: the trained network"),
    ],
)
def test_points_have_names(share: float, text: str) -> None:
    assert Point(share, torch.nn.Identity(), {}).text == text


@pytest.fixture
def session(tmp_path: Path) -> Session:
    source = make_photos(
        tmp_path / "photos", {"train/red": 6, "train/blue": 6, "val/red": 8, "val/blue": 8}
    )
    return probed(source, some_weights(tmp_path / "w.safetensors"), ema=0.0)[0]


def change(session: Session, factor: float) -> None:
    """Training that has made the network surer of itself, or the opposite of what it was."""
    with torch.no_grad():
        for parameter in session.training.network.get_submodule("fc3").parameters():
            parameter.mul_(factor)


def test_a_trained_network_that_is_worse_is_left(session: Session) -> None:
    change(session, -1.0)
    point = kept_point(session)
    assert point.share == 0.0
    for name, tensor in point.network.state_dict().items():
        assert torch.equal(tensor, session.training.probe[name])


def test_one_that_is_better_is_kept(session: Session) -> None:
    before = session.judge(session.training.network)["loss"]
    change(session, 3.0)
    point = kept_point(session)
    assert point.share == 1.0
    assert point.metrics["loss"] < before
    after = session.training.network.state_dict()
    for name, tensor in point.network.state_dict().items():
        assert torch.allclose(tensor, after[name])


def test_a_point_lies_in_between(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    change(session, 5.0)
    monkeypatch.setattr("onestop.training.line.SHARES", (0.5,))
    point = kept_point(session)
    assert point.share == 0.5
    expected = session.training.probe["fc3.weight"] * 3.0
    assert torch.allclose(point.network.state_dict()["fc3.weight"], expected)


def test_without_held_out_images_half_of_the_way_is_gone(
    photos: Callable[..., Path], tmp_path: Path
) -> None:
    weights = some_weights(tmp_path / "w.safetensors")
    session = probed(photos({"red": 6, "blue": 6}), weights, val_fraction=0.0, ema=0.0)[0]
    change(session, 2.0)
    point = kept_point(session)
    assert (point.share, point.metrics) == (0.5, {})
    assert torch.allclose(
        point.network.state_dict()["fc3.weight"], session.training.probe["fc3.weight"] * 1.5
    )
