"""What a report is made of: the task comes from the model, else the data, else what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.data import open_data
from onestop.errors import ModelFileError
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.storage.model_file import Card
from onestop.storage.run_info import RunInfo
from tests.recipes import recipe
from tests.reporting.made import ACCURACY, classified, fitted


def test_the_task_follows_from_what_was_measured() -> None:
    assert classified().task.name == "classification"
    assert classified().names == ("ant", "bee")
    assert fitted().task.name == "regression"
    assert fitted().names == ()


def test_the_data_know_it_better_and_the_model_best() -> None:
    dataset = open_data((np.zeros((8, 4, 4), np.uint8), ["x", "y"] * 4))
    assert classified(dataset=dataset).names == ("x", "y")
    card = Card("cnn1", {"classes": 3, "channels": 1, "image_size": 4}, ("p", "q", "r"), {})
    assert classified(dataset=dataset, card=card).names == ("p", "q", "r")


def test_a_task_of_a_later_version_is_refused() -> None:
    info = RunInfo("poses", (ACCURACY,), None)
    with pytest.raises(ModelFileError, match="'poses' is not known"):
        _ = classified(info=info).task


def test_the_report_is_that_of_the_task() -> None:
    assert type(classified().report).__name__ == "ClassificationReport"
    assert type(fitted().report).__name__ == "RegressionReport"
    assert isinstance(fitted().report, TaskReport)


def test_a_run_that_has_just_begun_has_no_split() -> None:
    begun = RunData(classified().folder, recipe(), RunInfo("classification", (ACCURACY,)))
    assert begun.split == ""
    assert classified().split == "test"
