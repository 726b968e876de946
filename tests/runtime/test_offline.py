"""What forbids downloads."""

from __future__ import annotations

import os

import pytest

from onestop.runtime.offline import hubs_forbidden, is_offline, offline


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("yes", True), ("", False), ("0", False), ("No", False)]
)
def test_a_variable_counts_unless_it_says_no(
    value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", value)
    assert is_offline() == expected
    assert hubs_forbidden() == ("ONESTOP_OFFLINE is set" if expected else "")


def test_hugging_faces_own_variable_forbids_weights_but_not_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hubs_forbidden() == "HF_HUB_OFFLINE is set"
    assert not is_offline()


@pytest.mark.parametrize("before", [None, "0"])
def test_a_flag_holds_for_one_call_and_the_processes_it_starts(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        monkeypatch.setenv("ONESTOP_OFFLINE", before)
    with offline(True):
        assert is_offline()
        assert os.environ["ONESTOP_OFFLINE"] == "1"
    assert os.environ.get("ONESTOP_OFFLINE") == before
    with offline(False):
        assert not is_offline()
