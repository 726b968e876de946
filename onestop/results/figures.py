"""Figures of what a network predicted for the images of a split, as its task draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onestop.errors import UsageError
from onestop.text import did_you_mean, listing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.tasks import Prediction, Task


def check_figure(name: str, known: Sequence[str]) -> None:
    """Check the name of a figure that is asked for.

    Raises:
        UsageError: There is no such figure; the message names those there are.
    """
    if name not in known:
        near = did_you_mean(name, known)
        raise UsageError(
            f"figure {name!r}: there is none of that name here{near or '; there is '}"
            + ("" if near else listing(known) or "none")
        )


def figure_of(
    name: str | None, task: Task[Any] | None, predictions: Sequence[Prediction]
) -> Figure:
    """The figure of that name.

    Args:
        name: One of the task's figures; None is the first of them.
        task: What the predictions are of.
        predictions: One per image.

    Raises:
        UsageError: No such figure, or nothing is predicted yet.
    """
    figures = task.figures() if task else {}
    name = name or next(iter(figures), "")
    check_figure(name, tuple(figures))
    if not predictions:
        raise UsageError(f"figure {name!r}: no image has been scored yet")
    return figures[name](predictions)
