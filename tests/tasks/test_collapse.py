"""A network that predicts one and the same for everything."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from onestop.tasks import Classification, Label, Prediction, Regression
from onestop.tasks.multilabel import Multilabel

CLASSES = Classification(("ants", "bees", "wasps"))


def classes(predicted: str, truths: str) -> list[Prediction]:
    names = {"a": "ants", "b": "bees", "w": "wasps"}
    return [
        Prediction("", (Label(names[p], 0.6),), (names[t],))
        for p, t in zip(predicted, truths, strict=True)
    ]


class TestClasses:
    def test_it_is_said_with_the_likely_causes_in_order(self) -> None:
        line = CLASSES.collapse(classes("a" * 10, "aaaaaaabbw"))
        assert line.startswith(
            "'ants' is predicted for all 10 images, and is wrong for 3 of them; "
        )
        causes = (
            "BatchNorm", "too few epochs", "learning rate", "look alike", "classes of unequal size",
        )  # fmt: skip
        places = [line.index(cause) for cause in causes]
        assert places == sorted(places)
        assert "(the largest, 'ants', has 70% of the images)" in line

    @pytest.mark.parametrize(
        ("predicted", "truths"),
        [
            ("aaaab", "aabbb"),
            ("aaaa", "aaaa"),  # there is but one class
            ("bbbb", "aaaa"),
            ("aaaa", "aaab"),  # one mistake
            ("", ""),
        ],
    )
    def test_nothing_is_said_of_others(self, predicted: str, truths: str) -> None:
        assert CLASSES.collapse(classes(predicted, truths)) == ""

    def test_nor_without_truths(self) -> None:
        assert CLASSES.collapse([Prediction("", (Label("ants", 0.6),))] * 5) == ""

    def test_what_could_not_be_read_does_not_count(self) -> None:
        unread = [Prediction("x.jpg", error="no image")]
        assert "all 4 images" in CLASSES.collapse([*classes("aaaa", "aabb"), *unread])


def described(outputs: Sequence[float], targets: Sequence[float]) -> list[Prediction]:
    return Regression().describe(torch.tensor(outputs)[:, None], torch.tensor(targets))


class TestNumbers:
    def test_nearly_the_same_number(self) -> None:
        line = Regression().collapse(described([3.0, 3.01, 3.02], [1.0, 3.0, 9.0]))
        assert line.startswith(
            "nearly the same is predicted for all 3 samples, 3 to 3.02, and 1 to 9 are true; "
        )
        assert line.endswith("far from the others")

    @pytest.mark.parametrize(
        ("outputs", "targets"),
        [
            ([3.0, 3.2, 3.0], [1.0, 3.0, 9.0]),
            ([3.0, 3.0, 3.0], [3.0, 3.0, 3.0]),  # what is true is the same too
            ([3.0, 3.0], [1.0, 9.0]),
            ([2.0, 2.0 + 1e-7, 2.0], [2.0, 2.0 + 1e-6, 2.0]),
        ],
    )
    def test_nothing_is_said_of_others(self, outputs: list[float], targets: list[float]) -> None:
        assert Regression().collapse(described(outputs, targets)) == ""


class TestLabels:
    TASK = Multilabel(("red", "blue"))

    def collapse(self, scores: list[list[float]], truth: list[list[int]]) -> str:
        outputs = torch.tensor(scores).logit()
        return self.TASK.collapse(self.TASK.describe(outputs, torch.tensor(truth).float()))

    def test_no_label_is_ever_above_its_threshold(self) -> None:
        line = self.collapse([[0.3, 0.2]] * 4, [[1, 0], [0, 1], [1, 1], [0, 0]])
        assert line.startswith(
            "'no label' is predicted for all 4 images, and is wrong for 3 of them"
        )
        assert "labels of unequal size" in line

    def test_the_same_labels_for_everything(self) -> None:
        line = self.collapse([[0.9, 0.8]] * 4, [[1, 0], [0, 1], [1, 1], [0, 0]])
        assert line.startswith("'red, blue' is predicted for all 4 images")

    def test_different_ones(self) -> None:
        assert self.collapse([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [[0, 1], [1, 0], [0, 1]]) == ""
