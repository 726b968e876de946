"""What a model may answer: all its classes, those of the data, or sums of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.preprocess import VectorPreprocessing
from onestop.errors import DataError, UsageError
from onestop.inference.answers import Grouped, answering, others_note
from onestop.inference.model import Model
from onestop.networks.imagenet import imagenet_names
from onestop.storage.model_file import Card

CLASSES = ("ant", "bee", "cat", "dog")


def model(classes: Sequence[str] = CLASSES, task: str = "classification") -> Model:
    torch.manual_seed(0)
    preprocessing = VectorPreprocessing(3, (0.0,) * 3, (1.0,) * 3).to_json()
    outputs = {"classes": max(1, len(classes)), "channels": 3, "image_size": 1}
    card = Card("linear", outputs, tuple(classes), preprocessing, task=task)
    return Model(nn.Linear(3, max(1, len(classes))), card)


def data(*names: str) -> Dataset:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(names), 3)).astype(np.float32)
    dataset = open_data((vectors, np.arange(len(names))), val_fraction=0, for_training=False)
    return dataset.renamed(dict(zip(dataset.classes, names, strict=True)))


def shares(network: nn.Module) -> torch.Tensor:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    outputs: torch.Tensor = network(inputs)
    return outputs.detach().softmax(1)


def test_a_group_has_the_sum_of_the_probabilities_of_its_parts() -> None:
    network = nn.Linear(3, 4)
    whole, grouped = shares(network), shares(Grouped(network, [[0, 2, 3], [1]]))
    assert torch.allclose(grouped[:, 0], whole[:, [0, 2, 3]].sum(1), atol=1e-6)
    assert torch.allclose(grouped[:, 1], whole[:, 1], atol=1e-6)
    only = shares(Grouped(network, [[3], [1]]))
    assert torch.allclose(only[:, 0], whole[:, 3] / whole[:, [1, 3]].sum(1), atol=1e-6)


def test_calibrated_probabilities_are_added_up_and_not_the_networks_own() -> None:
    given = model()
    given.task = type(given.task)(CLASSES, temperature=3.0)  # type: ignore[call-arg]
    given.card = dataclasses.replace(given.card, task_options={"temperature": 3.0})
    mapping = {"ant": "insect", "bee": "insect"}
    grouped = answering(given.card, data("insect", "dog"), mapping=mapping).of(given)
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    whole = (given(inputs).detach() / 3).softmax(1)
    predictions = grouped.task.describe(grouped(inputs).detach(), top=3)
    by_name = [{label.name: label.score for label in p.labels} for p in predictions]
    for row, scores in zip(whole.tolist(), by_name, strict=True):
        expected = {"insect": row[0] + row[1], "cat": row[2], "dog": row[3]}
        assert scores == pytest.approx(expected, abs=1e-6)


def test_without_either_the_model_is_left_as_it_is() -> None:
    given = model()
    answers = answering(given.card, data("dog", "ant"))
    assert answers.of(given) is given
    assert answers.notes == ()
    assert answers.dataset.split("train").targets.values.tolist() == [3, 0]


def test_restricted_to_the_classes_of_the_data_in_the_models_order() -> None:
    answers = answering(model().card, data("dog", "ant"), restrict=True)
    assert answers.possible == ("ant", "dog")
    assert answers.notes == ("note: 2 of 4 classes are possible answers (--restrict)",)
    with pytest.raises(DataError, match="has 1 class of the model, so there is nothing to choose"):
        answering(model().card, data("dog", "dog"), restrict=True)


def test_mapped_classes_are_added_up_and_the_others_stay() -> None:
    mapping = {"ant": "insect", "bee": "insect"}
    answers = answering(model().card, data("insect", "dog"), mapping=mapping)
    assert answers.possible == ("insect", "cat", "dog")
    assert answers.dataset.split("train").targets.values.tolist() == [0, 2]
    parts = answering(model().card, data("bee", "ant"), mapping=mapping)
    assert parts.dataset.split("train").targets.values.tolist() == [0, 0]
    both = answering(model().card, data("insect", "dog"), mapping=mapping, restrict=True)
    assert both.possible == ("insect", "dog")


def test_the_names_of_the_columns_are_no_class(tmp_path: Any) -> None:
    (tmp_path / "map.csv").write_text("imagenet name,own name\nn02219486_ant,ants\n309,bees\n")
    answers = answering(
        model(imagenet_names()).card,
        data("ants", "bees"),
        mapping=tmp_path / "map.csv",
        restrict=True,
    )
    assert answers.possible == ("bees", "ants")


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"ant": "x", "cow": "y"}, "--map: 'cow' is not a class of the model"),
        (
            {"cow": "a", "ant": "b"},
            "--map: 'cow' is not a class of the model",
        ),  # "a" is in the data
        (
            {"ant": "dog"},
            "'dog' is a class of the model too, and it is not mapped; add the line dog,dog",
        ),
    ],
)
def test_a_map_that_does_not_fit_is_refused(mapping: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        answering(model().card, data("a", "b"), mapping=mapping)


def test_a_class_mapped_twice_is_refused() -> None:
    names = imagenet_names()
    with pytest.raises(UsageError, match="'n01440764' is mapped to 'a' already"):
        answering(model(names).card, data("a", "b"), mapping={"tench": "a", "n01440764": "b"})


def test_classes_in_other_spellings_are_said() -> None:
    answers = answering(model(imagenet_names()).card, data("n01440764", "1", "bee"))
    assert answers.dataset.split("train").targets.values.tolist() == [0, 1, 309]
    assert answers.notes[0].endswith("read as the model's: n01440764 is tench, 1 is goldfish")


def test_classes_that_imagenet_lacks_are_answered_with_near_ones_and_the_way_out() -> None:
    with pytest.raises(DataError, match=r"not ImageNet's: ants; did you mean 'ant'.*--map"):
        answering(model(imagenet_names()).card, data("ants", "bee"))
    with pytest.raises(DataError, match="has classes the model does not know: cow; it knows ant"):
        answering(model().card, data("cow", "ant"))


@pytest.mark.parametrize("words", [{"restrict": True}, {"mapping": {"a": "b"}}])
def test_models_that_do_not_choose_one_class_have_none_of_this(words: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is for models that choose one of their classes"):
        answering(model((), "regression").card, data("a", "b"), **words)


def test_answers_that_the_data_lack_are_counted() -> None:
    answers = answering(model().card, data("ant", "bee"))
    labels = ["cat", "ant", "dog", "dog", "bee"]
    assert others_note(labels, answers.dataset) == (
        f"note: 3 of 5 answers are classes that {answers.dataset.name} lacks: dog 2, cat 1; "
        "--restrict leaves these out"
    )
    assert others_note(["ant"], answers.dataset) == ""
