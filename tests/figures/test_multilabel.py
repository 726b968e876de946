"""Figures for several labels per image, read back from their axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onestop.figures.files import figure_bytes
from onestop.figures.multilabel import SHOWN, co_occurrence_figure
from onestop.figures.precision_recall import PANELS, precision_recall_figure, weakest_labels
from onestop.metrics.curve import Curve
from onestop.metrics.multilabel import precision_recall_curve

pytestmark = pytest.mark.thorough


def row(ap: float | None) -> dict[str, Any]:
    return {"ap": ap, "precision": 0.8, "recall": 0.4, "threshold": 0.31}


def curve(seed: int = 0) -> Curve:
    rng = np.random.default_rng(seed)
    truth = rng.random(500) < 0.25
    return precision_recall_curve(0.5 * truth + 0.5 * rng.random(500), truth)


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.axison]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title("left") for axes in panels(figure)]


def names(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


class TestPrecisionRecall:
    def test_the_weakest_labels_come_first_and_those_without_images_are_left_out(self) -> None:
        aps = {"a": 0.9, "b": None, "c": 0.2, "d": 0.5}
        rows = {name: row(ap) for name, ap in aps.items()}
        assert weakest_labels(rows) == ["c", "d", "a"]
        figure = precision_recall_figure({name: curve() for name in aps}, rows, most=2)
        assert titles(figure) == ["c  AP 20.0%", "d  AP 50.0%"]

    def test_a_panel_shows_curve_threshold_and_fraction_of_positive_images(self) -> None:
        one = curve()
        (axes,) = panels(precision_recall_figure({"a": one}, {"a": row(0.7)}))
        lines = {str(line.get_label()): line for line in axes.lines}
        drawn = lines["this network"]
        assert drawn.get_drawstyle() == "steps-pre"
        assert np.asarray(drawn.get_xdata()).tolist() == [0.0, *one.recall]
        assert np.asarray(drawn.get_ydata()).tolist() == [one.precision[0], *one.precision]
        assert np.asarray(lines["threshold"].get_xydata()).tolist() == [[0.4, 0.8]]
        assert set(np.asarray(lines["random scores"].get_ydata())) == {one.precision[-1]}
        assert [text.get_text() for text in axes.texts] == ["31.0%"]

    @pytest.mark.parametrize("labels", [1, 2, 5, 30])
    def test_any_number_of_labels(self, labels: int) -> None:
        rows = {f"$label_{k}^ with a long name": row(k / labels) for k in range(labels)}
        figure = precision_recall_figure({name: curve() for name in rows}, rows)
        assert len(panels(figure)) == min(labels, PANELS)
        assert figure_bytes(figure, dpi=20)

    def test_without_positive_images_a_text_says_so(self) -> None:
        figure = precision_recall_figure({}, {"a": row(None)})
        assert panels(figure) == []
        assert [text.get_text() for text in figure.texts] == ["no label has positive images"]


class TestCoOccurrence:
    def test_counts_are_written_and_fractions_of_the_row_coloured(self) -> None:
        figure = co_occurrence_figure(np.array([[10, 4, 0], [4, 5, 0], [0, 0, 0]]), list("abc"))
        axes = figure.axes[0]
        written = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
        assert written == {(0, 0): "10", (0, 1): "4", (1, 0): "4", (1, 1): "5", (2, 2): "0"}
        shown: Any = axes.images[0].get_array()
        assert shown[0, 1] == pytest.approx(0.4)
        assert shown[1, 0] == pytest.approx(0.8)
        assert np.ma.getmaskarray(shown)[[0, 1, 2, 0], [0, 1, 2, 2]].all()

    def test_of_many_labels_the_most_frequent_pairs_are_shown(self) -> None:
        counts = np.diag(np.full(100, 50))
        for a, b in ((3, 70), (41, 99)):
            counts[a, b] = counts[b, a] = 20
        figure = co_occurrence_figure(counts, [f"label {k}" for k in range(100)])
        assert len(names(figure)) == SHOWN
        assert {"label 3", "label 70", "label 41", "label 99"} <= set(names(figure))

    @pytest.mark.parametrize("labels", [1, 2, 30])
    def test_any_names_are_drawn(self, labels: int) -> None:
        odd = [f"$name_{k}^ that is much too long for an axis" for k in range(labels)]
        figure = co_occurrence_figure(np.ones((labels, labels), np.int64), odd)
        assert all(len(name) <= 19 for name in names(figure))
        assert figure_bytes(figure, dpi=20)
