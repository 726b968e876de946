"""What comes after the result cannot lose it: pages, pictures and trackers may fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.figures.files import require_figures
from tests.conftest import REPOSITORY

Capture = pytest.CaptureFixture[str]
Photos = Callable[..., Path]


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it could not be imported."""

    class Refuses:
        def find_spec(self, name: str, *_: object) -> None:
            if name.split(".", maxsplit=1)[0] == "matplotlib":
                raise ValueError(
                    "'nonsense' is not a valid value for backend; supported values are\nmany"
                )

    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    drawing = ("onestop.figures", "onestop.reporting")
    for name in [name for name in sys.modules if name.startswith(drawing)]:
        if name not in ("onestop.figures.files", "onestop.figures.notebook", "onestop.figures"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refuses(), *sys.meta_path])
    monkeypatch.setenv("MPLBACKEND", "nonsense")


REASON = (
    "figures cannot be drawn: matplotlib cannot be imported ('nonsense' is not a valid value for "
    "backend); "
    "MPLBACKEND is 'nonsense', unset it"
)


@pytest.mark.usefixtures("no_matplotlib")
def test_a_run_is_complete_without_figures(
    photos: Photos, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    source = photos({"a": 4, "b": 4})
    words = ["--model", "lenet5_color", "--image-size", "32", "--epochs", "1", "--name", "run"]
    assert main(["train", str(source), *words]) == 0
    output = capsys.readouterr()
    assert "warning: no report.html (figures cannot be drawn" in output.err
    assert output.err.count("no report.html") == 1
    assert "Traceback" not in output.err
    run = onestop.Run("runs/run")
    assert run.metrics["epochs"] == 1
    assert any("no report.html" in note for note in run.info.notes or ())
    assert main(["evaluate", "runs/run"]) == 0
    assert main(["predict", "runs/run", str(source)]) == 0
    assert main(["lint", str(source)]) in (0, 3)
    capsys.readouterr()
    for words in (
        ["report", "runs/run"],
        ["explain", "runs/run", str(source)],
        ["predict", "runs/run", str(source), "--save-grid", "grid.png"],
        ["info", str(source), "--save-grid", "grid.png"],
    ):
        assert main(words) == 2
        assert capsys.readouterr().err == f"onestop: {REASON}\n"
    with pytest.raises(UsageError, match="figures cannot be drawn"):
        run.figure("confusion")


@pytest.mark.slow
def test_a_real_backend_of_that_name(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "onestop", "train", "digits", "--epochs", "1", "--model", "lenet5",
         "--out", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "MPLBACKEND": "nonsense", "ONESTOP_REPORT": "1"},
    )  # fmt: skip
    assert result.returncode == 0
    assert (
        "warning: no report.html (figures cannot be drawn: matplotlib cannot be imported"
        in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_figures_can_be_drawn_here() -> None:
    require_figures()
