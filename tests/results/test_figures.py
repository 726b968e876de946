"""Runs and evaluations give figures, and show themselves in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.errors import UsageError
from onestop.metrics.spec import Metric
from onestop.results import Evaluation, Predictions
from onestop.tasks import Classification, Label, Prediction


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    out = tmp_path_factory.mktemp("runs")
    return onestop.train("digits", epochs=2, quiet=True, out=out, threads=1)


def test_a_run_has_its_figures(run: onestop.Run) -> None:
    assert len(run.figure().axes) == 3
    figure = run.figure("confusion")
    total = sum(int(text.get_text()) for text in figure.axes[0].texts)
    assert total == run.metrics["images"]
    assert len(run.figure("calibration").axes) == 2
    assert len(run.figure("time").axes) == 1


def test_a_figure_that_is_not_there_names_those_that_are(run: onestop.Run) -> None:
    with pytest.raises(UsageError, match=r"figure 'confusio': .*did you mean 'confusion'"):
        run.figure("confusio")
    with pytest.raises(UsageError, match=r"available: curves, time, confusion, calibration$"):
        run.figure("xyz")


def test_a_run_that_has_just_begun_has_none_yet(run: onestop.Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes((run.folder / "recipe.yaml").read_bytes())
    begun = onestop.Run(tmp_path)
    with pytest.raises(UsageError, match=r"has no finished epoch yet"):
        begun.figure()
    assert "not done yet" in begun._repr_html_()


def test_a_run_shows_its_figures_its_curves_and_where_its_page_is(run: onestop.Run) -> None:
    html = run._repr_html_()
    assert f"{run.metrics['accuracy']:.2%}" in html
    assert html.count("<svg") == 1
    assert "report.html" not in html
    (run.folder / "report.html").write_text("a page")
    assert "report.html" in run._repr_html_()


def test_an_evaluation_is_drawn_from_what_was_said(run: onestop.Run) -> None:
    evaluation = onestop.evaluate(run.folder)
    counts = [int(text.get_text()) for text in evaluation.figure().axes[0].texts]
    assert sum(counts) == evaluation.metrics["images"] == len(evaluation.predictions)
    assert [v.image for v in evaluation.predictions] == [v.image for v in run.predictions]
    assert "<svg" in evaluation._repr_html_()


def test_numbers_have_a_fit_and_no_confusion() -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32)
    run = onestop.train((x, 3 * x), model="linear", epochs=2, quiet=True)
    assert len(run.figure("fit").axes) == 1
    with pytest.raises(UsageError, match="available: curves, time, fit"):
        run.figure("confusion")


def test_no_predictions_have_no_figure() -> None:
    none = Predictions(iter(()), 0)
    assert "no predictions" in none._repr_html_()
    with pytest.raises(UsageError, match="there are no predictions"):
        none.figure()


def test_names_are_escaped_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction = Prediction("a.jpg", (Label("<b>", 1.0),), ("<b>",), correct=True, loss=0.0)
    metrics = {"split": "val", "accuracy": 1.0, "images": 1, "per_class": {"<b>": {}}}
    evaluation = Evaluation(
        Path(), "<script>", metrics, predictions=(prediction,), task=Classification(("<b>",))
    )
    odd = (Metric("accuracy", "<i>accuracy"),)
    monkeypatch.setattr(Classification, "metrics", odd)
    html = evaluation._repr_html_()
    assert "<svg" in html
    assert "<i>" not in html
    assert "&lt;i&gt;accuracy" in html
    assert "<script>" not in html
    assert not re.search("<b>", html)
