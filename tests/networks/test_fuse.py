"""BatchNorm folded away: the same outputs but for rounding, and nothing folded that must not be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from onestop.networks import build
from onestop.networks.fuse import Folding


def with_statistics(network: nn.Module) -> nn.Module:
    """Every BatchNorm at numbers that would show if they were lost."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            if module.running_mean is not None and module.running_var is not None:
                nn.init.uniform_(module.running_mean, -0.1, 0.1)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "size", "left"),
    [
        ("resnet18", 64, 0),
        ("resnet20", 32, 0),
        ("mobilenet_v3_small", 64, 0),
        ("squeezenet1_1", 64, 0),
        ("googlenet_small", 33, 0),
        # BatchNorm before the convolution, on what several layers made: most of it has to stay.
        ("densenet_bc_100_12", 32, 51),
        ("vgg11_bn_small", 32, 0),
        ("shufflenet_v2_x0_5", 64, 0),
        ("tf_efficientnet_lite0", 64, 0),
    ],
)
def test_outputs_stay_the_same(name: str, size: int, left: int) -> None:
    torch.manual_seed(0)
    network = with_statistics(build(name, 7, 3, size))
    images = torch.rand(3, 3, size, size)
    folding = Folding(network.train(), (3, size, size))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fast = folding(network)
    assert norms(fast) == left
    with torch.inference_mode():
        wanted, got = network.eval()(images), fast(images)
    assert torch.allclose(got, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_without_batchnorm_nothing_is_copied() -> None:
    network = build("lenet5", 10)
    assert Folding(network, (1, 32, 32))(network) is network


class Twice(nn.Module):
    """What the convolution makes goes two ways; the last BatchNorm is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.again, self.shared = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.own = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))
        self.last = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = self.conv(images)
        both = self.norm(made) + made
        both = self.shared(self.again(both)) + self.shared(self.again(both + 1))
        return self.last(self.own(both)).mean((2, 3))  # type: ignore[no-any-return]


def test_only_what_nothing_else_sees_is_folded() -> None:
    network = with_statistics(Twice())
    folding = Folding(network, (3, 8, 8))
    assert folding.pairs == [("last.0", "last.1")]
    images = torch.rand(2, 3, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(folding(network)(images), network(images), atol=1e-5)


def test_timms_batchnorm_keeps_its_activation() -> None:
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    network = with_statistics(build("timm:test_efficientnet", 5, 3, 64))
    fast = Folding(network, (3, 64, 64))(network)
    assert norms(fast) == 0
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(fast(images), network(images), atol=1e-4)
