from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from onestop.errors import UsageError
from onestop.networks import build
from onestop.networks.freezing import Freezing, rate_scales, stages
from onestop.networks.surgery import find_heads

SMALL = ["squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "resnet18", "densenet121"]


def network_of(name: str) -> tuple[nn.Module, list[str]]:
    torch.manual_seed(0)
    network = build(name, 3, 3, 64)
    return network, find_heads(network, (3, 64, 64))


def step(network: nn.Module, rate: float = 0.1) -> None:
    """A step of SGD in training mode, big enough to move everything that may move."""
    network.train()
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=rate)
    network(torch.rand(4, 3, 64, 64)).square().sum().backward()
    optimizer.step()


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.thorough
def test_a_frozen_backbone_does_not_move_nor_do_its_statistics(name: str) -> None:
    network, heads = network_of(name)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    Freezing(network, heads).freeze("backbone")
    step(network, 1e6)  # features of random weights can be tiny
    head = heads[0]
    assert changed(network, before) == {f"{head}.weight", f"{head}.bias"}


def test_frozen_batch_norm_stays_in_evaluation_through_train() -> None:
    network, heads = network_of("resnet18")
    Freezing(network, heads).freeze("backbone")
    for which in (network, copy.deepcopy(network)):
        which.train()
        norms = [m for m in which.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) == 20
        assert not any(norm.training for norm in norms)


def test_a_copy_of_a_frozen_network_is_on_its_own() -> None:
    network, heads = network_of("resnet18")
    Freezing(network, heads).freeze("backbone")
    other = copy.deepcopy(network)
    for module in other.modules():
        vars(module).pop("train", None)
    other.train()
    network.train()
    assert other.bn1.training  # type: ignore[union-attr]
    assert not network.bn1.training  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_stages_alone(count: int) -> None:
    network, heads = network_of("resnet18")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    Freezing(network, heads).freeze(str(count))
    step(network)
    moved = {name.split(".")[0] for name in changed(network, before)}
    parts = [["conv1", "bn1"], ["layer1"], ["layer2"], ["layer3"], ["layer4"]]
    assert stages(network, heads) == parts
    assert moved == {name for part in parts[count:] for name in part} | {"fc"}


def test_thawing_undoes_it_all() -> None:
    network, heads = network_of("resnet18")
    freezing = Freezing(network, heads)
    freezing.freeze("backbone")
    freezing.freeze("none")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    step(network)
    assert changed(network, before) == set(before)


@pytest.mark.parametrize(("name", "count"), [("resnet18", 3), ("squeezenet1_1", 5)])
def test_half_of_the_stages_are_the_first_ones(name: str, count: int) -> None:
    network, heads = network_of(name)
    freezing, frozen = Freezing(network, heads), []
    for what in ("half", str(count)):
        freezing.freeze(what)
        frozen.append([n for n, p in network.named_parameters() if not p.requires_grad])
    assert frozen[0] == frozen[1] != []


def test_statistics_of_batchnorm_can_be_frozen_for_good() -> None:
    network, heads = network_of("resnet18")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    freezing = Freezing(network, heads, norms=True)
    freezing.freeze("backbone")
    freezing.freeze("none")
    step(network)
    statistics = {name for name in before if "running" in name or "tracked" in name}
    assert changed(network, before) == set(before) - statistics
    copied = copy.deepcopy(network).train()
    assert not any(m.training for m in copied.modules() if isinstance(m, nn.BatchNorm2d))


def test_what_cannot_be_frozen_is_refused() -> None:
    network, heads = network_of("resnet18")
    for what in ("0", "6", "third", "-1"):
        with pytest.raises(
            UsageError, match=rf"--freeze {what}: use none, backbone, half, or 1 to 5 \(the stages"
        ):
            Freezing(network, heads).freeze(what)


def test_early_stages_learn_slower() -> None:
    network, heads = network_of("resnet18")
    scales = rate_scales(network, heads, backbone=0.1, layer_decay=0.5)
    assert scales["fc.weight"] == 1.0
    assert scales["layer4.0.conv1.weight"] == pytest.approx(0.05)
    assert scales["layer1.0.conv1.weight"] == pytest.approx(0.1 * 0.5**4)
    assert scales["conv1.weight"] == scales["bn1.weight"] == pytest.approx(0.1 * 0.5**5)
    assert set(scales) == {name for name, _ in network.named_parameters()}


def test_stages_of_a_network_without_any() -> None:
    network = build("lenet5", 10)
    assert stages(network, ["fc3"]) == [["conv1"], ["conv2"], ["fc1"], ["fc2"]]


def test_what_the_user_froze_stays_frozen() -> None:
    network, heads = network_of("resnet18")
    network.conv1.requires_grad_(False)
    freezing = Freezing(network, heads)
    freezing.freeze("backbone")
    freezing.thaw()
    still = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert still == ["conv1.weight"]
