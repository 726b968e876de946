"""The network that a file of weights is for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import onestop
from onestop.errors import ModelFileError
from onestop.inference import identify as module
from onestop.inference.identify import identify, network_of
from onestop.networks import build, find
from onestop.weights import catalogue_index
from tests.weights.packages import NETWORK, install, tensors

FEW = ("squeezenet1_1", "squeezenet1_0", "resnet18", "lenet5")


@pytest.fixture(autouse=True)
def _few_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_index, "whole_entries", lambda: map(find, FEW))
    monkeypatch.setattr("onestop.networks.whole_entries", lambda: map(find, FEW))
    monkeypatch.setitem(sys.modules, "timm", None)


def state(name: str, outputs: int = 1000) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build(name, outputs).state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.model."])
@pytest.mark.parametrize(
    ("name", "outputs"), [("squeezenet1_1", 1000), ("resnet18", 4), ("lenet5", 10)]
)
def test_names_and_shapes_tell_whatever_the_prefix_and_the_outputs(
    name: str, outputs: int, prefix: str
) -> None:
    named = {prefix + n: t for n, t in state(name, outputs).items()}
    assert identify(Path("a.pth"), named) == name


def test_the_second_time_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    found = state("squeezenet1_1", 3)
    assert identify(Path("a.pth"), found) == "squeezenet1_1"
    monkeypatch.setattr(module, "_of_same_shapes", None)
    assert identify(Path("b.pth"), found) == "squeezenet1_1"


def test_published_tensors_are_known_by_their_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch)
    monkeypatch.setattr(module, "CatalogueIndex", None)
    assert identify(Path("a.pth"), tensors()) == NETWORK


def several(monkeypatch: pytest.MonkeyPatch, *networks: str) -> None:
    monkeypatch.setattr(module, "_of_same_shapes", lambda *_: list(networks))


def test_several_that_compute_the_same_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    several(monkeypatch, "resnet18", "torchvision:resnet18")
    assert identify(Path("a.pth"), state("resnet18", 3)) == "resnet18"


def test_several_that_compute_different_things_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = state("resnet18", 3)
    monkeypatch.setattr(module, "_different", lambda _, networks: networks)
    several(monkeypatch, "resnet18", "timm:resnetblur18")
    with pytest.raises(ModelFileError) as caught:
        identify(Path("a.pth"), found)
    assert str(caught.value) == (
        "a.pth: may be for resnet18, timm:resnetblur18, which have the same tensors and differ in what "
        "they compute or how images are prepared; say which: resnet18 --weights a.pth"
    )
    assert identify(Path("resnet18-f37072fd.pth"), found) == "resnet18", "published by that name"


def test_another_mean_makes_another_network(monkeypatch: pytest.MonkeyPatch) -> None:
    several(monkeypatch, "resnet18", "torchvision:resnet18")
    means = iter([0.5, 0.4])
    monkeypatch.setattr(module, "_scale", lambda _: next(means))
    with pytest.raises(ModelFileError, match="may be for resnet18, torchvision:resnet18, which"):
        identify(Path("a.pth"), state("resnet18", 3))


@pytest.mark.thorough
def test_padding_alone_makes_another_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "timm")
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    several(monkeypatch, NETWORK, f"timm:{NETWORK}", "timm:efficientnet_lite0")
    with pytest.raises(
        ModelFileError, match=f"may be for {NETWORK}, timm:efficientnet_lite0, which"
    ):
        identify(Path("a.pth"), tensors())


def backbone(name: str) -> dict[str, Tensor]:
    found = state(name)
    last = ("classifier.1.", "fc.", "fc3.")
    return {n: t for n, t in found.items() if not n.startswith(last)}


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "lenet5"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_network_without_its_last_layer_names_nothing_and_can_be_trained(
    name: str, prefix: str, tmp_path: Path
) -> None:
    found = {prefix + n: t for n, t in backbone(name).items()}
    for file in ("a.pth", "b.pth"):  # the second time from the cache
        with pytest.raises(ModelFileError, match=(
            rf"^{file}: has no classifier \(.* of {name} are missing\), so it names nothing; train it: "
            rf"onestop train DATA --model {name} --weights {file}$"
        )):  # fmt: skip
            identify(Path(file), found)
    torch.save(found, tmp_path / "c.pth")
    assert network_of(tmp_path / "c.pth") == name


@pytest.mark.parametrize(
    ("tensor", "kind"),
    [
        ("roi_heads.box_predictor.cls_score.weight", "a detector"),
        ("module.bbox_embed.layers.0.weight", "a detector"),
        ("model.22.dfl.conv.weight", "a detector"),
        ("aux_classifier.4.weight", "a network for segmentation"),
    ],
)
def test_detectors_and_others_are_told_from_classifiers(tensor: str, kind: str) -> None:
    found = {**backbone("resnet18"), tensor: torch.zeros(3)}
    with pytest.raises(ModelFileError, match=f"^a.pth: holds {kind} .* does not name images"):
        identify(Path("a.pth"), found)


def test_a_file_for_no_network_names_the_nearest_and_what_differs() -> None:
    found = state("squeezenet1_1")
    del found["features.0.bias"], found["classifier.1.bias"]
    with pytest.raises(ModelFileError, match=(
        r"the nearest is squeezenet1_1, of which it lacks features\.0\.bias, classifier\.1\.bias$"
    )):  # fmt: skip
        identify(Path("a.pth"), found)
    with pytest.raises(ModelFileError, match=r"for no network of the catalogue; name yours"):
        identify(Path("a.pth"), {"a.weight": torch.zeros(3, 3)})


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th", ".pth.tar", ".bin", ".ckpt"])
def test_a_file_is_identified_whatever_the_tool_that_wrote_it(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{suffix}"
    torch.save({"epoch": 3, "state_dict": state("lenet5", 4)}, file)
    facts = onestop.info(file).facts
    assert (facts["network"], facts["classes"]) == ("lenet5", 4)


def test_a_bare_file_is_a_model_and_can_be_trained_from(tmp_path: Path) -> None:
    torch.save(state("lenet5", 10), tmp_path / "lenet.pth")
    assert network_of(tmp_path / "lenet.pth") == "lenet5"
    run = onestop.train(
        "digits", weights=str(tmp_path / "lenet.pth"), epochs=1, quiet=True, threads=1
    )
    assert run.recipe.network.model == "lenet5"
    assert network_of(run.folder / "model.safetensors") == "lenet5"
