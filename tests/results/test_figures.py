"""Figures by name: those that are there are named where one is not."""

from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.results.figures import check_figure, figure_of
from onestop.tasks import Classification, Label, Prediction

TASK = Classification(("ant", "bee"))
JUDGED = Prediction("a.jpg", (Label("ant", 0.9),), ("ant",), correct=True, loss=0.1)


def test_a_name_that_is_nearly_right_is_suggested_else_all_are_named() -> None:
    check_figure("curves", ("curves", "time"))
    with pytest.raises(UsageError, match=r"'curve'.*did you mean 'curves'"):
        check_figure("curve", ("curves", "time"))
    with pytest.raises(UsageError, match=r"'xyz'.*curves, time$"):
        check_figure("xyz", ("curves", "time"))


def test_without_a_name_it_is_the_first_of_the_task() -> None:
    first, named = (figure_of(name, TASK, [JUDGED]) for name in (None, "confusion"))
    assert len(first.axes) == len(named.axes) == 1
    assert len(figure_of("calibration", TASK, [JUDGED]).axes) == 2


def test_no_task_and_no_predictions_have_none() -> None:
    with pytest.raises(UsageError, match="none"):
        figure_of(None, None, [JUDGED])
    with pytest.raises(UsageError, match="'confusion'"):
        figure_of("confusion", TASK, [])
