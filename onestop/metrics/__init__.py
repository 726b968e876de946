"""Metrics: what they are called, exact counts, how sure they are, calibration, and confusions.

No import of numpy: lists of runs and help pages need the names alone.
"""

from __future__ import annotations

from onestop.metrics.spec import LOSS, Metric, Metrics, breakdown

__all__ = ["LOSS", "Metric", "Metrics", "breakdown"]
