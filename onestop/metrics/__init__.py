"""Figures: exact counts, how sure they are, calibration, and which classes are taken for which."""

from __future__ import annotations

from onestop.metrics.counts import Metrics, classification_metrics, regression_metrics

__all__ = ["Metrics", "classification_metrics", "regression_metrics"]
