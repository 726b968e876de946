from __future__ import annotations

from collections import Counter

import numpy as np

from onestop.data.box_faults import box_faults


def faults(*boxes: tuple[float, float, float, float], names: str = "") -> Counter[str]:
    table = np.array(boxes, np.float32).reshape(-1, 4)
    kinds = box_faults(table, list(names or "a" * len(boxes)), (100, 200))
    return Counter(kind for kind, _ in kinds)


def test_sound_boxes_have_none() -> None:
    assert not faults((0, 0, 20, 20), (30, 30, 60, 60), (25, 25, 60, 60))
    assert not faults()


def test_boxes_that_are_tiny_or_the_whole_picture() -> None:
    assert faults((5, 5, 7, 40), (0, 0, 200, 100)) == {
        "boxes under 3 pixels": 1, "boxes of the whole picture": 1
    }  # fmt: skip


def test_boxes_that_are_drawn_twice_or_have_two_classes() -> None:
    same = [(10, 10, 60, 60), (10, 10, 60, 61)]
    assert faults(*same) == {"boxes drawn twice": 1}
    assert faults(*same, names="ab") == {"boxes of two classes": 1}
    (fault,) = box_faults(np.array(same, np.float32), ["a", "b"], (100, 200))
    assert fault == ("boxes of two classes", "object 1 (a) and object 2 (b)")
