from __future__ import annotations

import pytest
import torch

from onestop.errors import ArchitectureError
from onestop.networks.detectors.trunk import trunk_of


@pytest.mark.parametrize("name", ["squeezenet1_1", "timm:test_resnet", "timm:test_convnext"])
def test_feature_maps_are_the_last_of_falling_resolution(name: str) -> None:
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    network, channels, strides = trunk_of(name, 3, 128)
    with torch.inference_mode():
        maps = list(network.eval()(torch.randn(1, 3, 128, 128)).values())
    assert [m.shape[1] for m in maps] == channels
    assert strides == sorted(strides)
    assert 2 <= len(maps) <= 3
    assert strides[-1] == pytest.approx(128 / maps[-1].shape[-1], rel=0.2)


@pytest.mark.parametrize("name", ["vit_b_16"])
@pytest.mark.thorough
def test_networks_without_feature_maps_are_refused(name: str) -> None:
    with pytest.raises(ArchitectureError, match="has no feature maps of falling resolution"):
        trunk_of(name, 3, 224)
