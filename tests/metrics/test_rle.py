from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.metrics.rle import Rle, encode, from_coco, intersection, iou, pasted, to_coco, union

RNG = np.random.default_rng(0)
MASKS = [
    RNG.random((7, 5)) < 0.5, np.zeros((4, 6), bool), np.ones((4, 6), bool), np.eye(9, dtype=bool),
    RNG.random((40, 300)) < 0.02, RNG.random((1, 1)) < 2, np.tri(60, 7, dtype=bool),
]  # fmt: skip


@pytest.mark.parametrize("mask", MASKS, ids=range(len(MASKS)))
def test_a_mask_comes_back_from_runs_and_from_text(mask: np.ndarray[Any, Any]) -> None:
    runs = encode(mask)
    assert np.array_equal(runs.decode(), mask)
    assert runs.area == mask.sum()
    assert from_coco(to_coco(runs)) == runs
    assert from_coco({"size": mask.shape, "counts": runs.counts.tolist()}) == runs


@pytest.mark.parametrize("mask", MASKS, ids=range(len(MASKS)))
def test_the_box_is_the_smallest_around_the_mask(mask: np.ndarray[Any, Any]) -> None:
    ys, xs = np.nonzero(mask)
    wanted = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(xs) else (0, 0, 0, 0)
    assert encode(mask).box == tuple(map(int, wanted))


@pytest.mark.parametrize("mask", MASKS, ids=range(len(MASKS)))
def test_text_is_that_of_the_reference(mask: np.ndarray[Any, Any]) -> None:
    reference = pytest.importorskip("pycocotools.mask")
    theirs = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert to_coco(encode(mask))["counts"] == theirs["counts"].decode()
    assert from_coco(theirs) == encode(mask)


def test_overlaps_are_those_of_the_pixels() -> None:
    ours, theirs = (RNG.random((3, 20, 30)) < share for share in (0.3, 0.6))
    wanted = [[(a & b).sum() / (a | b).sum() for b in theirs] for a in ours]
    assert np.allclose(iou([*map(encode, ours)], [*map(encode, theirs)]), wanted)
    of_crowds = [[(a & b).sum() / a.sum() for b in theirs] for a in ours]
    found = iou([*map(encode, ours)], [*map(encode, theirs)], [True] * 3)
    assert np.allclose(found, of_crowds)
    assert union([*map(encode, ours)]) == encode(np.asarray(ours.any(0)))


def test_an_empty_mask_overlaps_with_nothing() -> None:
    empty, full = encode(np.zeros((3, 4))), encode(np.ones((3, 4)))
    assert intersection(empty, full) == intersection(full, empty) == 0
    assert iou([empty], [empty]).item() == 0


def test_a_patch_is_pasted_where_it_lies() -> None:
    patch = RNG.random((5, 4)) < 0.5
    whole = np.zeros((12, 11), bool)
    whole[6:11, 3:7] = patch
    assert pasted(patch, 3, 6, (12, 11)).decode().tolist() == whole.tolist()
    assert pasted(np.ones((12, 11), bool), 0, 0, (12, 11)).area == 12 * 11


@pytest.mark.parametrize("counts", [[3, 4], "\x01", [-1, 13], "0"])
def test_runs_that_are_not_of_the_size_are_refused(counts: Any) -> None:
    with pytest.raises(ValueError, match="of a mask"):
        from_coco({"size": [3, 4], "counts": counts})


def test_equal_masks_are_equal_and_hash_alike() -> None:
    one, other = encode(MASKS[0]), encode(MASKS[0].copy())
    assert one == other
    assert hash(one) == hash(other)
    assert one != encode(~MASKS[0])
    assert isinstance(one, Rle)
    assert one != "mask"
