"""What the figures show, read back from their axes; and that they stand in a page without a trace."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from onestop.figures.calibration import calibration_figure
from onestop.figures.confusion import confusion_figure
from onestop.figures.curves import compared, curves, spent_bar, time_spent
from onestop.figures.files import KINDS, figure_bytes, to_svg, write_figure
from onestop.figures.fitted import fitted_line, fitted_scatter
from onestop.figures.grid import image_grid, prediction_title
from onestop.figures.style import BAD, GOOD, shortened
from onestop.metrics.calibration import calibration
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


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


class TestCurves:
    def test_they_are_the_columns_of_the_file(self) -> None:
        figure = curves(rows(3), METRICS, best_epoch=2)
        assert line(figure, 0, "training") == [2.0, 1.0, pytest.approx(2 / 3)]
        assert line(figure, 1, "validation") == pytest.approx([0.1, 0.2, 0.3])
        assert line(figure, 2, "learning rate") == [0.1, 0.1, 0.1]
        (kept,) = [one for one in figure.axes[0].lines if one.get_label() == "best epoch"]
        assert np.asarray(kept.get_xdata()).tolist() == [2, 2]

    def test_the_second_panel_is_of_the_first_metric(self) -> None:
        metrics = (Metric("rmse", "root of it", higher=False), Metric("mae", "mae"))
        figure = curves(rows(2, val_rmse="0.7", val_mae="0.5"), metrics)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == ["loss", "root of it", "learning rate"]
        assert line(figure, 1, "validation") == [0.7, 0.7]
        assert [one.get_label() for one in figure.axes[1].lines] == ["validation"]
        figure = curves(rows(2, val_rmse="0.7", val_mae="0.5"), metrics, panels=["mae"])
        assert line(figure, 0, "validation") == [0.5, 0.5]
        assert len(curves(rows(2), (LOSS,)).axes) == 2

    def test_shares_are_in_percent(self) -> None:
        figures = (
            curves(rows(2), METRICS, panels=["accuracy", "loss"]),
            compared({"a": rows(2)}, METRICS[0], "train"),
        )
        formats = [axes.yaxis.get_major_formatter() for figure in figures for axes in figure.axes]
        assert [isinstance(one, PercentFormatter) for one in formats] == [True, False, True]

    def test_one_epoch_is_a_point_that_can_be_seen(self) -> None:
        figure = curves(rows(1), METRICS)
        assert figure.axes[0].lines[0].get_marker() == "o"

    def test_no_validation_draws_no_line_of_it(self) -> None:
        figure = curves(rows(2, val_loss="", val_accuracy=""), METRICS)
        assert [one.get_label() for one in figure.axes[0].lines] == ["training"]

    def test_runs_stand_beside_each_other_by_name(self) -> None:
        figure = compared({"a_$b": rows(3), "other": rows(5)}, LOSS, "val")
        assert [len(np.asarray(one.get_xdata())) for one in figure.axes[0].lines] == [3, 5]
        assert figure_bytes(figure)[:4] == b"\x89PNG", "a dollar sign in a name is no formula"


class TestTime:
    def test_parts_add_up_to_the_whole(self) -> None:
        spent = time_spent(rows(4))
        assert spent.total == pytest.approx(40)
        assert spent.scoring == pytest.approx(8)
        assert spent.waiting == pytest.approx(0.25 * 32)

    def test_rows_of_an_earlier_version_do_not_know_what_scoring_took(self) -> None:
        old = [{k: v for k, v in row.items() if k != "scoring"} for row in rows(2)]
        assert time_spent(old).scoring == 0

    def test_the_bar_is_as_long_as_the_run(self) -> None:
        figure = spent_bar(time_spent(rows(4)))
        widths = [patch.get_width() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
        assert sum(widths) == pytest.approx(40)


class TestConfusion:
    def test_every_count_stands_in_its_square(self) -> None:
        figure = confusion_figure(np.array([[5, 1], [0, 1234]]), ["a_$b$", "c"])
        found = {t.get_position(): t.get_text() for t in figure.axes[0].texts}
        assert found == {(0, 0): "5", (1, 0): "1", (1, 1): "1,234"}
        assert figure_bytes(figure)[:4] == b"\x89PNG"

    @pytest.mark.parametrize("classes", [2, 10, 100, 1000])
    def test_it_can_be_read_at_any_number_of_classes(self, classes: int) -> None:
        matrix = np.diag(np.full(classes, 9))
        matrix[0, classes - 1] = 7
        figure = confusion_figure(matrix, [f"class {k}" for k in range(classes)])
        width, height = figure.get_size_inches()
        names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
        assert len(names) <= 20
        assert {"class 0", f"class {classes - 1}"} <= set(names)
        assert max(width, height) < 12
        assert "7" in texts(figure)


class TestCalibration:
    def test_empty_bins_are_not_drawn(self) -> None:
        figure = calibration_figure(calibration([0.55, 0.55, 0.95], [True, False, True]))
        (drawn,) = [one for one in figure.axes[0].lines if len(np.asarray(one.get_xdata())) == 2
                    and one.get_linestyle() == "-"]  # fmt: skip
        assert np.asarray(drawn.get_ydata()).tolist() == [0.5, 1.0]
        assert sum(p.get_height() for p in figure.axes[1].patches) == 3  # type: ignore[attr-defined]


class TestNumbers:
    def test_the_line_goes_from_left_to_right(self) -> None:
        figure = fitted_line([3.0, 1.0], [3.0, 1.0], [30.0, 10.0])
        assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [1.0, 3.0]

    def test_the_perfect_line_holds_all_samples(self) -> None:
        figure = fitted_scatter([1.0, 2.0], [0.0, 5.0])
        assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [0.0, 5.0]


class TestGrids:
    def test_titles_are_green_red_or_black(self) -> None:
        images = [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 1), np.uint8), None]
        said = [
            prediction_title("ant", 0.876, "ant"),
            prediction_title("$b", 0.5, "ant"),
            prediction_title("3", None),
        ]
        titles, right = zip(*said, strict=True)
        figure = image_grid(images, titles, right)
        found = [(axes.get_title(), to_hex(axes.title.get_color())) for axes in figure.axes]
        assert found == [("ant 88%", GOOD), ("$b 50%\n(is ant)", BAD), ("3", "#000000")]
        assert "unreadable" in texts(figure)
        assert figure_bytes(figure)[:4] == b"\x89PNG"

    def test_grey_levels_are_not_stretched(self) -> None:
        figure = image_grid(
            [np.full((4, 4, 1), 100, np.uint8), np.full((4, 4, 3), 0.5)], ["a", "b"]
        )
        assert figure.axes[0].images[0].get_clim() == (0, 255)
        assert figure.axes[1].images[0].get_clim() == (0, 1)

    @pytest.mark.parametrize(
        ("text", "short"),
        [("ant", "ant"), ("a" * 30, "a" * 11 + "…" + "a" * 12), ("a\nb\x00", "a?b?")],
    )
    def test_long_and_odd_names_stay_on_a_line(self, text: str, short: str) -> None:
        assert shortened(text) == short


class TestFiles:
    def figure(self, names: Sequence[str] = ("a", "b")) -> Figure:
        return confusion_figure(np.array([[5, 1], [2, 4]]), list(names))

    def test_a_figure_is_the_same_each_time(self) -> None:
        assert figure_bytes(self.figure()) == figure_bytes(self.figure())
        assert to_svg(self.figure(), "x") == to_svg(self.figure(), "x")

    def test_two_in_one_page_share_no_name_inside(self) -> None:
        one, other = (set(re.findall(r'id="([^"]+)"', to_svg(self.figure(), n))) for n in "xy")
        assert one
        assert not one & other
        svg = to_svg(self.figure(), "x")
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert set(used) <= one, "all that is referred to is there"

    def test_it_takes_the_pages_colour_and_its_letters_are_text(self) -> None:
        svg = to_svg(self.figure(("<ant>", "bee & co")), "x")
        assert "currentColor" in to_svg(curves(rows(2), METRICS), "x")
        assert "&lt;ant&gt;" in svg
        assert "bee &amp; co" in svg
        assert "#000000" not in svg

    @pytest.mark.parametrize("ending", KINDS)
    def test_it_can_be_kept_in_every_kind_of_file(self, tmp_path: Path, ending: str) -> None:
        write_figure(self.figure(), tmp_path / f"a{ending}")
        assert (tmp_path / f"a{ending}").stat().st_size > 1000

    def test_names_that_look_like_svg_stay_what_they_are(self) -> None:
        svg = to_svg(self.figure(("#000000", 'id="x" url(#y)')), "x")
        assert ">#000000<" in svg
        assert '>id="x" url(#y)<' in svg

    def test_letters_that_the_font_lacks_raise_no_warning(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert "蚂蚁" in to_svg(self.figure(("蚂蚁", "b")), "x")
            figure_bytes(self.figure(("蚂蚁", "b")))
