"""Own networks give what others' layers give with the same weights: torchvision's where it has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, GoogLeNet, Inception
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops import Conv2dNormActivation

from onestop.networks import build
from onestop.networks.wide_resnet import WideBlock

CLASSES = 7
LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def surprise(network: nn.Module) -> None:
    """Random statistics, scales and shifts, so that a layer left out or swapped is noticed."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)


@torch.no_grad()
def copy_layers(source: nn.Module, target: nn.Module) -> None:
    """Copy weights layer by layer, in order; a bias that the source lacks is zero."""
    ours = [module for module in source.modules() if isinstance(module, LAYERS)]
    theirs = [module for module in target.modules() if isinstance(module, LAYERS)]
    for own, other in zip(ours, theirs, strict=True):
        assert isinstance(own, type(other))
        if own.bias is None and other.bias is not None:
            nn.init.zeros_(other.bias)
        other.load_state_dict(own.state_dict(), strict=own.bias is not None)


def alexnet() -> nn.Module:
    network = models.alexnet(num_classes=CLASSES)
    network.features[0].padding = (5, 5)
    for place in (2, 5, 12):
        network.features[place] = nn.MaxPool2d(2)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(256, CLASSES)
    return network  # type: ignore[no-any-return]


def vgg(name: str) -> nn.Module:
    network = models.get_model(name, num_classes=CLASSES)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(512, CLASSES)
    return network  # type: ignore[no-any-return]


def googlenet() -> nn.Module:
    network = GoogLeNet(CLASSES, aux_logits=False, init_weights=False)
    network.conv1 = BasicConv2d(3, 192, kernel_size=3, padding=1)
    for name in ("maxpool1", "conv2", "conv3", "maxpool2"):
        setattr(network, name, nn.Identity())
    network.maxpool3 = network.maxpool4 = nn.MaxPool2d(3, 2, padding=1)
    network.avgpool = nn.AvgPool2d(7, 1)
    network.fc = nn.Linear(4096, CLASSES)
    for module in network.modules():
        if isinstance(module, Inception):
            width = module.branch3[1].conv.out_channels
            module.branch3.append(BasicConv2d(width, width, kernel_size=3, padding=1))
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    return network  # type: ignore[no-any-return]


def small_stem(network: ResNet) -> nn.Module:
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network  # type: ignore[no-any-return]


def resnet(name: str) -> nn.Module:
    return small_stem(models.get_model(name, num_classes=CLASSES))


def resnext(groups: int) -> nn.Module:
    network = ResNet(Bottleneck, [3, 3, 3, 1], CLASSES, groups=groups, width_per_group=64)
    network.layer4 = nn.Identity()
    network.fc = nn.Linear(1024, CLASSES)
    return small_stem(network)


def densenet(growth: int, counts: tuple[int, ...]) -> nn.Module:
    network = models.DenseNet(growth, counts, 2 * growth, num_classes=CLASSES)
    network.features.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(network.features, name, nn.Identity())
    return network  # type: ignore[no-any-return]


def mobilenet() -> nn.Module:
    network = models.mobilenet_v2(num_classes=CLASSES)
    network.features[0][0].stride = (1, 1)
    network.features[2].conv[1][0].stride = (1, 1)
    return network  # type: ignore[no-any-return]


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "alexnet_small": alexnet,
    **{f"vgg{n}_small": partial(vgg, f"vgg{n}") for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn_small": partial(vgg, f"vgg{n}_bn") for n in (11, 13, 16, 19)},
    "googlenet_small": googlenet,
    **{f"resnet{n}_small": partial(resnet, f"resnet{n}") for n in (18, 34, 50)},
    "resnext29_8x64d": partial(resnext, 8),
    "resnext29_2x64d": partial(resnext, 2),
    "densenet_bc_100_12": partial(densenet, 12, (16, 16, 16)),
    "densenet121_small": partial(densenet, 32, (6, 12, 24, 16)),
    "mobilenet_v2_small": mobilenet,
}


def outputs_agree(own: nn.Module, other: nn.Module, size: int) -> None:
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        ours, theirs = own.eval()(images), other.eval()(images)
    assert ours.std() > 1e-3  # it says something at all
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize(("name", "other"), OTHERS.items(), ids=OTHERS)
def test_same_outputs_as_torchvisions(name: str, other: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    network = build(name, CLASSES)
    surprise(network)
    with torch.device("meta"):
        theirs = other()
    theirs.to_empty(device="cpu")  # not initialised: what is not copied would be seen
    copy_layers(network, theirs)
    size = 32 if name.startswith(("alexnet", "vgg", "googlenet")) else 16
    outputs_agree(network, theirs, size)


@pytest.mark.parametrize("name", ["resnet20", "resnet32"])
def test_option_a_is_a_projection_that_copies(name: str) -> None:
    """As torchvision's blocks, with 1x1 convolutions for shortcuts that copy each channel."""
    torch.manual_seed(0)
    network = build(name, CLASSES)
    surprise(network)
    count = (int(name.removeprefix("resnet")) - 2) // 6
    blocks = [BasicBlock(16, 16) for _ in range(count)]
    for width in (16, 32):
        blocks.append(BasicBlock(width, 2 * width, stride=2))
        blocks += [BasicBlock(2 * width, 2 * width) for _ in range(count - 1)]
    other = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )
    copy_layers(network, other)
    for block in blocks:
        if block.stride == 2:
            width = block.conv1.in_channels
            block.downsample = nn.Conv2d(width, 2 * width, 1, stride=2, bias=False)
            nn.init.eye_(block.downsample.weight[:, :, 0, 0].detach())
    outputs_agree(network, other, 19)


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


@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
def test_wide_block_as_in_the_paper(inputs: int, stride: int) -> None:
    """BN-ReLU-conv twice; the shortcut is the input, or a projection of the first BN-ReLU."""
    torch.manual_seed(0)
    block = WideBlock(inputs, 8, stride).eval()
    surprise(block)
    x = torch.randn(2, inputs, 9, 9)
    with torch.inference_mode():
        first, second = block.norm1, block.conv2[0]
        assert isinstance(second, nn.BatchNorm2d)
        active = F.relu(first(x))
        body = F.conv2d(active, block.conv1.weight, stride=stride, padding=1)
        body = F.conv2d(F.relu(second(body)), block.conv2[2].weight, padding=1)  # type: ignore[arg-type]
        skip = x
        if (inputs, stride) != (8, 1):
            assert block.projection is not None
            skip = F.conv2d(active, block.projection.weight, stride=stride)
        torch.testing.assert_close(block(x), body + skip)
