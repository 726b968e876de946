"""ResNet-9 as David Page lists it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from onestop.networks import build
from tests.networks.comparing import CLASSES, copy_layers, outputs_agree, shapes, surprise


class PagesNetwork(nn.Module):
    """Layer by layer as David Page lists them."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 64), (64, 128), (128, 128), (128, 128), (128, 256), (256, 512))
        convs = [Conv2dNormActivation(i, o, 3) for i, o in (*widths, (512, 512), (512, 512))]
        self.convs = nn.ModuleList(convs)
        self.linear = nn.Linear(512, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        prep, layer1, first, second, layer2, layer3, third, fourth = self.convs
        x = F.max_pool2d(layer1(prep(x)), 2)
        x = x + second(first(x))
        x = F.max_pool2d(layer3(F.max_pool2d(layer2(x), 2)), 2)
        x = x + fourth(third(x))
        return 0.125 * self.linear(F.max_pool2d(x, x.shape[-1]).flatten(1))  # type: ignore[no-any-return]


def test_resnet9_is_pages() -> None:
    torch.manual_seed(0)
    network, other = build("resnet9", CLASSES), PagesNetwork()
    surprise(network)
    copy_layers(network, other)
    outputs_agree(network, other, 32)


def test_each_stage_has_the_shape_that_the_source_states() -> None:
    found = shapes("resnet9")
    assert [found[name] for name in ("stem", "stage1", "stage2", "stage3")] == [
        [64, 32, 32], [128, 16, 16], [256, 8, 8], [512, 4, 4],
    ]  # fmt: skip
