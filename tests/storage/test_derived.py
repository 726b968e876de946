"""Which files of a run are derived from its network, and that only those go."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.storage.derived import PAGES, shows_the_end, withdraw
from onestop.storage.run_folder import CONFUSION, METRICS, PREDICTIONS, REPORT

OURS = {
    METRICS: ' {"accuracy": 1}',
    PREDICTIONS: "image,truth,predicted\n",
    CONFUSION: "truth,predicted,images\n",
    REPORT: '<!doctype html><meta name="generator" content="OneStop 1">',
}


@pytest.mark.parametrize("name", OURS)
def test_a_derived_file_goes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(OURS[name])
    withdraw(tmp_path)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", OURS)
def test_a_file_of_its_name_that_is_not_ours_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("notes of mine\n")
    withdraw(tmp_path)
    assert (tmp_path / name).read_text() == "notes of mine\n"


def test_a_link_stays_and_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(OURS[METRICS])
    (tmp_path / METRICS).symlink_to("mine")
    withdraw(tmp_path)
    assert (tmp_path / METRICS).is_symlink()
    assert (tmp_path / "mine").read_text() == OURS[METRICS]


def test_only_those_named_go(tmp_path: Path) -> None:
    for name, text in OURS.items():
        (tmp_path / name).write_text(text)
    withdraw(tmp_path, PAGES)
    assert {path.name for path in tmp_path.iterdir()} == {METRICS, PREDICTIONS}
    assert not shows_the_end(tmp_path)
