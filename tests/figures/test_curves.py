"""How a run went, read back from the axes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from onestop.figures.curves import compared, curves, spent_bar, time_spent
from onestop.figures.files import figure_bytes
from onestop.metrics.spec import LOSS, Metric

METRICS = (Metric("accuracy", "accuracy", percent=True, training=True), LOSS)


def rows(count: int, **more: str) -> list[dict[str, str]]:
    return [
        {
            "epoch": str(k), "seconds": str(10.0 * k), "lr": "0.1", "train_loss": str(2 / k),
            "val_loss": str(3 / k), "train_accuracy": "0.5", "val_accuracy": str(0.1 * k),
            "waiting": "0.25", "scoring": "2.0", **more,
        }
        for k in range(1, count + 1)
    ]  # fmt: skip


def line(figure: Figure, panel: int, label: str) -> list[float]:
    (found,) = [one for one in figure.axes[panel].lines if one.get_label() == label]
    return [float(y) for y in np.asarray(found.get_ydata())]


def test_they_are_the_columns_of_the_file() -> None:
    figure = curves(rows(3), METRICS, best_epoch=2)
    assert line(figure, 0, "training") == [2.0, 1.0, pytest.approx(2 / 3)]
    assert line(figure, 1, "validation") == pytest.approx([0.1, 0.2, 0.3])
    assert line(figure, 2, "learning rate") == [0.1, 0.1, 0.1]
    (kept,) = [one for one in figure.axes[0].lines if one.get_label() == "best epoch"]
    assert np.asarray(kept.get_xdata()).tolist() == [2, 2]


def test_the_second_panel_is_of_the_first_metric() -> None:
    metrics = (Metric("rmse", "root of it", higher=False), Metric("mae", "mae"))
    figure = curves(rows(2, val_rmse="0.7", val_mae="0.5"), metrics)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss", "root of it", "learning rate"]
    assert line(figure, 1, "validation") == [0.7, 0.7]
    assert [one.get_label() for one in figure.axes[1].lines] == ["validation"]
    figure = curves(rows(2, val_rmse="0.7", val_mae="0.5"), metrics, panels=["mae"])
    assert line(figure, 0, "validation") == [0.5, 0.5]
    assert len(curves(rows(2), (LOSS,)).axes) == 2


def test_shares_are_in_percent() -> None:
    figures = (
        curves(rows(2), METRICS, panels=["accuracy", "loss"]),
        compared({"a": rows(2)}, METRICS[0], "train"),
    )
    formats = [axes.yaxis.get_major_formatter() for figure in figures for axes in figure.axes]
    assert [isinstance(one, PercentFormatter) for one in formats] == [True, False, True]


def test_one_epoch_is_a_point_that_can_be_seen() -> None:
    figure = curves(rows(1), METRICS)
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_no_validation_draws_no_line_of_it() -> None:
    figure = curves(rows(2, val_loss="", val_accuracy=""), METRICS)
    assert [one.get_label() for one in figure.axes[0].lines] == ["training"]


def test_runs_stand_beside_each_other_by_name() -> None:
    figure = compared({"a_$b": rows(3), "other": rows(5)}, LOSS, "val")
    assert [len(np.asarray(one.get_xdata())) for one in figure.axes[0].lines] == [3, 5]
    assert figure_bytes(figure)[:4] == b"\x89PNG", "a dollar sign in a name is no formula"


def test_parts_add_up_to_the_whole() -> None:
    spent = time_spent(rows(4))
    assert spent.total == pytest.approx(40)
    assert spent.scoring == pytest.approx(8)
    assert spent.waiting == pytest.approx(0.25 * 32)


def test_rows_of_an_earlier_version_do_not_know_what_scoring_took() -> None:
    old = [{k: v for k, v in row.items() if k != "scoring"} for row in rows(2)]
    assert time_spent(old).scoring == 0


def test_the_bar_is_as_long_as_the_run() -> None:
    figure = spent_bar(time_spent(rows(4)))
    widths = [patch.get_width() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert sum(widths) == pytest.approx(40)
