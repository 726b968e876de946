from __future__ import annotations

import numpy as np
import torch

from onestop.tasks.detected import Detected, detected, mask_in_image


def found(count: int = 1, **more: object) -> Detected:
    boxes = np.tile(np.array([[10, 20, 30, 60]], np.float32), (count, 1))
    return Detected(boxes, np.zeros(count, np.int64), np.ones(count, np.float32), **more)  # type: ignore[arg-type]


def test_boxes_come_back_to_the_image_and_stay_in_it() -> None:
    objects = found().in_image((0.5, 0.5, 0.0, 10.0), (90, 50))
    assert objects.boxes.tolist() == [[20, 20, 50, 90]], "60 wide, 100 high"
    assert len(found().in_image((1.0, 1.0, 40.0, 0.0), (90, 50))) == 0, "left of the image"


def test_masks_fill_their_boxes_pixel_by_pixel() -> None:
    patch = np.zeros((4, 4), np.float16)
    patch[:, :2] = 1
    mask = mask_in_image(patch, np.array([10.0, 20, 18, 28]), (40, 40)).decode()
    assert mask[20:28, 10:14].all()
    assert mask.sum() == 8 * 4
    cut = mask_in_image(patch, np.array([-4.0, -4, 4, 4]), (40, 40)).decode()
    assert cut.sum() == 0, "its left half is outside"
    assert mask_in_image(patch, np.array([90.0, 90, 99, 99]), (40, 40)).area == 0


def test_masks_agree_with_torchvisions() -> None:
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    torch.manual_seed(0)
    patch = torch.rand(1, 1, 28, 28)
    box = torch.tensor([[13.3, 7.7, 61.2, 50.9]])
    theirs = paste_masks_in_image(patch, box, (64, 80))[0, 0].numpy() >= 0.5
    ours = mask_in_image(patch[0, 0].numpy(), box[0].numpy().astype(np.float64), (64, 80)).decode()
    assert (theirs != ours).mean() < 0.08, "torchvision rounds the box to whole pixels first"


def test_what_is_not_finite_is_left_out() -> None:
    values = {
        "boxes": torch.tensor([[0, 0, 1, 1], [0, 0, float("nan"), 1]]), "labels": torch.tensor([1, 0]),
        "scores": torch.tensor([0.5, 0.4]), "finite": torch.tensor(False),
        "masks": torch.rand(2, 1, 4, 4), "keypoints": torch.zeros(2, 3, 3),
        "keypoints_scores": torch.zeros(2, 3),
    }  # fmt: skip
    one = detected(values)
    assert one.classes.tolist() == [1]
    assert one.patches is not None
    assert one.patches.shape == (1, 4, 4)
    assert one.points is not None
    assert one.points[0, :, 2].tolist() == [0.5] * 3
    assert not one.finite
