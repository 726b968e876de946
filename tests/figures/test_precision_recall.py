from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.figures.precision_recall import PANELS, precision_recall_figure, weakest_labels
from onestop.metrics.curve import Curve

ROW: dict[str, Any] = {"ap": 0.5, "recall": 0.4, "precision": 0.9, "threshold": 0.3}
CURVE = Curve(np.array([0.2, 0.6]), np.array([1.0, 0.5]), np.array([0.9, 0.3]))


@pytest.mark.parametrize(("chance", "lines"), [(True, 3), (False, 2)])
def test_the_last_point_is_chance_for_labels_only(chance: bool, lines: int) -> None:
    figure = precision_recall_figure({"cat": CURVE}, {"cat": ROW}, chance=chance)
    assert len(figure.axes[0].lines) == lines


def test_a_class_that_is_never_predicted_has_an_empty_curve() -> None:
    nothing = Curve(*np.zeros((3, 0)))
    row = ROW | {"ap": 0.0, "recall": 0.0, "precision": None}
    assert precision_recall_figure({"cat": nothing}, {"cat": row}, chance=False).axes


def test_the_weakest_come_first_and_those_without_objects_not_at_all() -> None:
    rows = {str(k): ROW | {"ap": k / 20} for k in range(12, 0, -1)} | {"none": ROW | {"ap": None}}
    shown = weakest_labels(rows)
    assert shown[0] == "1"
    assert len(shown) == PANELS
    assert "none" not in shown
