"""An evaluation gives figures, and shows itself in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import onestop
from onestop.metrics.spec import Metric
from onestop.results.evaluation import Evaluation
from onestop.tasks import Classification, Label, Prediction


def test_an_evaluation_is_drawn_from_what_was_said(run: onestop.Run) -> None:
    evaluation = onestop.evaluate(run.folder)
    counts = [int(text.get_text()) for text in evaluation.figure().axes[0].texts]
    assert sum(counts) == evaluation.metrics["images"] == len(evaluation.predictions)
    assert [v.image for v in evaluation.predictions] == [v.image for v in run.predictions]
    assert "<svg" in evaluation._repr_html_()


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


def test_json_says_what_was_skipped_only_if_anything_was() -> None:
    plain = Evaluation(Path("m"), "photos", {"accuracy": 1.0})
    assert plain.to_json() == {"accuracy": 1.0}
    odd = Evaluation(Path("m"), "photos", {}, ({"path": "a", "reason": "b"},), ("c: d",))
    assert odd.to_json() == {"skipped_files": [{"path": "a", "reason": "b"}], "remarks": ["c: d"]}
