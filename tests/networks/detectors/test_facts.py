from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.networks.detectors.facts import (
    frozen_stages,
    is_detector,
    is_new,
    known_sigmas,
    losses_of,
    parts_of,
    plain,
    sizes_of,
    stretches,
)

ALL = {"masks": True, "keypoints": True}


def test_what_a_name_tells() -> None:
    assert is_detector("rcnn:resnet18")
    assert is_detector("torchvision:FCOS_resnet50_fpn")
    assert not is_detector("resnet18")
    assert plain("FasterRCNN-resnet50-fpn") == "fasterrcnn_resnet50_fpn"
    assert plain("rcnn:timm:Some_Net") == "rcnn:timm:Some_Net"
    assert is_new("rcnn:resnet18")
    assert not is_new("ssd300_vgg16")
    assert sizes_of("rcnn:resnet18") == (320, 64)
    assert sizes_of("ssd300_vgg16") == (300, 300)
    assert stretches("ssdlite320_mobilenet_v3_large")
    assert not stretches("fcos_resnet50_fpn")
    assert frozen_stages("rcnn:resnet18") == "2"


def test_parts_are_those_of_data_and_network() -> None:
    assert parts_of("rcnn:resnet18", ALL) == ("boxes", "masks", "keypoints")
    assert parts_of("rcnn:resnet18", {}) == ("boxes",)
    assert parts_of("fasterrcnn_resnet50_fpn", ALL) == ("boxes",)
    assert parts_of("maskrcnn_resnet50_fpn", ALL) == ("boxes", "masks")
    with pytest.raises(UsageError, match="learns masks, which these data do not have"):
        parts_of("maskrcnn_resnet50_fpn", {})


def test_sigmas_are_known_of_people_only() -> None:
    from onestop.networks.detectors.table import PERSON_POINTS

    assert known_sigmas(PERSON_POINTS)[0] == 0.026
    assert len(known_sigmas([name.replace("_", " ").title() for name in PERSON_POINTS])) == 17
    assert known_sigmas(["a", "b"]) == ()


def test_losses() -> None:
    assert losses_of("retinanet_resnet50_fpn", ("boxes",)) == ("loss_class", "loss_box")
    assert losses_of("fcos_resnet50_fpn", ("boxes",))[-1] == "loss_centre"
    assert losses_of("rcnn:resnet18", ("boxes", "masks"))[2] == "loss_mask"
