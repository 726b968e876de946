"""A run gives its figures, and shows itself in a notebook."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.errors import UsageError
from onestop.metrics.spec import Metric
from onestop.results.run import RunRow


def test_a_run_has_its_figures(run: onestop.Run) -> None:
    assert len(run.figure().axes) == 3
    figure = run.figure("confusion")
    total = sum(int(text.get_text()) for text in figure.axes[0].texts)
    assert total == run.metrics["images"]
    assert len(run.figure("calibration").axes) == 2
    assert len(run.figure("time").axes) == 1


def test_a_figure_that_is_not_there_names_those_that_are(run: onestop.Run) -> None:
    with pytest.raises(UsageError, match=r"figure 'confusio': .*did you mean 'confusion'"):
        run.figure("confusio")
    with pytest.raises(UsageError, match=r"available: curves, time, confusion, calibration$"):
        run.figure("xyz")


def test_a_run_that_has_just_begun_has_none_yet(run: onestop.Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes((run.folder / "recipe.yaml").read_bytes())
    begun = onestop.Run(tmp_path)
    with pytest.raises(UsageError, match=r"has no finished epoch yet"):
        begun.figure()
    assert "not done yet" in begun._repr_html_()


def test_a_run_shows_its_figures_its_curves_and_where_its_page_is(run: onestop.Run) -> None:
    html = run._repr_html_()
    assert f"{run.metrics['accuracy']:.2%}" in html
    assert html.count("<svg") == 1
    assert "report.html" not in html
    onestop.report(run.folder)
    assert "report.html" in run._repr_html_()
    page = run.folder / "report.html"
    digest = run.metrics["network_digest"]
    page.write_text(page.read_text().replace(digest, "0" * 32))
    assert "report.html" not in run._repr_html_(), "it is of another network"


def test_numbers_have_a_fit_and_no_confusion() -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32)
    run = onestop.train((x, 3 * x), model="linear", epochs=2, quiet=True)
    assert len(run.figure("fit").axes) == 1
    with pytest.raises(UsageError, match="available: curves, time, fit"):
        run.figure("confusion")


ROW = RunRow(
    "first", "cnn1", "photos", 0.75, Metric("rmse", "rmse", higher=False), "val", 1, 2, "stopped",
    "today", 95.0,
)  # fmt: skip


def test_in_a_list_the_better_run_has_the_higher_rank() -> None:
    better, none = (dataclasses.replace(ROW, best=best) for best in (0.5, None))
    assert better.rank > ROW.rank > none.rank
    assert ROW.to_json()["figure"] == "rmse"
    assert "metric" not in ROW.to_json()


def test_a_run_is_its_folder_and_reads_what_is_in_it(run: onestop.Run) -> None:
    again = onestop.Run(run.folder)
    assert repr(again) == f"Run({str(run.folder)!r})"
    assert again.examples == ()
    assert again.recipe == run.recipe
    assert [row["epoch"] for row in again.epochs] == [1, 2]
    assert len(again.predictions) == again.metrics["images"]
    assert again.info.main.name == "accuracy"
    assert len(again.model().classes) == 10


@pytest.mark.thorough
def test_without_its_model_file_the_task_is_that_of_its_notes(
    run: onestop.Run, tmp_path: Path
) -> None:
    shutil.copytree(run.folder, tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"damaged")
    assert len(onestop.Run(tmp_path / "copy").figure("confusion").axes) == 1
