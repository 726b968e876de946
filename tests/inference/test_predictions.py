"""What was said of each image, written and read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Classes, Numbers
from onestop.errors import UsageError
from onestop.inference.predictions import judge, read_verdicts, write_verdicts
from onestop.inference.score import Scored
from onestop.tasks import Classification, Regression

LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [0.5, 0.0, 0.4]])


def test_a_verdict_says_what_was_said_and_how_sure() -> None:
    names = ("ant", "bee", "=cmd()")
    samples = FileSamples(Path(), ["a.jpg", "b.jpg", "c.jpg"], Classes(np.array([2, 1, 0]), names))
    task = Classification(names)
    worst, right, close = judge(task, samples, Scored({}, [0, 1, 2], LOGITS))
    assert (worst.image, worst.truth, worst.predicted, worst.second) == (
        "a.jpg", "=cmd()", "ant", "=cmd()",
    )  # fmt: skip
    assert (worst.correct, right.correct, close.correct) == (False, True, True)
    shares = LOGITS.softmax(1)
    assert worst.score == pytest.approx(float(shares[0, 0]))
    assert worst.truth_score == pytest.approx(float(shares[0, 2]))
    assert worst.loss == pytest.approx(-float(shares[0, 2].log()))
    assert close.margin == pytest.approx(float(shares[2, 0] - shares[2, 2]))


def test_losses_are_those_that_the_figures_are_made_of() -> None:
    task, targets = Classification(("a", "b", "c")), torch.tensor([2, 1, 0])
    sums = task.empty()
    task.score(sums, LOGITS, targets)
    assert float(task.losses(LOGITS, targets).sum()) == pytest.approx(float(sums["loss"]))
    regression, wanted = Regression(), torch.tensor([1.0, 5.0])
    sums = regression.empty()
    regression.score(sums, torch.tensor([[2.0], [2.0]]), wanted)
    losses = regression.losses(torch.tensor([[2.0], [2.0]]), wanted)
    assert losses.tolist() == [1.0, 9.0]
    assert float(sums["squared"]) == 10.0


def test_numbers_have_an_error_and_no_classes() -> None:
    samples = ArraySamples(np.zeros((1, 1), np.float32), Numbers(np.array([3.5])))
    (found,) = judge(Regression(), samples, Scored({}, [0], torch.tensor([[3.0]])))
    assert (found.truth, found.predicted, found.loss) == ("3.5", "3", 0.25)
    assert (found.correct, found.second, found.truth_score) == (None, "", None)


def test_a_split_scored_in_part_names_the_images_that_were_scored() -> None:
    samples = FileSamples(Path(), ["a.jpg", "b.jpg", "c.jpg"], Classes(np.arange(3), "xyz"))
    found = judge(Classification(("x", "y", "z")), samples, Scored({}, [2], LOGITS[:1]))
    assert [(v.image, v.truth) for v in found] == [("c.jpg", "z")]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    names = ("'-ant", "be\re\n", "=cmd()")
    targets = Classes(np.array([2, 1, 0]), names)
    samples = FileSamples(Path(), ["=a.jpg", "b,'\".jpg", "c\udcff.jpg"], targets)
    verdicts = judge(Classification(names), samples, Scored({}, [0, 1, 2], LOGITS))
    write_verdicts(tmp_path / "predictions.csv", verdicts)
    for found, wanted in zip(read_verdicts(tmp_path / "predictions.csv"), verdicts, strict=True):
        for field in dataclasses.fields(wanted):
            value = getattr(wanted, field.name)
            same = pytest.approx(value, rel=1e-5) if isinstance(value, float) else value
            assert getattr(found, field.name) == same


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
    with pytest.raises(UsageError, match="other columns"):
        read_verdicts(tmp_path / "predictions.csv")
