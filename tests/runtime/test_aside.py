"""Words on standard error, wherever that leads."""

from __future__ import annotations

import io

import pytest

from onestop.runtime.aside import aside, is_live


def test_it_is_written_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    aside("\rone")
    aside(" two\n")
    assert capsys.readouterr().err == "\rone two\n"
    assert not is_live()


@pytest.mark.parametrize("broken", [None, io.StringIO()])
def test_without_a_standard_error_nothing_is_said(
    broken: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken is not None:
        broken.close()
    monkeypatch.setattr("sys.stderr", broken)
    aside("one")
    if broken is None:
        assert not is_live()
