"""Labels as people have them in a notebook: names, numbers, several each, none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from onestop.data.dataset import Dataset
from onestop.data.sources.options import Options
from onestop.data.sources.python import open_python
from onestop.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 9, 8, 3), dtype=np.uint8)
LABELS = [1, 0, 1, 0, 1, 0]


class Pairs:
    """A torch data set of (image, target) with whatever else it is told to have."""

    def __init__(self, images: Any = IMAGES, targets: Any = LABELS, /, **attributes: Any) -> None:
        self.pairs = list(zip(images, targets, strict=True))
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.pairs[index]


def targets(dataset: Dataset, split: str = "train") -> list[Any]:
    column = dataset.splits[split].targets
    found: list[Any] = column.batch(np.arange(len(column))).tolist()
    return found


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["b", "a"] * 3, ("a", "b"), [1, 0] * 3),
        (np.array(["b", "a"] * 3, object), ("a", "b"), [1, 0] * 3),
        ([10, 9, 10, 2, 9, 2], ("2", "9", "10"), [2, 1, 2, 0, 1, 0]),
        ([-1, 1] * 3, ("-1", "1"), [0, 1] * 3),
        ([True, False] * 3, ("False", "True"), [1, 0] * 3),
        (torch.tensor([5, 3] * 3), ("3", "5"), [1, 0] * 3),
        ([torch.tensor(1), torch.tensor(0)] * 3, ("0", "1"), [1, 0] * 3),
        (np.array([[1], [0]] * 3), ("0", "1"), [1, 0] * 3),
        (np.array(LABELS, np.uint8), ("0", "1"), LABELS),
    ],
)
def test_class_names_and_numbers(labels: Any, classes: tuple[str, ...], numbers: list[int]) -> None:
    dataset = open_python((IMAGES, labels))
    assert dataset.classes == classes
    assert targets(dataset) == numbers
    assert dataset.task == "classification"
    assert dataset.targets.batch(np.arange(2)).dtype == torch.int64


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_are_numbers_to_predict(shape: tuple[int, ...], kind: Any) -> None:
    values = np.linspace(-2, 2, 6).astype(kind)
    dataset = open_python((np.arange(6.0), values.reshape(shape)))
    assert dataset.classes == ()
    assert dataset.task == "regression"
    batch = dataset.targets.batch(np.arange(6))
    assert (batch.dtype, batch.shape) == (torch.float32, (6,))
    np.testing.assert_allclose(targets(dataset), values, rtol=1e-3)


def test_classes_are_brought_together_by_name() -> None:
    dataset = open_python({"train": (IMAGES, ["c", "a", "b"] * 2), "val": (IMAGES[:2], ["c", "b"])})
    assert targets(dataset, "val") == [2, 1]
    assert dataset.notes == ("split 'val' has no images of a",)


@pytest.mark.parametrize("value", [None, np.nan, float("nan"), np.datetime64("NaT"), "", " "])
@pytest.mark.parametrize("form", [list, tuple, lambda labels: np.array(labels, object)])
def test_a_missing_label_is_refused_with_its_index(value: Any, form: Any) -> None:
    with pytest.raises(DataError) as caught:
        open_python((IMAGES, form(["a", "b", "a", value, "b", "a"])))
    assert str(caught.value) == (
        "(given in Python): #3 of split 'train': no label; fill it or remove it"
    )


@pytest.mark.parametrize(
    "labels",
    [[{"a"}, {"b"}, None, {"a"}, set(), {"b"}], [["a"], ["b"], ["a", None], ["a"], [], ["b"]]],
)
def test_one_is_refused_among_several_labels_too(labels: Any) -> None:
    with pytest.raises(DataError, match="#2 of split 'train': no label"):
        open_python((IMAGES, labels))


def test_a_torch_set_and_another_split_are_asked_as_well() -> None:
    with pytest.raises(DataError, match="#1 of split 'val': no label"):
        open_python({"train": Pairs(), "val": Pairs(IMAGES[:2], [0, None])})


def test_words_are_names_if_a_person_says_so() -> None:
    labels = ["None", "a"] * 3
    with pytest.raises(
        DataError, match="#0 of split 'train': label 'None' is a usual word for no label"
    ):
        open_python((IMAGES, labels))
    assert open_python((IMAGES, labels), Options(literal_labels=True)).classes == ("None", "a")
    assert open_python(Pairs(classes=["None", "a"])).classes == ("None", "a")


@pytest.mark.parametrize(
    "labels", [[3, 1, 2, 7, 5, 2], ["3", "1", "2", "7", "5", "2"], [3.0, 1, 2, 7, 5, 2]]
)
def test_labels_as_numbers(labels: Any) -> None:
    dataset = open_python((IMAGES, labels), Options(task="regression"))
    assert (dataset.task, targets(dataset)) == ("regression", [3, 1, 2, 7, 5, 2])


def test_a_label_that_is_no_number_is_refused_with_its_index() -> None:
    with pytest.raises(DataError, match="#1 of split 'train': label 'x' is not a number"):
        open_python((IMAGES, ["1", "x"] * 3), Options(task="regression"))


def test_numbers_as_classes() -> None:
    options = Options(task="classification")
    dataset = open_python((IMAGES, [10.0, 2.0] * 3), options)
    assert (dataset.classes, targets(dataset)) == (("2", "10"), [1, 0] * 3)
    assert open_python((IMAGES, [10, 2] * 3), options).classes == ("2", "10")
    assert open_python((IMAGES, [{"b"}, {"a"}] * 3), options).classes == ("a", "b")
    with pytest.raises(
        DataError, match="#1 of split 'train': has no label, and one class is wanted"
    ):
        open_python((IMAGES, [{"b"}, set()] * 3), options)


def test_floats_that_look_like_classes_are_said() -> None:
    assert open_python((IMAGES, [0.0, 1.0] * 3)).notes == (
        "targets are floats, so they are numbers to predict; for classes: task='classification'",
    )
    assert open_python((IMAGES, [0.0, 1.5] * 3)).notes == ()


def test_whole_numbers_of_which_each_image_has_its_own_are_suspected() -> None:
    images = np.zeros((12, 8, 8), np.uint8)
    with pytest.raises(
        DataError, match="12 different labels for 12 images; if they are numbers to be"
    ):
        open_python((images, list(range(12))))
    classes = open_python((images, list(range(12))), Options(task="classification")).classes
    assert classes == tuple(map(str, range(12)))


def test_labels_are_one_in_any_encoding_and_bytes_are_text() -> None:
    dataset = open_python((IMAGES, ["caf\u00e9", "tea", "cafe\u0301"] * 2))
    assert (dataset.classes, targets(dataset)) == (("caf\u00e9", "tea"), [0, 1, 0] * 2)
    assert open_python((IMAGES, [b"ant", b"bee"] * 3)).classes == ("ant", "bee")
