"""torchvision's networks by name; their published weights, from a stand-in for its server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from unittest import mock

import pytest
import torch
from torchvision import models

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import build, find
from onestop.networks.torchvision_zoo import entry, names, published_weights


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    return tmp_path / "torch_home" / "hub" / "checkpoints"


def _serve(tmp_path: Path, name: str) -> str:
    """A weights file with its hash in its name, as torch's hub wants it; returns its address."""
    file = tmp_path / "weights.pth"
    torch.save(build(name, 1000).state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    served = file.rename(tmp_path / f"{name}-{digest}.pth")
    return served.as_uri()


def _with_url(url: str) -> mock._patch[object]:
    weights = models.SqueezeNet1_1_Weights.DEFAULT.value
    return mock.patch.object(
        models.SqueezeNet1_1_Weights.DEFAULT,
        "_value_",
        type(weights)(url, weights.transforms, weights.meta),
    )


def test_downloaded_once_then_taken_from_the_cache(tmp_path: Path, hub: Path) -> None:
    url = _serve(tmp_path, "squeezenet1_1")
    with _with_url(url):
        first = published_weights("squeezenet1_1")
        Path(url.removeprefix("file://")).unlink()
        second = published_weights("squeezenet1_1")
    assert [path.name for path in hub.iterdir()] == [url.rsplit("/", 1)[1]]
    assert all(torch.equal(first.state[k], second.state[k]) for k in first.state)
    assert first.size == (224, 224)
    assert first.crop_fraction == 224 / 256
    assert first.classes[263] == "Pembroke"


def test_without_a_network_the_file_and_its_place_are_named(hub: Path) -> None:
    with (
        _with_url("http://127.0.0.1:9/squeezenet1_1-00000000.pth"),
        pytest.raises(UsageError) as caught,
    ):
        published_weights("squeezenet1_1")
    assert "download http://127.0.0.1:9/squeezenet1_1-00000000.pth to" in str(caught.value)
    assert str(hub) in str(caught.value)


def test_a_file_with_another_checksum_is_refused(tmp_path: Path, hub: Path) -> None:
    url = _serve(tmp_path, "squeezenet1_1")
    file = Path(url.removeprefix("file://"))
    wrong = file.rename(tmp_path / "squeezenet1_1-deadbeef.pth")
    with _with_url(wrong.as_uri()), pytest.raises(UsageError, match="invalid hash value"):
        published_weights("squeezenet1_1")
    assert list(hub.iterdir()) == []


def test_a_set_is_chosen_by_its_name(tmp_path: Path, hub: Path) -> None:
    with _with_url(_serve(tmp_path, "squeezenet1_1")):
        best = published_weights("squeezenet1_1")
        for name in ("IMAGENET1K_V1", "imagenet1k_v1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
            same = published_weights("squeezenet1_1", name)
            assert all(torch.equal(best.state[k], same.state[k]) for k in best.state)


def test_an_unknown_set_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        published_weights("resnet50", "IMAGENET1K_V3")
    assert str(caught.value) == (
        "--weights IMAGENET1K_V3: no such file, and torchvision has no such weights for resnet50; "
        "it has IMAGENET1K_V1, IMAGENET1K_V2"
    )


def test_names_of_torchvision_build_torchvision() -> None:
    network = build("resnet18", 5)
    assert type(network).__module__ == "torchvision.models.resnet"
    assert find("torchvision:resnet18") == find("resnet18")
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("channels", [1, 4])
def test_torchvision_takes_other_channels(channels: int) -> None:
    network = build("resnet18", 5, channels)
    assert network.eval()(torch.rand(1, channels, 64, 64)).shape == (1, 5)


def test_an_entry_is_what_torchvision_states_of_the_best_weights() -> None:
    weights = models.ResNet50_Weights.IMAGENET1K_V2
    resnet = entry("resnet50")
    assert resnet.parameters == weights.meta["num_params"] == 25_557_032
    assert (resnet.origin, resnet.weights, resnet.image_size) == ("torchvision", True, 224)
    assert {"resnet50", "vit_b_16"} <= set(names())


def test_a_size_that_tables_cannot_be_made_for_names_its_neighbours() -> None:
    with pytest.raises(ArchitectureError, match="set --image-size 96 or 112"):
        build("vit_b_16", 5, image_size=100)


def test_small_images_leave_out_an_auxiliary_classifier() -> None:
    with torch.device("meta"):
        small, large = (build("inception_v3", 5, image_size=size) for size in (128, 299))
    assert not [name for name in small.state_dict() if name.startswith("AuxLogits")]
    assert [name for name in large.state_dict() if name.startswith("AuxLogits")]
