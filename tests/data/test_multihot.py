"""Several labels per sample: batches, selection, other lists of names, hold-out splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.data.dataset import Dataset
from onestop.data.multihot import NO_LABEL, Multihot
from onestop.data.samples import ArraySamples
from onestop.data.splits import hold_out
from onestop.errors import DataError

NAMES = ("ants", "bees", "outdoor")
SETS: list[set[str]] = [{"ants"}, set(), {"outdoor", "ants"}, {"bees", "outdoor"}]
TARGETS = Multihot.of_sets(SETS, NAMES)


def test_sets_are_rows() -> None:
    assert TARGETS.values.astype(int).tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 1, 1]]
    assert (len(TARGETS), TARGETS.task, TARGETS.nouns) == (4, "multilabel", ("label", "labels"))
    assert TARGETS.counts().tolist() == [2, 1, 2]
    samples, labels = TARGETS.members()
    assert (samples.tolist(), labels.tolist()) == ([0, 2, 2, 3, 3], [0, 0, 2, 1, 2])
    assert TARGETS.strata() is None
    assert TARGETS.unlabelled().tolist() == [1]


def test_labels_as_text_are_in_the_order_of_the_names() -> None:
    assert [TARGETS.words(k) for k in range(4)] == [
        ("ants",), (), ("ants", "outdoor"), ("bees", "outdoor"),
    ]  # fmt: skip
    assert [TARGETS.text(k) for k in range(4)] == [
        "ants", NO_LABEL, "ants, outdoor", "bees, outdoor",
    ]  # fmt: skip


def test_a_batch_is_a_copy_as_floats() -> None:
    batch = TARGETS.batch(np.array([3, 1, 3]))
    assert (batch.dtype, batch.tolist()) == (torch.float32, [[0, 1, 1], [0, 0, 0], [0, 1, 1]])
    assert TARGETS.shares(batch) is batch
    batch.fill_(0.5)
    assert TARGETS.values[3].tolist() == [False, True, True]


def test_selection_and_identity() -> None:
    taken = TARGETS.take(np.array([2, 0]))
    assert [taken.words(k) for k in range(2)] == [("ants", "outdoor"), ("ants",)]
    again = Multihot(np.asfortranarray(TARGETS.values), NAMES)
    assert again.identity() == TARGETS.identity() != taken.identity()


def test_onto_a_model_that_knows_more_labels_in_another_order() -> None:
    onto = TARGETS.onto(("outdoor", "wasps", "bees", "ants"))
    assert onto.names == ("outdoor", "wasps", "bees", "ants")
    assert onto.counts().tolist() == [2, 0, 1, 2]
    assert [set(onto.words(k)) for k in range(4)] == SETS


def test_onto_a_model_that_lacks_a_label() -> None:
    with pytest.raises(
        DataError, match=r"labels the model does not know: bees; it knows ants, out"
    ):
        TARGETS.onto(("ants", "outdoor"))
    unused = TARGETS.take(np.array([0, 1]))
    assert unused.onto(("ants",)).values.astype(int).tolist() == [[1], [0]]
    with pytest.raises(DataError, match="has labels as targets, the model gives numbers"):
        TARGETS.onto(())


def dataset(images: int, groups: bool = False) -> Dataset:
    rng = np.random.default_rng(0)
    labels = rng.random((images, 5)) < np.array([0.02, 0.1, 0.3, 0.3, 0.5])
    samples = ArraySamples(np.zeros((images, 2, 2, 1), np.uint8), Multihot(labels, tuple("abcde")))
    known = {"train": rng.integers(0, images // 5, images)} if groups else {}
    return Dataset("set", {"train": samples}, groups=known)


def unlabelled(cut: Dataset, split: str) -> int:
    return len(cut.splits[split].targets.unlabelled())


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_label_and_images_without_any_are_held_out_in_proportion(
    groups: bool, seed: int
) -> None:
    whole = dataset(1000, groups)
    cut = hold_out(whole, "val", 0.2, seed)
    counts = np.append(whole.counts("train"), unlabelled(whole, "train"))
    held = np.append(cut.counts("val"), unlabelled(cut, "val"))
    np.testing.assert_allclose(held, 0.2 * counts, atol=6 if groups else 1.5)
    if groups:
        sides = [set(cut.groups[split].tolist()) for split in ("train", "val")]
        assert not sides[0] & sides[1]


def test_the_fingerprint_depends_on_the_labels() -> None:
    whole = dataset(20)
    other = whole.splits["train"].with_targets(Multihot(np.zeros((20, 5), bool), tuple("abcde")))
    assert Dataset("set", {"train": other}).fingerprint() != whole.fingerprint()
