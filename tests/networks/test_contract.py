"""One contract for every network: our own, torchvision's, and one or more of each family of timm's.

Two tests a network. `test_by_shapes` needs no numbers and runs on the "meta" device, where tensors
have shapes only; `test_by_numbers` computes, with small images. `make test` runs both for our own
networks, but for those that are only deeper than another, and a sample of the others;
`make test-quick` for a few, `make test-all` for all of them.
Networks too large to compute with here (`HUGE`) are held to the part by shapes alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from onestop.errors import UsageError
from onestop.networks import build, count_parameters, find, make, torchvision_zoo
from onestop.networks.airbench import Airbench
from onestop.networks.catalog import OWN
from onestop.networks.freezing import Freezing, stages
from onestop.networks.meta import LayersOnly
from onestop.networks.surgery import find_heads, replace_channels, replace_head
from onestop.networks.trace import run_on_shapes
from onestop.storage.model_file import load_weights, write_weights
from onestop.tasks import Classification
from tests.losses import batch_of
from tests.networks.contract_lists import (
    COLOUR_ONLY,
    FAST,
    FAST_BY_SHAPES_ONLY,
    HAS_NO_HEAD,
    HUGE,
    IMAGES,
    KEEPS_ITS_CHANNELS,
    MAY_BE_IDLE,
    MUST_BE_COVERED,
    OUTPUTS_IN_TRAINING,
    QUICK,
    REFUSES_ODD_SIZES,
    ROUNDS_UP,
    SIZES,
    TIMM,
    TORCHVISION,
    TRIES,
)

CLASSES = ("a", "b", "c", "d", "e", "f", "g")
K = len(CLASSES)
FEWER = 5  # classes of a new head


@pytest.mark.parametrize(
    "name",
    [
        *IMAGES,
        *(pytest.param(n, marks=pytest.mark.thorough) for n in TORCHVISION if n not in HUGE),
    ],
)
def test_depthwise_convolutions_are_known_without_looking(name: str) -> None:
    with LayersOnly():
        network = build(name, K)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert find(name).depthwise == any(1 < m.groups == m.in_channels for m in convolutions)


def _networks(fast: set[str]) -> pytest.MarkDecorator:
    """A parameter a network, marked by how long it takes; those of timm may be missing."""
    no_timm = pytest.mark.skipif(
        importlib.util.find_spec("timm") is None, reason="the extra `timm` is not installed"
    )
    parameters = [
        pytest.param(
            name,
            marks=[
                *[pytest.mark.slow] * (name not in fast),
                *[pytest.mark.thorough] * (name not in QUICK),
                *[no_timm] * name.startswith("timm:"),
            ],
        )
        for name in [*IMAGES, *TORCHVISION, *TIMM]
    ]
    return pytest.mark.parametrize("name", parameters)


@_networks(FAST)
def test_by_shapes(name: str) -> None:
    check_channels_and_sizes(name)
    check_parameters(name)
    check_smallest_size(name)
    check_other_channels(name)
    check_multiply_adds(name)


@_networks(FAST - FAST_BY_SHAPES_ONLY)
def test_by_numbers(name: str, tmp_path: Path) -> None:
    if name in HUGE:
        pytest.skip(f"{name} has {HUGE[name]}: by shapes only")
    torch.manual_seed(0)
    size, shape = size_of(name), shape_of(name, size_of(name))
    check_smallest_image(name)
    network = build(name, K, image_size=size)
    check_every_parameter_learns(network, shape, MAY_BE_IDLE.get(name, ""))
    check_saved_and_loaded(network, build(name, K, image_size=size), shape, tmp_path)
    if name in HAS_NO_HEAD:
        with pytest.raises(UsageError, match=f"has no last layer with {K} outputs"):
            find_heads(network, shape)
        return
    heads = find_heads(network, shape)
    check_a_new_head(name, network, heads, shape)
    check_frozen_backbone(network, heads, shape)
    check_frozen_stage(network, heads, shape)


def check_channels_and_sizes(name: str) -> None:
    """Any number of channels and an odd size, unless tables are in the way."""
    size = max(size_of(name), 33) | 1
    refused = refusal(name, size)
    assert bool(refused) == (name in REFUSES_ODD_SIZES), refused
    if refused and name in TORCHVISION:
        unit = find(name).min_size
        assert f"--image-size {size // unit * unit} or {(size // unit + 1) * unit}" in refused
        # Rightly refused: it does not work without our door either.
        with pytest.raises((RuntimeError, ValueError, AssertionError, UsageError)):
            run_on_shapes(torchvisions_own(name, size), (3, size, size))
    if refused:
        size = size_of(name)
    for channels in (1, 4) if name not in HUGE else (1, 3, 4):  # three are computed
        if name in COLOUR_ONLY:
            with pytest.raises(UsageError, match=f"does not work with {channels}x{size}x{size} "):
                by_shapes(name, channels, size)
            continue
        network, shape = by_shapes(name, channels, size), (channels, size, size)
        assert run_on_shapes(network, shape).shape == (2, K)


def check_parameters(name: str) -> None:
    """As many as published; the catalogue counts our own with ten classes."""
    entry = find(name)
    network = by_shapes(name, classes=10 if name in OWN else 1000)
    if entry.origin == "timm":
        import timm

        with LayersOnly():
            theirs = timm.create_model(name.removeprefix("timm:"), num_classes=1000)
        assert count_parameters(network) == count_parameters(theirs)
        return
    counted = [
        parameter.numel()
        for key, parameter in network.named_parameters()
        # torchvision counts Inception v3's auxiliary classifier, but not GoogLeNet's two.
        if name != "googlenet" or not key.startswith("aux")
    ]
    assert sum(counted) == entry.parameters


def check_smallest_size(name: str) -> None:
    """One pixel less is refused, and would not work."""
    least = find(name).min_size
    if name in HUGE and least > 1:  # the others are computed
        for training in (False, True):
            run_on_shapes(by_shapes(name, None, least), shape_of(name, least), training=training)
    if name.startswith("timm:") and least == 1:
        refusal(name, 1)  # timm states no least size: it works, or is refused in one line
    if least > 1:
        assert f"it needs {least} or more" in refusal(name, least - 1)
    if least > 1 and not name.startswith("timm:") and name not in ROUNDS_UP:
        with pytest.raises((RuntimeError, UserWarning, UsageError)):
            run_on_shapes(behind_the_door(name, least - 1), shape_of(name, least - 1))


def check_other_channels(name: str) -> None:
    """A finished network is given other channels; torchvision's are built that way."""
    if not name.startswith("timm:"):
        return
    size = size_of(name)
    network = by_shapes(name, None, size)
    if name in KEEPS_ITS_CHANNELS:
        with pytest.raises(UsageError, match="its first layer is not a plain convolution"):
            replace_channels(network, 4, shape_of(name, size))
        return
    replace_channels(network, 4, shape_of(name, size))
    assert run_on_shapes(network, (4, size, size)).shape == (2, K)


def check_multiply_adds(name: str) -> None:
    """As many as torchvision published."""
    if name not in TORCHVISION:
        return
    size = find(name).image_size
    network = by_shapes(name, 3, size, classes=1000).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    ours = counter.get_total_flops() / 2
    published = find(name).multiply_adds  # rounded to millions
    assert ours == pytest.approx(published, rel=0.01, abs=0.5e6)


def check_smallest_image(name: str) -> None:
    """With numbers too: some layers accept shapes that they cannot compute with."""
    if name.startswith("timm:"):
        return  # none is stated
    least = find(name).min_size
    network = build(name, K, image_size=least)
    images = torch.randn(2, *shape_of(name, least))
    network.train()(images)
    outputs = network.eval()(images)
    assert outputs.shape == (2, K)
    assert outputs.isfinite().all()


def check_every_parameter_learns(network: nn.Module, shape: tuple[int, ...], but: str) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():  # what multiplies by zero at first lets no gradient through
                parameter.uniform_(-0.1, 0.1)
    fixed = {key for key, parameter in network.named_parameters() if not parameter.requires_grad}
    assert not fixed or isinstance(network, Airbench)  # whose paper says which are not trained
    images, targets = a_batch(shape)
    network.train()
    for _ in range(TRIES):
        Classification(CLASSES).loss(network, batch_of(images, targets)).total.backward()
        gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
        idle = {
            key for key, gradient in gradients.items() if gradient is None or not gradient.any()
        }
        idle -= fixed
        if not idle:
            break
    assert {key for key in idle if not but or not key.endswith(but)} == set()
    assert all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)
    network.zero_grad()


def check_saved_and_loaded(
    network: nn.Module, fresh: nn.Module, shape: tuple[int, ...], folder: Path
) -> None:
    write_weights(folder / "weights.safetensors", network)
    load_weights(fresh, folder / "weights.safetensors")
    (folder / "weights.safetensors").unlink()  # all of them together are many gigabytes
    images = torch.randn(2, *shape)
    with torch.no_grad():
        assert torch.equal(network.eval()(images), fresh.eval()(images))


def check_a_new_head(
    name: str, network: nn.Module, heads: list[str], shape: tuple[int, ...]
) -> None:
    """Nothing else changes, so the new head sees what the old one saw, bit for bit."""
    images = torch.randn(2, *shape)
    before, seen = copies(network), seen_by(network, heads, images)
    assert replace_head(network, FEWER, shape) is network
    assert changed(network, before) == tensors_in(network, heads)
    assert all(map(torch.equal, seen, seen_by(network, heads, images)))
    assert network(images).shape == (2, FEWER)
    in_training = [output.shape for output in logits_of(network.train()(images))]
    assert in_training == [(2, FEWER)] * OUTPUTS_IN_TRAINING.get(name, 1)


def check_frozen_backbone(network: nn.Module, heads: list[str], shape: tuple[int, ...]) -> None:
    """Neither momentum nor weight decay nor BatchNorm's statistics move it."""
    freezing = Freezing(network, heads)
    freezing.freeze("backbone")
    before = copies(network)
    step(network, shape)
    assert changed(network, before) == tensors_in(network, heads)
    freezing.thaw()


def check_frozen_stage(network: nn.Module, heads: list[str], shape: tuple[int, ...]) -> None:
    """The first stage and what lies outside of all stages stay, every later stage learns."""
    later = stages(network, heads)[1:]
    freezing = Freezing(network, heads)
    freezing.freeze("1")
    before = copies(network)
    step(network, shape)
    moved = changed(network, before)
    assert moved <= tensors_in(network, [name for part in [*later, heads] for name in part])
    assert [part for part in [*later, heads] if not moved & tensors_in(network, part)] == []
    freezing.thaw()


def by_shapes(
    name: str, channels: int | None = None, size: int | None = None, classes: int = K
) -> nn.Module:
    with LayersOnly():
        return build(name, classes, channels, size)


def behind_the_door(name: str, size: int) -> nn.Module:
    """A network for images of a size that `build` refuses."""
    with LayersOnly():
        if name in TORCHVISION:
            return torchvision_zoo.build(name, K, size)
        return make(OWN[name], K, OWN[name].channels, size)


def torchvisions_own(name: str, size: int) -> nn.Module:
    with LayersOnly():
        options: dict[str, Any] = {"image_size": size}
        if name.startswith("maxvit"):
            options = {"input_size": (size, size)}
        network = models.get_model(name, **options)
        assert isinstance(network, nn.Module)
        return network


def refusal(name: str, size: int) -> str:
    """What `build` says against images of a size, in one line; empty where it takes them."""
    try:
        by_shapes(name, None, size)
    except UsageError as error:
        message = str(error)
        assert message.startswith(f"{name}: ")
        assert any(place in message for place in (f" {size} pixels", f"not {size};", f"x{size} "))
        assert "\n" not in message
        return message
    return ""


def size_of(name: str) -> int:
    """A small size to compute with."""
    least = find(name).min_size
    return SIZES.get(name) or (max(least, 5) | 1 if name in OWN else max(least, 64))


def shape_of(name: str, size: int) -> tuple[int, int, int]:
    return (find(name).channels, size, size)


def a_batch(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    count = 4 if shape[-1] < 128 else 2
    return torch.randn(count, *shape), torch.tensor([0, 3, 2, 3])[:count]


def logits_of(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs]
    return [outputs.logits] if hasattr(outputs, "loss") else list(outputs)


def seen_by(network: nn.Module, heads: list[str], images: Tensor) -> list[Tensor]:
    """The inputs of the heads in evaluation mode."""
    seen: list[Tensor] = []
    handles = [
        network.get_submodule(head).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        for head in heads
    ]
    with torch.no_grad():
        network.eval()(images)
    for handle in handles:
        handle.remove()
    assert seen
    return seen


def step(network: nn.Module, shape: tuple[int, ...]) -> None:
    """A step of training, big enough to move all that may move."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1, momentum=0.9, weight_decay=0.1)
    images, targets = a_batch(shape)
    Classification(CLASSES).loss(network.train(), batch_of(images, targets)).total.backward()
    optimizer.step()
    optimizer.zero_grad()


def copies(network: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def changed(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {key for key, now in network.state_dict().items() if not torch.equal(now, before[key])}


def tensors_in(network: nn.Module, modules: Iterable[str]) -> set[str]:
    return {
        key for key in network.state_dict() if any(key.startswith(f"{name}.") for name in modules)
    }


def test_systems_in_the_list_are_covered() -> None:
    covered = {*IMAGES, *TORCHVISION, *TIMM}
    assert covered >= set(MUST_BE_COVERED.split())
    assert covered >= FAST >= QUICK
    for names in (
        HUGE,
        REFUSES_ODD_SIZES,
        KEEPS_ITS_CHANNELS,
        COLOUR_ONLY,
        HAS_NO_HEAD,
        SIZES,
        ROUNDS_UP,
    ):
        assert covered >= set(names)


@pytest.mark.thorough
def test_every_family_of_timm_is_covered() -> None:
    timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")
    covered = {
        module for module in timm.list_modules()
        if any(f"timm:{name}" in TIMM for name in timm.list_models(module=module))
    }  # fmt: skip
    assert covered == set(timm.list_modules())


def test_no_name_hides_one_of_torchvisions() -> None:
    assert not OWN.keys() & set(TORCHVISION)
