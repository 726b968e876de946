"""A network by name with its weights is a model."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

import onestop
from onestop.cli import main
from onestop.errors import ModelFileError, UsageError
from onestop.inference.load import load_model
from onestop.inference.model import Model
from onestop.networks import build
from tests.conftest import REPOSITORY
from tests.weights.packages import NETWORK, install, tensors

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3)
        self.fc = nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))
"""


def from_network(name: str, weights: str | Path, classes: Any = None) -> Model:
    return load_model(name, weights=weights, classes=classes)[0]


@pytest.fixture
def squeezenet(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "three.pth"
    torch.save(build("squeezenet1_1", 3).state_dict(), file)
    return file


def test_a_file_gives_a_model_with_numbered_classes_and_the_published_preprocessing(
    squeezenet: Path,
) -> None:
    model = from_network("squeezenet1_1", squeezenet)
    assert model.classes == ("class 0", "class 1", "class 2")
    assert model.card.preprocessing["mean"] == (0.485, 0.456, 0.406)
    assert model.notes == (
        f"note: {squeezenet}: squeezenet1_1 with 3 classes (by number); images are prepared as 224 "
        "of 256 pixels, bilinear, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
    )


def test_names_come_from_a_file_and_must_be_as_many(squeezenet: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    assert from_network("squeezenet1_1", squeezenet, tmp_path / "names.txt").classes == (*"abc",)
    with pytest.raises(UsageError, match=r"--classes: 2 names for the 3 outputs of .*three\.pth"):
        from_network("squeezenet1_1", squeezenet, ["a", "b"])
    with pytest.raises(UsageError, match="2 names for the 1,000 outputs of vgg13"):
        from_network("vgg13", "default", ["a", "b"])  # before anything is downloaded


def test_published_weights_have_imagenets_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch)
    for weights in ("default", "in1k"):
        model = from_network(NETWORK, weights)
        assert (len(model.classes), model.classes[310]) == (1000, "ant")
        assert torch.equal(
            model.network.state_dict()["conv_stem.weight"], tensors()["conv_stem.weight"]
        )


def test_a_network_of_ones_own_takes_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    network = nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 5)})
    torch.save(network.state_dict(), tmp_path / "net.pth")
    model = from_network(f"{tmp_path / 'net.py'}:Net", tmp_path / "net.pth")
    assert len(model.classes) == 5
    assert "which is assumed: nothing is published for it" in model.notes[0]


@pytest.mark.parametrize(
    ("name", "weights", "problem"),
    [
        ("resnet9", "default", "resnet9: has no published weights; name a file of weights"),
        ("linear", "default", "linear: takes vectors and has no classes"),
        ("squeezenet1_1", "IMAGENET1K_V9", "torchvision has no such weights for squeezenet1_1"),
        ("squeezenet1_1", "nowhere.pth", r"nowhere\.pth: no such run or model file"),
        ("fcn_resnet50", "default", "is for segmentation, not for classes"),
        ("rcnn:resnet18", "default", "has published weights of its backbone only; train it on"),
    ],
)
def test_what_cannot_work_is_one_line(name: str, weights: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        from_network(name, weights)
    assert "\n" not in str(caught.value)


def test_a_model_of_ours_has_names_and_preprocessing_that_would_be_lost(tmp_path: Path) -> None:
    run = onestop.train("digits", model="lenet5", epochs=1, quiet=True, threads=1)
    for weights in (run.folder, run.folder / "model.safetensors"):
        with pytest.raises(UsageError, match=r"of its own; give it alone, in place of lenet5$"):
            from_network("lenet5", weights)


def test_a_single_output_is_no_choice(tmp_path: Path) -> None:
    torch.save(build("squeezenet1_1", 1).state_dict(), tmp_path / "one.pth")
    with pytest.raises(ModelFileError, match="has one output"):
        from_network("squeezenet1_1", tmp_path / "one.pth")


def test_every_verb_takes_it(
    squeezenet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (70, 60), "red").save(tmp_path / "red.png")
    words = ["squeezenet1_1", "--weights", str(squeezenet)]
    assert main(["predict", *words, str(tmp_path / "red.png")]) == 0
    printed = capsys.readouterr()
    assert "red.png: class " in printed.out
    assert "squeezenet1_1 with 3 classes" in printed.err
    for name in ("class 0", "class 1", "class 2"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (70, 60), "red").save(tmp_path / "data" / name / "red.png")
    found = onestop.evaluate("squeezenet1_1", weights=squeezenet, data=tmp_path / "data")
    assert found.metrics["images"] == 3
    assert found.metrics["accuracy"] == pytest.approx(1 / 3)
    assert "squeezenet1_1 with 3 classes" in found.notes[0]
    seen = onestop.explain("squeezenet1_1", tmp_path / "red.png", weights=squeezenet)
    assert (len(seen), seen.notes[0]) == (1, found.notes[0])


def test_what_has_weights_and_names_is_given_no_others(squeezenet: Path) -> None:
    model = from_network("squeezenet1_1", squeezenet)
    model.save("model.safetensors")
    with pytest.raises(UsageError, match="--weights default: is for a network by name"):
        load_model("model.safetensors", weights="default")
    with pytest.raises(UsageError, match=r"--classes: .* knows the names of its classes"):
        load_model(model, classes=["a", "b", "c"])


def test_images_are_prepared_as_asked_and_a_line_says_so(squeezenet: Path) -> None:
    settings = {"image_size": 128, "fit": "pad", "normalize": "half"}
    model, _ = load_model("squeezenet1_1", weights=squeezenet, settings=settings)
    assert model.preprocessing.shape == (3, 128, 128)
    assert model.notes[0].endswith(
        "128 of 128 pixels, bilinear, mean 0.5, deviation 0.5, by --fit pad"
    )
    with pytest.raises(
        UsageError, match="--image-size 64: a model in memory prepares images as in"
    ):
        load_model(model, settings={"image_size": 64})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet1_1", "tf_efficientnet_lite0"])
def test_probabilities_of_a_file_alone_are_those_of_a_plain_torch_loop(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONESTOP_SHARED has weights/NAME-imagenet.safetensors and data/hymenoptera/val."""
    shared = Path(os.environ.get("ONESTOP_SHARED", "/nowhere"))
    weights = shared / "weights" / f"{name}-imagenet.safetensors"
    if not weights.is_file():
        pytest.skip("ONESTOP_SHARED names no folder with the weights")
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    script: Any = importlib.import_module("published_names")
    photographs = sorted((shared / "data" / "hymenoptera" / "val").rglob("*.jpg"))
    assert len(photographs) == 153
    model = load_model(weights)[0]
    assert model.card.network == name
    ours = script.probabilities(model, photographs)
    assert torch.allclose(ours, script.plain_loop(weights, name, photographs), rtol=0, atol=1e-5)
