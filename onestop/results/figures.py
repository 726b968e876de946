"""Figures of the predictions for a split, as the task draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onestop.errors import UsageError
from onestop.figures.files import require_figures
from onestop.text import did_you_mean, listing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.tasks import Prediction, Task


def check_figure(name: str, known: Sequence[str]) -> None:
    """Check the name of a requested figure.

    Raises:
        UsageError: There is no such figure; the message lists the available ones.
    """
    if name not in known:
        near = did_you_mean(name, known)
        raise UsageError(
            f"figure {name!r}: no such figure here{near or '; available: '}"
            + ("" if near else listing(known) or "none")
        )


def figure_of(
    name: str | None, task: Task[Any] | None, predictions: Sequence[Prediction]
) -> Figure:
    """The figure of this name.

    Args:
        name: One of the task's figures; None is the first.
        task: The task of the predictions.
        predictions: One per image.

    Raises:
        UsageError: No such figure, or no predictions yet.
    """
    require_figures()
    figures = task.figures() if task else {}
    name = name or next(iter(figures), "")
    check_figure(name, tuple(figures))
    if not predictions:
        raise UsageError(f"figure {name!r}: no image has been scored yet")
    return figures[name](predictions)
