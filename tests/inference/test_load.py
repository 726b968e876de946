"""Models from wherever they are: a run, a file, published weights, a network of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import onestop
from onestop.data.preprocess import ImagePreprocessing, VectorPreprocessing
from onestop.errors import ModelFileError, UsageError
from onestop.inference.load import describe_model, load, load_model
from onestop.networks import build
from onestop.networks.imagenet import imagenet_names
from onestop.networks.pretrained import Inputs, Published
from onestop.storage.model_file import Card, write_model


def test_a_network_with_published_weights_names_images_with_no_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = build("squeezenet1_1", 1000).state_dict()
    inputs = Inputs((224, 224), 0.875, "bilinear", (0.5,) * 3, (0.2,) * 3)
    published = Published(dict(state), imagenet_names(), inputs)
    monkeypatch.setattr("onestop.inference.from_network.published_weights", lambda *_: published)
    image = np.random.default_rng(0).integers(0, 256, (300, 260, 3), dtype=np.uint8)
    [said] = onestop.predict("torchvision:squeezenet1_1", image)
    assert len({label.name for label in said.labels} & set(imagenet_names())) == 3
    assert onestop.predict("squeezenet1_1", image)[0] == said
    model, _ = load_model("squeezenet1_1")
    assert model.preprocessing.crop_fraction == 224 / 256  # type: ignore[attr-defined]
    assert torch.equal(model.network.state_dict()["features.0.weight"], state["features.0.weight"])


def test_nothing_is_downloaded_to_describe_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestop.inference.from_network.published_weights", None)
    monkeypatch.setattr("onestop.inference.fitted.build", None)
    described = describe_model("vgg13", classes=imagenet_names())
    assert described.card.network == "vgg13"
    assert described.card.classes == imagenet_names()
    assert described.weights.endswith("https://download.pytorch.org/models/vgg13-19584684.pth")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("vgg133", r"^vgg133: no such run, model file or network; did you mean 'vgg13'"),
        ("torchvision:fcn_resnet50", "is for segmentation, not for classes"),
        ("r3d_18", "is for videos, not for classes"),
        ("nowhere", "^nowhere: no such run or model file$"),
        ("vgg133.pth", r"^vgg133\.pth: no such run or model file$"),
    ],
)
def test_what_is_no_model_is_one_line(name: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        onestop.predict(name, np.zeros((8, 8), np.uint8))
    assert "\n" not in str(caught.value)


def test_a_mistyped_path_is_not_taken_for_a_network() -> None:
    with pytest.raises(UsageError, match="runs/digit: no such run or model file"):
        onestop.predict("runs/digit", np.zeros((8, 8), np.uint8))


class Mine(nn.Module):
    """Somebody's own network."""

    def __init__(self, classes: int = 2, channels: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.fc(x.mean((2, 3)))
        return outputs


def written(path: Path, network: nn.Module, name: str = "mine.py:Mine", **changes: Any) -> Path:
    preprocessing = ImagePreprocessing(1, (8, 8), (0.0,), (1.0,))
    arguments = {"classes": 2, "channels": 1, "image_size": 8}
    card = Card(name, arguments, ("a", "b"), preprocessing.to_json(), **changes)
    write_model(path, network.state_dict(), card)
    return path


def test_a_network_of_ones_own_takes_the_weights_of_the_file(tmp_path: Path) -> None:
    trained = Mine()
    file = written(tmp_path / "m.safetensors", trained)
    with pytest.raises(UsageError, match=r"mine\.py:Mine"):
        load(file)
    network = Mine()
    model = load(file, network)
    assert model.network is network
    assert torch.equal(network.fc.weight, trained.fc.weight)
    assert model.classes == ("a", "b")
    assert not network.training


def test_weights_of_another_network_are_refused_with_the_files_name(tmp_path: Path) -> None:
    file = written(tmp_path / "m.safetensors", Mine())
    with pytest.raises(ModelFileError, match=rf"^{re.escape(str(file))} .*fc\.weight"):
        load(file, Mine(channels=3))


def test_a_task_of_a_later_version_is_refused_with_the_files_name(tmp_path: Path) -> None:
    file = written(tmp_path / "m.safetensors", Mine(), task="poses")
    with pytest.raises(ModelFileError, match=rf"^{re.escape(str(file))}: .*'poses'"):
        load(file, Mine())


def test_a_network_that_this_version_does_not_have_is_a_usage_error(tmp_path: Path) -> None:
    file = written(tmp_path / "m.safetensors", Mine(), name="lenet9")
    with pytest.raises(UsageError, match="lenet9"):
        load(file)


@pytest.mark.parametrize(("network", "size"), [("capsnet", 1024), ("lenet5", 4096), ("cnn1", 8)])
def test_a_network_is_compared_with_its_tensors_before_it_takes_memory(
    tmp_path: Path, network: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card can ask for gigabytes; four small tensors are not enough for them."""
    preprocessing = ImagePreprocessing(1, (size, size), (0.0,), (1.0,))
    arguments = {"classes": 2, "channels": 1, "image_size": size}
    card = Card(network, arguments, ("a", "b"), preprocessing.to_json())
    write_model(tmp_path / "m.safetensors", {"a": torch.zeros(2)}, card)
    made: list[torch.device] = []

    def noted(*words: Any, **options: Any) -> nn.Module:
        built = build(*words, **options)
        made.extend(parameter.device for parameter in built.parameters())
        return built

    monkeypatch.setattr("onestop.inference.load.build", noted)
    with pytest.raises(ModelFileError, match=rf"\(a {network}\): is for another network"):
        load(tmp_path / "m.safetensors")
    assert {device.type for device in made} == {"meta"}


def test_images_too_large_for_the_memory_are_refused_before_any_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size of images need not show in the tensors."""
    monkeypatch.setattr("onestop.inference.load.memory.available", lambda: 10**9)
    for size, fits in ((2048, True), (16384, False)):
        preprocessing = ImagePreprocessing(1, (size, size), (0.0,), (1.0,))
        arguments = {"classes": 2, "channels": 1, "image_size": size}
        card = Card("resnet20", arguments, ("a", "b"), preprocessing.to_json())
        network = build("resnet20", 2, 1, 32)
        write_model(tmp_path / "m.safetensors", network.state_dict(), card)
        if fits:
            assert load(tmp_path / "m.safetensors").preprocessing.shape == (1, size, size)
            continue
        with pytest.raises(ModelFileError, match=r"images of 16,384 pixels per side, one of which"):
            load(tmp_path / "m.safetensors")


def test_a_preprocessing_for_another_kind_of_network_is_refused(tmp_path: Path) -> None:
    arguments = {"classes": 2, "channels": 1, "image_size": 8}
    vectors = VectorPreprocessing(1, (0.0,), (1.0,)).to_json()
    card = Card("cnn1", arguments, ("a", "b"), vectors)
    write_model(tmp_path / "m.safetensors", build("cnn1", 2, 1, 8).state_dict(), card)
    with pytest.raises(ModelFileError, match="its preprocessing is not for a cnn1"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "name", ["timm:resnet18.evil", "timm:resnet18.", "timm:hf-hub:a/b", "timm:"]
)
def test_a_network_that_no_library_has_is_one_line(tmp_path: Path, name: str) -> None:
    pytest.importorskip("timm")
    file = written(tmp_path / "m.safetensors", Mine(), name=name)
    with pytest.raises(UsageError, match=rf"{re.escape(name)}: timm has no such network"):
        load(file)


def test_every_form_of_a_model_leads_to_one(tmp_path: Path) -> None:
    file = written(tmp_path / "model.safetensors", Mine())
    by_file, path = load_model(file, Mine())
    by_folder, same = load_model(str(tmp_path), Mine())
    assert path == same == file
    again, nowhere = load_model(by_file, device="cpu")
    assert again is by_file
    assert nowhere == Path()
    assert by_folder.card == by_file.card
