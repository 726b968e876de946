"""The report of a regression: its error, predicted against true values, and the largest errors."""

from __future__ import annotations

from typing import ClassVar

from onestop.figures.fitted import fitted_scatter
from onestop.metrics.intervals import root_mean
from onestop.reporting.blocks import Block, Section, Table, plot
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.text import named_split

_WORST = 12  # rows of a table of samples


class RegressionReport(TaskReport):
    """Error with its interval, predicted against true values, and the largest errors."""

    thing: ClassVar[str] = "sample"

    def result(self, run: RunData) -> str:
        metrics, (low, high) = run.metrics, _interval(run)
        interval = f" (95% confidence interval {low:.4g} to {high:.4g})" if run.predictions else ""
        return (
            f"has a root mean squared error of {metrics['rmse']:.4g}{interval} on "
            f"{metrics['images']:,} {named_split(run.split)} samples; {_explained(metrics['r2'])}"
        )

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        return [Section("fit", "Predicted and true values", _fit(run))]

    def cell(self, run: RunData) -> str:
        low, high = _interval(run)
        return f"{run.metrics['rmse']:.4g} ({low:.4g} to {high:.4g})"


REPORT = RegressionReport()


def _interval(run: RunData) -> tuple[float, float]:
    """Both ends of the 95 % interval for the root mean squared error."""
    return root_mean([prediction.loss or 0.0 for prediction in run.predictions])


def _explained(r2: float) -> str:
    if r2 > 0:
        return f"it explains {r2:.1%} of their variance"
    return "no better than always predicting their mean"


def _fit(run: RunData) -> list[Block]:
    if not run.predictions:
        return []
    truths = [float(prediction.truth_text) for prediction in run.predictions]
    predicted = [prediction.labels[0].score for prediction in run.predictions]
    alt = f"Predicted against true values of {len(truths):,} samples"
    worst = sorted(run.predictions, key=lambda p: -(p.loss or 0.0))[:_WORST]
    rows = [(p.image, p.truth_text, p.label, f"{(p.loss or 0.0) ** 0.5:.4g}") for p in worst]
    table = Table(("sample", "truth", "predicted", "error"), rows, "The largest errors")
    return [plot(fitted_scatter(truths, predicted), "fit", alt), table]
