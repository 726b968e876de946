from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode
from onestop.tasks.objects_prediction import ObjectsPrediction, all_right, from_text, to_text


def objects(*rows: tuple[float, float, float, float, int, float], **more: object) -> ImageObjects:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return ImageObjects(
        (50, 60),
        table[:, :4],
        table[:, 4].astype(np.int64),
        table[:, 5],
        **more,  # type: ignore[arg-type]
    )


TRUE = objects((0, 0, 10, 10, 0, 1), (20, 20, 40, 40, 1, 1))
FOUND = objects((0, 0, 10, 10, 0, 0.9), (20, 20, 40, 40, 1, 0.6), (5, 5, 9, 9, 0, 0.3))


def prediction(**options: object) -> ObjectsPrediction:
    empty = ObjectsPrediction("a.png", names=("cat", "dog"), thresholds=(0.5, 0.7), **options)  # type: ignore[arg-type]
    return empty.with_objects(FOUND, TRUE)


def test_objects_reach_the_threshold_of_their_class() -> None:
    one = prediction()
    assert [(label.name, round(label.score, 2)) for label in one.labels] == [("cat", 0.9)]
    assert one.text == "1 cat (90%)"
    assert one.predicted_text == "1 x cat"
    assert one.truth_text == "1 x cat, 1 x dog"
    assert one.correct is False
    assert one.title() == ("1 x cat", None)


def test_at_most_so_many() -> None:
    everything = ObjectsPrediction("a", names=("cat", "dog"), thresholds=(0, 0), most=2)
    assert len(everything.with_objects(FOUND).objects) == 2


def test_an_image_is_right_if_all_is_found_and_nothing_else() -> None:
    assert all_right(TRUE, TRUE)
    assert not all_right(TRUE, FOUND)
    assert all_right(objects(), objects())
    crowd = objects((0, 0, 10, 10, 0, 1), crowd=np.array([True]))
    assert all_right(crowd, objects()), "a crowd need not be found"
    assert all_right(crowd, objects((0, 0, 10, 10, 0, 0.9))), "and may be"


def test_nothing_is_told_as_nothing() -> None:
    nothing = ObjectsPrediction("a", names=("cat",), thresholds=(0.5,)).with_objects(objects())
    assert (nothing.text, nothing.predicted_text) == ("no object reaches its threshold", "nothing")
    assert nothing.to_csv() == {"image": "a", "label": "", "score": "", "error": ""}


def test_json_of_masks_and_points() -> None:
    mask = np.zeros((50, 60), bool)
    mask[2:5, 3:9] = True
    found = objects((3, 2, 9, 5, 0, 0.875), masks=(encode(mask),),
                    points=np.array([[[4, 3, 0.5]]], np.float32))  # fmt: skip
    empty = ObjectsPrediction("a", names=("cat",), thresholds=(0.5,), point_names=("tip",))
    values = empty.with_objects(found).to_json()
    (one,) = values["objects"]
    assert one["box"] == [3, 2, 9, 5]
    assert one["points"] == [{"name": "tip", "x": 4.0, "y": 3.0, "score": 0.5}]
    assert one["mask"]["size"] == [50, 60]
    assert (values["width"], values["height"]) == (60, 50)
    again = from_text(to_text(found), (50, 60))
    assert again.masks == found.masks
    assert again.points is not None
    assert again.points.tolist() == [[[4, 3, 0.5]]]


def test_an_image_that_could_not_be_read() -> None:
    broken = ObjectsPrediction("a", error="damaged")
    assert broken.text == ""
    assert broken.to_json() == {"image": "a", "error": "damaged"}


def test_text_with_another_number_of_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="different numbers"):
        from_text('{"boxes":[[0,0,1,1]],"classes":[0,1],"scores":[1]}', (5, 5))
