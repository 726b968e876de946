"""Metrics: their names, exact counts, confidence intervals, calibration and confusion.

numpy is not imported here: lists of runs and help pages only need the names.
"""

from __future__ import annotations

from onestop.metrics.spec import LOSS, Metric, Metrics

__all__ = ["LOSS", "Metric", "Metrics"]
