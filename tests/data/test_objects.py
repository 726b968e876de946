from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.data.augmentation import Moves
from onestop.data.objects import NO_OBJECTS, Annotation, Objects
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.shapes import outline_of_box
from onestop.errors import DataError, UsageError
from onestop.runtime.device import CPU

PREPARE = ImagePreprocessing(3, (50, 100), (0.0,) * 3, (1.0,) * 3, "stretch")


def annotation(*boxes: tuple[float, ...], classes: Any = (), masks: bool = False) -> Annotation:
    """Of an image of 100 x 200 pixels; the last object is a crowd if there are three."""
    table = np.array(boxes, np.float32).reshape(-1, 4)
    return Annotation(
        (100, 200), table, np.array(classes or [0] * len(table), np.int64), np.arange(len(table)) == 2,
        (table[:, 2:] - table[:, :2]).prod(1), tuple(map(outline_of_box, boxes)) if masks else None,
    )  # fmt: skip


def objects(**options: Any) -> Objects:
    first = annotation(
        (10, 10, 30, 40), (50, 50, 90, 90), (0, 0, 200, 100), classes=[0, 1, 1], masks=True
    )
    return Objects([first, annotation()], ("cat", "dog"), **options)


def test_a_batch_is_in_pixels_of_the_input() -> None:
    first, second = objects().batch(np.array([0, 1]), None, PREPARE)
    assert first["boxes"].tolist() == [[5, 5, 15, 20], [25, 25, 45, 45], [0, 0, 100, 50]]
    assert first["labels"].tolist() == [0, 1, 1]
    assert first["crowd"].tolist() == [False, False, True]
    assert first["frame"].tolist() == [0.5, 0.5, 0, 0]
    assert (first["index"], second["index"]) == (0, 1)
    masks = first["masks"]()
    assert masks.shape == (3, 50, 100)
    assert masks[0, 5:20, 5:15].all()
    assert masks[0].sum() == 150
    assert second["boxes"].shape == (0, 4)
    assert second["masks"]().shape == (0, 50, 100)
    assert first["truth"].objects.boxes.tolist()[0] == [10, 10, 30, 40]


def test_a_mirrored_batch() -> None:
    moves = Moves(flip=np.array([True, False]))
    first, second = objects().batch(np.array([0, 0]), moves, PREPARE)
    assert first["boxes"][0].tolist() == [85, 5, 95, 20]
    assert second["boxes"][0].tolist() == [5, 5, 15, 20]
    assert first["masks"]()[0, 5:20, 85:95].all()


def test_sending_keeps_what_is_no_tensor() -> None:
    targets = objects()
    batch = targets.send(targets.batch(np.array([0])), CPU)
    assert batch[0]["truth"] is targets.values[0]


def test_words_and_counts() -> None:
    targets = objects()
    assert targets.words(0) == ("cat", "dog")
    assert (targets.text(0), targets.text(1)) == ("2 dog, 1 cat", NO_OBJECTS)
    assert targets.counts().tolist() == [1, 1], "images"
    assert targets.tallies()["objects"].tolist() == [1, 2]
    assert targets.unlabelled().tolist() == [1]
    assert targets.strata() is None


def test_taken_objects_keep_what_they_share() -> None:
    targets = objects(point_names=("a", "b"), flip_pairs=[(0, 1)], skeleton=[(0, 1)])
    taken = targets.take(np.array([1, 0, 0]))
    assert len(taken) == 3
    assert (taken.point_names, taken.flip_pairs, taken.skeleton) == (
        ("a", "b"),
        ((0, 1),),
        ((0, 1),),
    )
    assert taken.joined([targets]).values[3:] == targets.values


def test_the_identity_changes_with_anything() -> None:
    known = {objects().identity(), objects(point_names=("x",)).identity()}
    for change in ((11, 10, 30, 40), (10, 10, 30, 41)):
        known.add(Objects([annotation(change)], ("cat",)).identity())
    known.add(Objects([annotation(change, masks=True)], ("cat",)).identity())
    known.add(Objects([annotation(change, classes=[1])], ("cat", "dog")).identity())
    assert len(known) == 6
    assert objects().identity() == objects().identity()


def test_onto_the_classes_of_a_model() -> None:
    moved = objects().onto(("dog", "cow", "cat"))
    assert moved.values[0].classes.tolist() == [2, 0, 0]
    with pytest.raises(DataError, match="has classes the model does not know: dog"):
        objects().onto(("cat",))
    with pytest.raises(DataError, match="has objects as targets, the model gives numbers"):
        objects().onto(())


def test_they_are_not_mixed_and_not_mirrored_if_points_have_no_pairs() -> None:
    with pytest.raises(UsageError, match="cannot be mixed"):
        objects().shares([])
    assert objects().mirrors
    assert objects(point_names=("a",), flip_pairs=[]).mirrors
    assert not objects(point_names=("a",)).mirrors


def test_objects_are_drawn_where_they_are() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    targets = objects()
    (target,) = targets.batch(np.array([0]))
    drawn = targets.draw(target, pixels)
    assert drawn.shape == pixels.shape
    assert drawn[60:80, 60:80].any(), "the inside of a mask"
    assert targets.draw(target, pixels, 400).shape == (200, 400, 3)
    assert list(targets.doubts(0)) == [
        ("boxes of the whole picture", "object 3 (dog): 200 x 100 pixels")
    ]


def test_an_object_is_chosen_for_each_image_in_fractions_of_its_input() -> None:
    """By the number that is drawn; crowds are never chosen, and images may have none."""
    nothing = np.zeros((0, 4), np.float32)
    boxes = np.array([[0, 0, 20, 10], [10, 10, 30, 20], [0, 0, 40, 20]], np.float32)
    values = [
        Annotation((20, 40), part, np.zeros(len(part), np.int64), crowd, np.ones(len(part), np.float32))
        for part, crowd in (
            (boxes, np.array([False, False, True])), (nothing, np.zeros(0, np.bool_)),
        )
    ]  # fmt: skip
    targets = Objects(values, ["a"])
    stretch = ImagePreprocessing(3, (64, 64), (0.0,) * 3, (1.0,) * 3, "stretch")
    chosen = targets.focus(np.array([0, 0, 1]), np.array([0.2, 0.99, 0.5]), stretch)
    assert chosen is not None
    assert chosen[0].tolist() == [0, 0, 0.5, 0.5]
    assert chosen[1].tolist() == [0.25, 0.5, 0.75, 1]
    assert np.isnan(chosen[2]).all()
