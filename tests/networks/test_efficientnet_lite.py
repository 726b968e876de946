"""EfficientNet-Lite: timm's networks of the same names, padded as TensorFlow does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from onestop.networks import build, find
from onestop.networks.blocks import SameConv
from onestop.networks.efficientnet_lite import GROUPS
from tests.networks.comparing import shapes, surprise


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(5))
def test_same_names_and_outputs_as_timms(number: int) -> None:
    timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")
    name = f"tf_efficientnet_lite{number}"
    own, other = build(name, 7).eval(), timm.create_model(name, num_classes=7).eval()
    surprise(other)
    own.load_state_dict(other.state_dict())
    assert list(own.state_dict()) == list(other.state_dict())
    for size in (64, 75):
        images = torch.rand(2, 3, size, size)
        with torch.inference_mode():
            assert torch.equal(own(images), other(images))


def test_symmetric_padding_is_another_network() -> None:
    """At even sizes the strided convolutions see other pixels: seven points of accuracy."""
    torch.manual_seed(0)
    network = build("tf_efficientnet_lite0", 7).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        right = network(images)
        for module in network.modules():
            if isinstance(module, SameConv):
                module.__class__ = nn.Conv2d  # type: ignore[assignment]
                module.padding = (module.kernel_size[0] // 2,) * 2
        wrong = network(images)
    assert right.shape == wrong.shape
    assert not torch.allclose(right, wrong, rtol=1e-2)


def test_each_group_has_the_shape_that_the_source_states() -> None:
    found, side = shapes("tf_efficientnet_lite0"), 112
    assert found["conv_stem"] == [32, side, side]
    for number, (_, channels, _, stride, _) in enumerate(GROUPS):
        side //= stride
        assert found[f"blocks.{number}"] == [channels, side, side]
    assert found["conv_head"] == [1280, 7, 7]


def test_a_new_head_for_two_classes_starts_near_the_loss_of_chance() -> None:
    torch.manual_seed(0)
    head = build("tf_efficientnet_lite0", 2).get_submodule("classifier")
    assert isinstance(head, nn.Linear)
    outputs = head(torch.relu(torch.randn(64, 1280)).clamp(max=6))
    loss = nn.functional.cross_entropy(outputs, torch.randint(0, 2, (64,)))
    assert loss < 1.0


def test_the_larger_ones_take_larger_images() -> None:
    sizes = [find(f"tf_efficientnet_lite{number}").image_size for number in range(5)]
    assert sizes == [224, 240, 260, 300, 380]
