"""Holding images out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples
from onestop.data.splits import hold_out
from onestop.data.targets import Classes, Numbers, Targets
from onestop.errors import DataError


def dataset(
    labels: Sequence[float], groups: Sequence[int] | None = None, *, classes: int = 3
) -> Dataset:
    names = [f"class {number}" for number in range(classes)]
    targets: Targets = Numbers(np.array(labels, np.float32))
    if classes:
        targets = Classes(np.array(labels, np.int64), names)
    samples = ArraySamples(np.zeros((len(labels), 2, 2, 1), np.uint8), targets)
    known = {} if groups is None else {"train": np.array(groups)}
    return Dataset("set", {"train": samples}, groups=known)


def members(cut: Dataset, split: str) -> list[int]:
    """The numbers that the samples had before."""
    samples = cut.splits[split]
    return [int(samples.name(index)[1:]) for index in range(len(samples))]


def counts(cut: Dataset) -> dict[str, list[int]]:
    return {split: cut.counts(split).tolist() for split in cut.splits}


UNEQUAL = [0] * 100 + [1] * 14 + [2] * 6


def test_of_every_class_the_same_part_is_held_out() -> None:
    cut = hold_out(dataset(UNEQUAL), "val", 0.25, seed=0)
    assert counts(cut) == {"train": [75, 10, 4], "val": [25, 4, 2]}
    assert cut.notes == ("31 of 120 training images are held out as split 'val'",)


def test_every_image_is_on_one_side_and_keeps_its_label() -> None:
    labels = np.random.default_rng(0).permutation(UNEQUAL).tolist()
    cut = hold_out(dataset(labels), "val", 0.2, seed=0)
    train, val = members(cut, "train"), members(cut, "val")
    assert sorted(train + val) == list(range(120))
    assert (train, val) == (sorted(train), sorted(val))
    for split, numbers in (("train", train), ("val", val)):
        batch = cut.splits[split].targets.batch(np.arange(len(numbers)))
        assert batch.tolist() == [labels[number] for number in numbers]


def test_the_part_is_a_function_of_the_seed() -> None:
    first = members(hold_out(dataset(UNEQUAL), "val", 0.1, seed=0), "val")
    assert members(hold_out(dataset(UNEQUAL), "val", 0.1, seed=0), "val") == first
    assert members(hold_out(dataset(UNEQUAL), "val", 0.1, seed=1), "val") != first
    assert members(hold_out(dataset(UNEQUAL), "test", 0.1, seed=0), "test") != first


def test_what_was_held_out_at_a_seed_stays_so() -> None:
    """Figures of earlier runs would mean something else if this changed."""
    cut = hold_out(dataset([0, 1] * 20, classes=2), "val", 0.1, seed=0)
    assert members(cut, "val") == [0, 6, 17, 39]


def test_each_image_is_held_out_equally_often() -> None:
    times = np.zeros(40)
    for seed in range(400):
        times[members(hold_out(dataset([0, 1] * 20, classes=2), "val", 0.25, seed), "val")] += 1
    # Binomial: 100 expected, deviation 8.7.
    assert times.sum() == 4000
    assert times.min() > 60
    assert times.max() < 140


def test_a_class_of_few_is_held_out_once_but_one_of_one_never() -> None:
    cut = hold_out(dataset([0] * 50 + [1] * 2 + [2]), "val", 0.1, seed=0)
    assert counts(cut) == {"train": [45, 1, 1], "val": [5, 1, 0]}


@pytest.mark.parametrize("seed", range(5))
def test_no_class_leaves_training_whole(seed: int) -> None:
    cut = hold_out(dataset([0] * 50 + [1] * 2 + [2]), "val", 0.9, seed)
    assert counts(cut) == {"train": [5, 1, 1], "val": [45, 1, 0]}


def test_numbers_to_predict_are_held_out_by_chance() -> None:
    cut = hold_out(dataset(np.linspace(0, 1, 40).tolist(), classes=0), "val", 0.25, seed=0)
    val = members(cut, "val")
    assert (len(cut.splits["train"]), len(val)) == (30, 10)
    assert val != list(range(10))


@pytest.mark.parametrize("labels", [[0], [0, 1, 2]])
def test_too_few_images_are_refused(labels: list[int]) -> None:
    of_classes = f" of {len(labels)} classes" if len(labels) > 1 else ""
    with pytest.raises(
        DataError, match=f"set: {len(labels)} training images{of_classes} are too few"
    ):
        hold_out(dataset(labels), "val", 0.1, seed=0)
    with pytest.raises(DataError, match="too few"):
        hold_out(dataset([1.5], classes=0), "val", 0.5, seed=0)


# --- groups ---

GROUPS = np.repeat(np.arange(40), 5)
BY_GROUP = np.random.default_rng(0).integers(0, 3, 200).tolist()


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_moved_whole_and_in_proportion(fraction: float, seed: int) -> None:
    cut = hold_out(dataset(BY_GROUP, GROUPS.tolist()), "val", fraction, seed)
    train, val = set(GROUPS[members(cut, "train")]), set(GROUPS[members(cut, "val")])
    assert not train & val
    assert train | val == set(range(40))
    shares = cut.counts("val") / np.bincount(BY_GROUP)
    np.testing.assert_allclose(shares, fraction, atol=0.02)


def test_the_groups_held_out_are_a_function_of_the_seed() -> None:
    def held(seed: int) -> list[int]:
        return members(hold_out(dataset(BY_GROUP, GROUPS.tolist()), "val", 0.1, seed), "val")

    assert held(0) == held(0) != held(1)


@pytest.mark.parametrize(("fraction", "held"), [(0.1, 2), (0.8, 16)])
@pytest.mark.parametrize("seed", range(5))
def test_a_class_of_a_single_group_stays_in_training(seed: int, fraction: float, held: int) -> None:
    labels, groups = [0] * 20 + [1] * 3, [*np.repeat(np.arange(10), 2).tolist(), *[99] * 3]
    cut = hold_out(dataset(labels, groups, classes=2), "val", fraction, seed)
    assert counts(cut) == {"train": [20 - held, 3], "val": [held, 0]}


def test_groups_of_single_images_are_held_out_as_images_are() -> None:
    cut = hold_out(dataset([0] * 6 + [1] * 6, range(12), classes=2), "val", 0.1, seed=0)
    assert counts(cut) == {"train": [5, 5], "val": [1, 1]}


def test_too_few_groups_are_refused() -> None:
    few = dataset([0, 1] * 10, [0] * 10 + [1] * 10, classes=2)
    with pytest.raises(DataError, match="20 training images in 2 groups are too few"):
        hold_out(few, "val", 0.1, seed=0)
    assert counts(hold_out(few, "val", 0.5, seed=0)) == {"train": [5, 5], "val": [5, 5]}


def test_a_second_split_can_be_held_out_of_the_rest() -> None:
    whole = dataset(BY_GROUP, GROUPS.tolist())
    cut = hold_out(hold_out(whole, "test", 0.25, seed=0), "val", 0.25, seed=0)
    parts = {split: set(GROUPS[members(cut, split)]) for split in cut.splits}
    assert sum(len(part) for part in parts.values()) == 40
    assert set().union(*parts.values()) == set(range(40))
    for split in cut.splits:
        np.testing.assert_array_equal(cut.groups[split], GROUPS[members(cut, split)])


def test_groups_of_numbers_to_predict_are_held_out_in_proportion() -> None:
    labels = np.linspace(-3, 5, 200).tolist()  # which are no classes
    cut = hold_out(dataset(labels, GROUPS.tolist(), classes=0), "val", 0.25, seed=0)
    train, val = set(GROUPS[members(cut, "train")]), set(GROUPS[members(cut, "val")])
    assert not train & val
    assert len(val) == 10
