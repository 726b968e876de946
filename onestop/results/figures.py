"""Figures of what a network said of the images of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onestop.errors import UsageError
from onestop.text import did_you_mean, listing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.inference.predictions import Verdict

OF_CLASSES = ("confusion", "calibration")
OF_NUMBERS = ("fit",)


def check_figure(name: str, known: Sequence[str]) -> None:
    """Stop where a figure is asked for that there is none of.

    Raises:
        UsageError: Names those there are.
    """
    if name not in known:
        near = did_you_mean(name, known)
        raise UsageError(
            f"figure {name!r}: there is none of that name here{near or '; there is '}"
            + ("" if near else listing(known))
        )


def figure_of(name: str, verdicts: Sequence[Verdict], classes: Sequence[str]) -> Figure:
    """The figure of that name.

    Args:
        name: `confusion` or `calibration`; where numbers are predicted, `fit`.
        verdicts: What was said of each image.
        classes: Names in the order of the outputs; empty where numbers are predicted.

    Raises:
        UsageError: No such figure, or nothing was said yet.
    """
    check_figure(name, OF_CLASSES if classes else OF_NUMBERS)
    if not verdicts:
        raise UsageError(f"figure {name!r}: no image has been scored yet")
    if name == "fit":
        from onestop.figures.fitted import fitted_scatter

        return fitted_scatter([float(v.truth) for v in verdicts], [v.score for v in verdicts])
    from onestop.inference.predictions import calibration_of, matrix_of

    if name == "confusion":
        from onestop.figures.confusion import confusion_figure

        return confusion_figure(matrix_of(verdicts, classes), classes)
    from onestop.figures.calibration import calibration_figure

    return calibration_figure(calibration_of(verdicts))
