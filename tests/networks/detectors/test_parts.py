from __future__ import annotations

import pytest
import torch
from torch import nn

from onestop.networks.detectors.parts import anchor_generator, replace_first


def test_a_first_convolution_for_other_channels_gives_grey_images_the_same() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU())
    grey = torch.rand(1, 1, 8, 8)
    before = network(grey.expand(1, 3, 8, 8))
    replace_first(network, 1)
    assert torch.allclose(network(grey), before, atol=1e-6)


@pytest.mark.parametrize("anchors", [{}, {"smallest": 10.0, "ratios": [1.0]}])
def test_a_level_has_anchors_of_three_sizes(anchors: dict[str, float]) -> None:
    made = anchor_generator(anchors, (8, 16, 32))
    assert len(made.sizes) == 3
    assert made.num_anchors_per_location() == [9 if not anchors else 3] * 3
