"""One contract for detectors: built, gradients, frozen, saved and loaded equal, too small refused.

torchvision's with small inputs; `test_torchvisions` computes with all of them in `make test-all`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import build, count_parameters, entries, find, release
from onestop.networks.detectors.detector import Detector
from onestop.networks.detectors.facts import NAMES, parts_of
from onestop.networks.freezing import Freezing
from onestop.networks.surgery import find_heads
from onestop.storage.model_file import load_weights, write_weights

RCNN = "rcnn16:timm:test_efficientnet"
pytest.importorskip("timm")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


def made(
    name: str, *, channels: int = 3, classes: int = 2, size: int = 64
) -> tuple[Any, dict[str, Any]]:
    """A detector with random weights and what it must learn."""
    torch.manual_seed(0)
    has = {"masks": True, "keypoints": True}
    parts = parts_of(name, has)
    needs = {"parts": parts, "points": 3, "regions": 16}
    return build(name, classes, channels, size, needs=needs), {"parts": parts, "size": size}


def target(size: int, parts: Any) -> dict[str, torch.Tensor]:
    masks = torch.zeros(2, size, size, dtype=torch.uint8)
    masks[0, 5:30, 5:30] = masks[1, 30:60, 20:60] = 1
    points = torch.tensor(
        [[[6.0, 6, 2], [20, 20, 2], [0, 0, 0]], [[25, 35, 2], [50, 50, 1], [40, 55, 2]]]
    )
    return {
        "boxes": torch.tensor([[5.0, 5, 30, 30], [20, 30, 60, 60]]), "labels": torch.tensor([0, 1]),
        **({"masks": masks} if "masks" in parts else {}),
        **({"keypoints": points} if "keypoints" in parts else {}),
    }  # fmt: skip


def check(name: str, tmp_path: Path, size: int = 64) -> None:
    network, facts = made(name, size=size)
    inputs = torch.randn(2, 3, size, size)
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    full = target(size, facts["parts"])
    empty = {**{k: v[:0] for k, v in full.items()}, **none}
    network.train()
    losses = network(inputs, [full, empty])
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    grads = [p.grad for p in network.parameters() if p.requires_grad and p.grad is not None]
    assert torch.isfinite(total)
    assert grads
    assert all(bool(torch.isfinite(grad).all()) for grad in grads)
    network.eval()
    with torch.inference_mode():
        before = network(inputs)
    for found in before:
        assert set(found["labels"].tolist()) <= {0, 1}, "no background"
        assert bool(found["finite"])
    write_weights(tmp_path / "a.safetensors", network)
    again, _ = made(name, size=size)
    load_weights(again, tmp_path / "a.safetensors")
    with torch.inference_mode():
        for one, other in zip(before, again.eval()(inputs), strict=True):
            assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_small_one_keeps_the_contract(tmp_path: Path) -> None:
    check(RCNN, tmp_path)


@pytest.mark.parametrize("name", SLOW)
def test_torchvisions(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, 300 if name == "ssd300_vgg16" else 128)


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
@pytest.mark.parametrize(
    "name", [RCNN, pytest.param("rcnn32:squeezenet1_1", marks=pytest.mark.thorough)]
)
def test_any_number_of_channels(name: str, channels: int) -> None:
    network, _ = made(name, channels=channels)
    with torch.inference_mode():
        assert len(network.eval()(torch.randn(1, channels, 64, 64))) == 1


def test_in_training_without_targets_it_gives_feature_maps() -> None:
    network, _ = made(RCNN)
    maps = network.train()(torch.randn(2, 3, 64, 64))
    assert len(maps) >= 2


def test_weights_that_are_not_finite_are_noticed() -> None:
    network, _ = made(RCNN)
    next(p for n, p in network.named_parameters() if "cls_score" in n).data[:] = float("nan")
    with torch.inference_mode():
        assert not network.eval()(torch.randn(1, 3, 64, 64))[0]["finite"]


def test_frozen_batchnorm_keeps_its_statistics() -> None:
    network, facts = made(RCNN)
    assert isinstance(network, Detector)
    network.freeze_norms()
    norm: Any = network.norms()[0]
    before = norm.running_mean.clone()
    network.train()(torch.randn(2, 3, 64, 64), [target(64, facts["parts"])] * 2)
    assert torch.equal(norm.running_mean, before)
    assert not any(p.requires_grad for p in norm.parameters())


def test_heads_are_what_is_new_over_a_backbone() -> None:
    network, _ = made(RCNN)
    heads = find_heads(network, (3, 64, 64))
    assert any(name.startswith("backbone.fpn") for name in heads)
    assert "roi_heads" in " ".join(heads)
    freezing = Freezing(network, heads)
    freezing.freeze("backbone")
    body = network.get_submodule("backbone.body")
    assert not any(p.requires_grad for p in body.parameters())
    assert all(p.requires_grad for p in network.get_submodule("rpn").parameters())


def test_sizes_and_classes_that_cannot_be() -> None:
    with pytest.raises(ArchitectureError, match="images of 32 pixels are too small; it needs 64"):
        build(RCNN, 2, 3, 32)
    with pytest.raises(ArchitectureError, match="takes images of 300 pixels only"):
        build("ssd300_vgg16", 2, 3, 320)
    with pytest.raises(UsageError, match="at least one class"):
        build(RCNN, 0)
    with pytest.raises(UsageError, match="cannot be its backbone"):
        find("rcnn:lenet5")


def test_the_catalogue_has_them() -> None:
    known = {entry.name: entry for entry in entries()}
    assert set(NAMES) <= known.keys()
    entry = known["fasterrcnn_resnet50_fpn"]
    assert (entry.ap, entry.whole, entry.parameters) == (37.0, False, 41_755_286)
    assert find("torchvision:FasterRCNN_ResNet50_FPN") == entry
    assert find(RCNN).name == RCNN


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_published_sizes(name: str) -> None:
    entry = find(name)
    network = build(name, 90, needs={"points": 17})
    if name == "keypointrcnn_resnet50_fpn":
        network = build(name, 1, needs={"points": 17})
    assert count_parameters(network) == pytest.approx(entry.parameters, rel=2e-3)


def test_weights_of_a_backbone_are_its_classifiers() -> None:
    """Images are seen whole, and normalised as the classifier was trained."""
    found = release(find("rcnn:tf_efficientnet_lite0"))
    assert (found.network, found.inputs.task) == ("tf_efficientnet_lite0", "classification")
    assert (found.inputs.fit, found.inputs.crop_fraction) == ("pad", 1.0)
    assert found.inputs.mean == (0.5,) * 3
