"""What was said of each image, written and read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from onestop.data.loader import Loader
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.targets import Classes, Numbers
from onestop.errors import UsageError
from onestop.inference.predictions import predictions_of, read_predictions, write_predictions
from onestop.inference.score import Scored
from onestop.tasks import Classification, Regression


def loader(samples: Samples) -> Loader:
    """One of which only targets and names are asked."""
    preprocessing = ImagePreprocessing(3, (8, 8), (0.0,) * 3, (1.0,) * 3)
    return Loader(samples, preprocessing, pixels=Mock())


LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [0.5, 0.0, 0.4]])


def test_a_prediction_says_what_was_predicted_and_how_sure() -> None:
    names = ("ant", "bee", "=cmd()")
    samples = FileSamples(Path(), ["a.jpg", "b.jpg", "c.jpg"], Classes(np.array([2, 1, 0]), names))
    task = Classification(names)
    worst, right, close = predictions_of(task, loader(samples), Scored({}, [0, 1, 2], LOGITS))
    assert (worst.image, worst.truth, worst.label) == ("a.jpg", ("=cmd()",), "ant")
    assert worst.second is not None
    assert worst.second.name == "=cmd()"
    assert (worst.correct, right.correct, close.correct) == (False, True, True)
    shares = LOGITS.softmax(1)
    assert worst.score == pytest.approx(float(shares[0, 0]))
    assert worst.truth_score == pytest.approx(float(shares[0, 2]))
    assert worst.loss == pytest.approx(-float(shares[0, 2].log()))
    assert close.margin == pytest.approx(float(shares[2, 0] - shares[2, 2]))


def test_losses_are_those_that_the_figures_are_made_of() -> None:
    task, targets = Classification(("a", "b", "c")), torch.tensor([2, 1, 0])
    meter = task.meter()
    meter.update(LOGITS, targets)
    losses = [prediction.loss or 0.0 for prediction in task.describe(LOGITS, targets)]
    assert sum(losses) / 3 == pytest.approx(meter.compute()["loss"])
    regression, outputs, wanted = Regression(), torch.full((2, 1), 2.0), torch.tensor([1.0, 5.0])
    errors = regression.meter()
    errors.update(outputs, wanted)
    assert [p.loss for p in regression.describe(outputs, wanted)] == [1.0, 9.0]
    assert errors.compute()["loss"] == 5.0


def test_numbers_have_an_error_and_no_classes() -> None:
    samples = ArraySamples(np.zeros((1, 1), np.float32), Numbers(np.array([3.5])))
    (found,) = predictions_of(Regression(), loader(samples), Scored({}, [0], torch.tensor([[3.0]])))
    assert (found.image, found.truth, found.label, found.loss) == ("#0", ("3.5",), "3", 0.25)
    assert (found.correct, found.second, found.truth_score) == (None, None, None)


def test_a_split_scored_in_part_names_the_images_that_were_scored() -> None:
    samples = FileSamples(Path(), ["a.jpg", "b.jpg", "c.jpg"], Classes(np.arange(3), "xyz"))
    found = predictions_of(
        Classification(("x", "y", "z")), loader(samples), Scored({}, [2], LOGITS[:1])
    )
    assert [(p.image, p.truth) for p in found] == [("c.jpg", ("z",))]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    names = ("'-ant", "be\re\n", "=cmd()")
    targets, task = Classes(np.array([2, 1, 0]), names), Classification(names)
    samples = FileSamples(Path(), ["=a.jpg", "b,'\".jpg", "c\udcff.jpg"], targets)
    predictions = predictions_of(task, loader(samples), Scored({}, [0, 1, 2], LOGITS))
    write_predictions(tmp_path / "predictions.csv", task, predictions)
    again = read_predictions(tmp_path / "predictions.csv", task)
    for found, wanted in zip(again, predictions, strict=True):
        for field in dataclasses.fields(wanted):
            value, read = getattr(wanted, field.name), getattr(found, field.name)
            if field.name == "labels":
                assert [label.name for label in read] == [label.name for label in value]
                assert [label.score for label in read] == pytest.approx(
                    [label.score for label in value], rel=1e-5
                )
            else:
                same = pytest.approx(value, rel=1e-5) if isinstance(value, float) else value
                assert read == same


@pytest.mark.parametrize(
    "text",
    [
        "image,truth,predicted,score,correct\na.jpg,ant,bee,0.5,0\n",
        "image,truth,predicted,score,correct,loss,truth_score,second,second_score\na,b,c,x,1,1,1,d,1",
        "image,truth,predicted,score,correct,loss,truth_score,second,second_score\na,b,c\n",
    ],
)
def test_other_columns_are_said_to_be_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(UsageError, match="was written by another version"):
        read_predictions(tmp_path / "predictions.csv", Classification(("ant", "bee")))
