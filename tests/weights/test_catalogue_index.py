"""Networks by the names of their tensors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from onestop.networks import build, find
from onestop.weights import catalogue_index
from onestop.weights.catalogue_index import CatalogueIndex, shapes, shapes_of

FEW = ("resnet50", "wide_resnet50_2", "lenet5", "linear")


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(catalogue_index, "entries", lambda: map(find, FEW))
    monkeypatch.setitem(sys.modules, "timm", None)
    return []


def names(network: str, outputs: int = 1000) -> list[str]:
    with torch.device("meta"):
        return list(build(network, outputs).state_dict())


def test_shapes_are_those_of_the_network_but_for_counters() -> None:
    with torch.device("meta"):
        own = build("resnet18", 5).state_dict()
    found = shapes_of("resnet18", 5)
    assert found == shapes(own)
    assert len(found) < len(own)


def test_networks_of_the_same_names_are_found_whatever_their_shapes(said: list[str]) -> None:
    index = CatalogueIndex(said.append)
    assert index.with_names(names("resnet50", 7)) == ["resnet50", "wide_resnet50_2"]
    assert index.with_names(names("lenet5")) == ["lenet5"]
    assert index.with_names(["a.weight"]) == []
    assert index.with_names([]) == []


def test_it_is_built_once_per_version(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = CatalogueIndex(said.append)
    index.with_names(names("lenet5"))
    index.save()
    with monkeypatch.context() as context:
        context.setattr(catalogue_index, "shapes_of", None)  # would be an error
        assert CatalogueIndex(said.append).with_names(names("lenet5")) == ["lenet5"]
    monkeypatch.setattr(catalogue_index, "_versions", lambda: {"torchvision": "another"})
    assert CatalogueIndex(said.append).names == {}


def test_a_damaged_file_is_made_again(said: list[str], tmp_path: Path) -> None:
    file = tmp_path / "cache" / "onestop" / "weights" / "networks.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert CatalogueIndex(said.append).names == {}


@pytest.mark.thorough
def test_of_timms_families_those_with_such_names_are_looked_at(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "timm")
    timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")
    monkeypatch.setattr(timm, "list_modules", lambda: ["efficientnet", "vision_transformer"])
    some = ["tf_efficientnet_lite0", "efficientnet_lite0"]
    members = {"efficientnet": some, "vision_transformer": ["test_vit"]}
    monkeypatch.setattr(timm, "list_models", lambda module: members[module])
    index = CatalogueIndex(said.append)
    found = index.with_names(names("tf_efficientnet_lite0"))
    assert found == [f"timm:{name}" for name in some]
    assert "timm:test_vit" not in index.names
