"""Targets: what is asked of them is the same for classes, numbers, labels, and kinds yet to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from onestop.data.augmentation import Augmentation, Moves
from onestop.data.dataset import Dataset
from onestop.data.loader import Loader, epoch_plan
from onestop.data.multihot import Multihot
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.preview import preview
from onestop.data.samples import ArraySamples
from onestop.data.splits import hold_out
from onestop.data.targets import Classes, Indices, Numbers, TargetBatch, Targets
from onestop.errors import DataError
from onestop.linting.counts import class_rows, of_classes
from onestop.linting.findings import Place, described
from onestop.linting.quick import quick_lint

CLASSES = Classes(np.array([2, 0, 2, 1]), ("ant", "bee", "wasp"))
NUMBERS = Numbers(np.array([0.5, -3, 1e-7, 1234567.0]))


# --- classes ---


def test_classes_are_numbers_with_names() -> None:
    assert (len(CLASSES), CLASSES.task, CLASSES.names) == (
        4,
        "classification",
        ("ant", "bee", "wasp"),
    )
    assert [CLASSES.words(index) for index in range(4)] == [
        ("wasp",),
        ("ant",),
        ("wasp",),
        ("bee",),
    ]
    assert CLASSES.counts().tolist() == [1, 1, 2]
    assert CLASSES.take(np.array([3, 0])).values.tolist() == [1, 2]
    batch = CLASSES.batch(np.array([1, 1, 3]))
    assert (batch.dtype, batch.tolist()) == (torch.int64, [0, 0, 1])


def test_a_class_without_samples_counts_none() -> None:
    assert Classes(np.array([1]), ("a", "b", "c")).counts().tolist() == [0, 1, 0]
    assert Classes(np.array([], np.int64), ("a", "b")).counts().tolist() == [0, 0]


def test_the_strata_and_members_of_classes_are_the_classes() -> None:
    assert CLASSES.strata().tolist() == [2, 0, 2, 1]
    samples, numbers = CLASSES.members()
    assert (samples.tolist(), numbers.tolist()) == ([0, 1, 2, 3], [2, 0, 2, 1])


def test_shares_of_classes_are_one_and_zero() -> None:
    shares = CLASSES.shares(CLASSES.batch(np.array([0, 1])))
    assert (shares.dtype, shares.tolist()) == (torch.float32, [[0, 0, 1], [1, 0, 0]])


def test_classes_go_onto_another_list_by_name() -> None:
    other = CLASSES.onto(("wasp", "fly", "bee", "ant"))
    assert other.values.tolist() == [0, 3, 0, 2]
    assert [other.words(index) for index in range(4)] == [CLASSES.words(i) for i in range(4)]
    with pytest.raises(
        DataError, match=r"classes the model does not know: bee, wasp; it knows ant"
    ):
        CLASSES.onto(("ant", "fly"))
    with pytest.raises(DataError, match="has class names as targets, the model gives numbers"):
        CLASSES.onto(())


# --- numbers ---


def test_numbers_have_neither_names_nor_classes() -> None:
    assert (len(NUMBERS), NUMBERS.task, NUMBERS.names) == (4, "regression", ())
    assert NUMBERS.strata() is None
    assert [part.tolist() for part in NUMBERS.members()] == [[], []]
    assert NUMBERS.counts().tolist() == []
    words = [NUMBERS.words(index) for index in range(4)]
    assert words == [("0.5",), ("-3",), ("1e-07",), ("1.23457e+06",)]
    batch = NUMBERS.take(np.array([1, 0])).batch(np.array([0, 0, 1]))
    assert (batch.dtype, batch.tolist()) == (torch.float32, [-3, -3, 0.5])
    assert torch.equal(NUMBERS.shares(batch), batch)


def test_numbers_go_onto_no_names() -> None:
    assert NUMBERS.onto(()) is NUMBERS
    with pytest.raises(DataError, match="has numbers as targets, the model gives class names"):
        NUMBERS.onto(("ant",))


# --- both ---


@pytest.mark.parametrize("targets", [CLASSES, NUMBERS])
def test_to_numpy_targets_are_an_array(targets: Targets) -> None:
    np.testing.assert_array_equal(np.asarray(targets), targets.values)
    np.testing.assert_array_equal(
        np.isin(targets, targets[:2]), np.isin(targets.values, targets[:2])
    )
    assert targets[1] == targets.values[1]
    assert np.asarray(targets, np.float64).dtype == np.float64


@pytest.mark.parametrize("targets", [CLASSES, NUMBERS])
def test_the_identity_changes_with_a_target_and_not_with_its_place_in_memory(targets: Any) -> None:
    again = targets.take(np.arange(4))
    assert again.identity() == targets.identity() == np.ascontiguousarray(targets.values).tobytes()
    assert targets.take(np.array([0, 1, 3, 2])).identity() != targets.identity()
    spread = np.repeat(targets.values, 2)[::2]
    other = Classes(spread, CLASSES.names) if targets is CLASSES else Numbers(spread)
    assert other.identity() == targets.identity()


def test_taken_targets_do_not_change_with_the_array_they_came_from() -> None:
    values = np.arange(3)
    targets = Classes(values, ("a", "b", "c"))
    batch, taken = targets.batch(np.arange(3)), targets.take(np.arange(3))
    batch.zero_()
    values[0] = 2
    assert targets.values.tolist() == [2, 1, 2]
    assert taken.values.tolist() == [0, 1, 2]


# --- other kinds: nothing but their class has to be written for them ---


LABELS = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]] * 10)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)


def labelled() -> Dataset:
    samples = ArraySamples(IMAGES, Multihot(LABELS, ("cat", "dog", "cow")))
    return Dataset("set", {"train": samples}, groups={"train": np.repeat(np.arange(20), 2)})


def test_several_labels_need_nothing_outside_their_class() -> None:
    dataset = labelled()
    assert (dataset.classes, dataset.task) == (("cat", "dog", "cow"), "multilabel")
    assert dataset.counts("train").tolist() == [20, 20, 20]
    assert dataset.onto(("cow", "x", "dog", "cat")).counts("train").tolist() == [20, 0, 20, 20]
    assert class_rows(dataset)[1] == {"label": "dog", "train": 20}
    assert of_classes(dataset) == quick_lint(dataset)
    (finding,) = of_classes(dataset)
    assert (finding.kind, finding.level) == ("no label", "note")
    assert finding.text == "10 images without any label; check whether that is intended"
    assert finding.groups == tuple((Place("train", index),) for index in range(1, 40, 4))
    assert described(Place("train", 2), dataset)["label"] == "cat, dog, cow"
    assert {title for _, title in preview(dataset, 30)} == {
        "cat, cow", "no label", "cat, dog, cow", "dog",
    }  # fmt: skip
    assert dataset.fingerprint() != dataset.onto(("dog", "cat", "cow")).fingerprint()


def unlabelled(dataset: Dataset, split: str) -> int:
    return len(dataset.splits[split].targets.unlabelled())


def test_several_labels_are_held_out_in_proportion_also_by_group() -> None:
    whole = labelled()
    by_label = hold_out(Dataset("set", whole.splits), "val", 0.3, seed=0)
    assert (by_label.counts("val").tolist(), unlabelled(by_label, "val")) == ([6, 6, 6], 3)
    by_group = hold_out(whole, "val", 0.3, seed=0)
    assert (by_group.counts("val").tolist(), unlabelled(by_group, "val")) == ([6, 6, 6], 3)


def test_several_labels_are_loaded_and_mixed() -> None:
    samples = labelled().splits["train"]
    preprocessing = ImagePreprocessing(3, (8, 8), (0.5,) * 3, (0.5,) * 3)
    for batch in Loader(samples, preprocessing).train(epoch_plan(40, 8, 0, 0), 0):
        assert batch.targets.tolist() == LABELS[batch.indices].tolist()
    for batch in Loader(samples, preprocessing, Augmentation(mixup=1.0)).train([np.arange(4)], 0):
        share = float(batch.targets[1, 0])  # of the first image in the second, which has no label
        assert batch.targets[0].tolist() == pytest.approx([1 - share, share, 1 - share])


class Spots(Multihot):
    """A place per sample that follows the pixels: what boxes will do."""

    values: NDArray[Any]

    def __init__(self, values: NDArray[Any], names: Sequence[str]) -> None:
        self.values = values
        self.names = tuple(names)

    def batch(self, indices: Indices, moves: Moves | None = None) -> Any:
        assert moves is not None
        places = self.values[indices].astype(np.int64)
        if moves.shift is not None:
            places += moves.shift
        if moves.flip is not None:
            places[:, 1] = np.where(moves.flip, 15 - places[:, 1], places[:, 1])
        return [tuple(place) for place in places.tolist()]

    def send(self, batch: TargetBatch, engine: object) -> TargetBatch:
        return batch


@pytest.mark.parametrize("keep", ["small", "none"])
@pytest.mark.parametrize("changes", [{}, {"erase": 0.01}])
def test_targets_that_lie_in_the_image_follow_its_pixels(
    keep: Any, changes: dict[str, Any]
) -> None:
    from onestop.data.pixels import choose_source

    places = np.random.default_rng(0).integers(4, 12, (30, 2))
    images = np.zeros((30, 16, 16, 1), np.uint8)
    images[np.arange(30), places[:, 0], places[:, 1]] = 255
    samples = ArraySamples(images, Spots(places, ("y", "x")))
    preprocessing = ImagePreprocessing(1, (16, 16), (0.0,), (1.0,))
    loader = Loader(
        samples,
        preprocessing,
        Augmentation("flip-crop", **changes),
        choose_source(samples, preprocessing, keep=keep),
    )
    seen = 0
    for batch in loader.train(epoch_plan(30, 7, 0, 1), 1):
        assert isinstance(batch.targets, list)
        for image, (y, x) in zip(batch.inputs, batch.targets, strict=True):
            bright = image[0] == 1
            assert bright[y, x] or not bright.any()  # which was erased
            seen += bool(bright[y, x])
    assert seen > 25
