from __future__ import annotations

from typing import Any

import pytest
import torch

from onestop.networks import build
from onestop.networks.detectors.rcnn import REGIONS, WIDTH

pytest.importorskip("timm")


def test_widths_and_regions_are_those_that_are_asked_for() -> None:
    usual = build("rcnn:timm:test_efficientnet", 2, 3, 64)
    narrow = build("rcnn16:timm:test_efficientnet", 2, 3, 64, needs={"regions": 32})
    assert usual.get_submodule("backbone").out_channels == WIDTH
    assert narrow.get_submodule("backbone").out_channels == 16
    samplers: list[Any] = [n.get_submodule("roi_heads").fg_bg_sampler for n in (usual, narrow)]
    assert [s.batch_size_per_image for s in samplers] == [REGIONS, 32]


def test_masks_and_key_points_start_undecided() -> None:
    needs = {"parts": ("boxes", "masks", "keypoints"), "points": 4}
    network = build("rcnn16:timm:test_efficientnet", 2, 3, 64, needs=needs)
    heads: Any = network.get_submodule("roi_heads")
    features = torch.randn(5, 16, 14, 14)
    with torch.inference_mode():
        masks = heads.mask_predictor(heads.mask_head(features))
        points = heads.keypoint_predictor(heads.keypoint_head(features))
    assert masks.shape == (5, 3, 28, 28)
    assert points.shape == (5, 4, 56, 56)
    assert float(masks.abs().max()) < 0.5
