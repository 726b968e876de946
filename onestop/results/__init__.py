"""Return types of the verbs: a run, an evaluation, predictions, information.

torch is imported only when a model is loaded.
"""

from __future__ import annotations

from onestop.results.cost import Estimate, Phase
from onestop.results.evaluation import Evaluation
from onestop.results.info import Info, Lint, Report
from onestop.results.predictions import Predictions
from onestop.results.run import Run, RunRow

__all__ = [
    "Estimate", "Evaluation", "Info", "Lint", "Phase", "Predictions", "Report", "Run", "RunRow",
]  # fmt: skip
