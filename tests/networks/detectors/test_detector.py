from __future__ import annotations

import pytest
import torch

from onestop.errors import ModelFileError
from onestop.networks import build
from onestop.networks.partial_load import start

pytest.importorskip("timm")
NAME = "rcnn16:timm:test_efficientnet"


def test_weights_of_a_classifier_go_into_the_backbone_and_freeze_its_norms() -> None:
    torch.manual_seed(0)
    classifier = build("timm:test_efficientnet", 1000, 3, 64)
    network = build(NAME, 2, 3, 64)
    filled = start(network, classifier.state_dict(), "file", (), ("a", "b"))
    body = network.get_submodule("backbone.body").state_dict()
    own = classifier.state_dict()
    assert all(torch.equal(body[name], own[name]) for name in filled.loaded)
    assert len(filled.loaded) > 20
    assert network.frozen_norms
    assert "rpn" in network.head_names()  # type: ignore[operator]


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelFileError, match="for another network"):
        start(build(NAME, 2, 3, 64), build("lenet5", 10).state_dict(), "file", (), ())


def test_only_padding_happens_inside() -> None:
    network = build(NAME, 2, 3, 64)
    images, _ = network.get_submodule("transform")([torch.ones(3, 70, 64)] * 2)
    assert images.tensors.shape == (2, 3, 96, 64)
    assert images.image_sizes == [(70, 64)] * 2
    assert float(images.tensors[:, :, 70:].abs().sum()) == 0
    assert float(images.tensors[:, :, :70].mean()) == 1, "not normalised again"
