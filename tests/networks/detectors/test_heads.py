from __future__ import annotations

import pytest
import torch
from torchvision.models.detection import faster_rcnn

from onestop.networks.detectors.heads import coco_names, keep_rows, named_as


def predictor(classes: int) -> torch.nn.ModuleDict:
    torch.manual_seed(classes)
    box = faster_rcnn.FastRCNNPredictor(8, classes + 1)
    return torch.nn.ModuleDict({"roi_heads": torch.nn.ModuleDict({"box_predictor": box})})


def test_rows_of_classes_with_the_same_name_are_kept() -> None:
    theirs, ours = ("cat", "dog", "N/A", "cow"), ("cow", "bird", "cat")
    network, weights = predictor(3), predictor(4).state_dict()
    kept = keep_rows(network, weights, theirs, ours)
    name = "roi_heads.box_predictor.cls_score.weight"
    own = network.state_dict()[name]
    assert torch.equal(kept[name][[0, 1, 3]], weights[name][[0, 4, 1]])
    assert torch.equal(kept[name][2], own[2]), "a bird is new"
    boxes = "roi_heads.box_predictor.bbox_pred.weight"
    assert torch.equal(kept[boxes].view(4, 4, 8)[1], weights[boxes].view(5, 4, 8)[4])


def test_without_names_a_last_layer_of_another_shape_is_new() -> None:
    kept = keep_rows(predictor(3), predictor(4).state_dict(), (), ())
    assert kept == {}
    same = keep_rows(predictor(4), predictor(4).state_dict(), (), ())
    assert len(same) == 4


def test_ninety_rows_are_cocos() -> None:
    names = named_as(predictor(90).state_dict(), ())
    assert names == coco_names()
    assert (names[0], names[11], len(names)) == ("person", "N/A", 90)
    assert named_as(predictor(7).state_dict(), ()) == ()
    assert named_as({}, ("a",)) == ("a",)


def test_background_is_no_class() -> None:
    assert "__background__" not in coco_names()
    with pytest.raises(ValueError, match="not in list"):
        list(coco_names()).index("__background__")
