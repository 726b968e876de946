from __future__ import annotations

import numpy as np

from onestop.data.writers.coco import coco_of
from onestop.data.writers.pictures import Picture, Scheme
from onestop.metrics.objects import ImageObjects


def test_predicted_objects_have_scores_and_ids_from_one() -> None:
    boxes = np.array([[1, 2, 4, 8], [0, 0, 9.5, 9]], np.float32)
    found = ImageObjects((20, 10), boxes, np.array([1, 0]), np.array([0.75, 0.5], np.float32))
    values = coco_of([Picture("a.png", found), Picture("b.png", ImageObjects((5, 5)))],
                     Scheme(["cat", "dog"]), scores=True)  # fmt: skip
    assert values["images"] == [
        {"id": 1, "file_name": "a.png", "width": 10, "height": 20},
        {"id": 2, "file_name": "b.png", "width": 5, "height": 5},
    ]
    assert values["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert values["annotations"][0] == {
        "id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 6], "area": 18, "iscrowd": 0,
        "score": 0.75,
    }  # fmt: skip
    assert [row["id"] for row in values["annotations"]] == [1, 2]
