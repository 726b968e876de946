"""Networks by the names of their tensors."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from onestop.networks import build, find, whole_entries
from onestop.networks.catalog import OWN
from onestop.reading import read_object
from onestop.weights import catalogue_index
from onestop.weights.catalogue_index import (
    SHIPPED,
    CatalogueIndex,
    described,
    library_versions,
    shapes,
    shapes_of,
)

FEW = ("resnet50", "wide_resnet50_2", "lenet5", "linear")


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(catalogue_index, "whole_entries", lambda: map(find, FEW))
    monkeypatch.setitem(sys.modules, "timm", None)
    return []


@pytest.fixture
def _nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shipped.json"
    file.write_text(json.dumps({"versions": {}, "networks": {}}))
    monkeypatch.setattr(catalogue_index, "SHIPPED", file)


def own(network: str, outputs: int = 1000) -> dict[str, tuple[int, ...]]:
    return shapes_of(network, outputs)


def test_shapes_are_those_of_the_network_but_for_counters() -> None:
    with torch.device("meta"):
        tensors = build("resnet18", 5).state_dict()
    found = shapes_of("resnet18", 5)
    assert found == shapes(tensors)
    assert len(found) < len(tensors)


def test_a_description_depends_on_all_shapes_but_those_of_the_last_layer() -> None:
    ours = described(own("resnet18"))
    assert ours.split()[1:] == ["fc.weight", "fc.bias"]
    changed = {**own("resnet18"), "layer1.0.conv1.weight": (64, 64, 5, 5)}
    assert described(changed) != ours
    assert described({}) == ""


@pytest.mark.parametrize("outputs", [1, 7, 1000])
def test_networks_of_the_same_shapes_are_found_whatever_the_outputs(
    said: list[str], outputs: int
) -> None:
    index = CatalogueIndex(said.append)
    assert index.with_shapes(own("resnet50", outputs)) == ["resnet50"]
    assert index.with_shapes(own("wide_resnet50_2", outputs)) == ["wide_resnet50_2"]
    assert index.with_shapes(own("lenet5", outputs)) == ["lenet5"]
    assert index.with_shapes({"a.weight": (3,)}) == []
    assert index.with_shapes({}) == []


def test_networks_without_their_last_layer_are_named_with_what_is_missing(said: list[str]) -> None:
    index = CatalogueIndex(said.append)
    rest = {name: shape for name, shape in own("resnet50").items() if not name.startswith("fc.")}
    assert index.with_shapes(rest) == []
    assert index.backbones(rest) == {"resnet50": ["fc.weight", "fc.bias"]}
    assert index.backbones(own("resnet50")) == {}
    part = {name: shape for name, shape in own("resnet50").items() if name != "fc.bias"}
    assert (index.with_shapes(part), index.backbones(part)) == ([], {})


def test_nothing_is_built_of_what_is_shipped(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = own("lenet5", 3)
    monkeypatch.setattr(catalogue_index, "shapes_of", None)  # would be an error
    assert CatalogueIndex(said.append).with_shapes(wanted) == ["lenet5"]


@pytest.mark.usefixtures("_nothing_shipped")
def test_what_is_not_shipped_is_built_once_per_version(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = own("lenet5")
    index = CatalogueIndex(said.append)
    assert index.with_shapes(wanted) == ["lenet5"]
    index.save()
    with monkeypatch.context() as context:
        context.setattr(catalogue_index, "shapes_of", None)
        assert CatalogueIndex(said.append).with_shapes(wanted) == ["lenet5"]
    monkeypatch.setattr(catalogue_index, "_versions", lambda: {"torchvision": "another"})
    assert CatalogueIndex(said.append).networks == {}


def test_what_another_version_has_can_be_left_out(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not CatalogueIndex(said.append).is_of_others
    file = tmp_path / "shipped.json"
    file.write_text(json.dumps({"versions": {"torchvision": "0.1"}, "networks": {"lenet5": "0 a"}}))
    monkeypatch.setattr(catalogue_index, "SHIPPED", file)
    index = CatalogueIndex(said.append)
    assert index.is_of_others
    assert index.with_shapes(own("lenet5")) == []
    index.only_built()
    assert index.with_shapes(own("lenet5")) == ["lenet5"]


def test_a_damaged_file_in_the_cache_is_made_again(said: list[str], tmp_path: Path) -> None:
    file = tmp_path / "cache" / "onestop" / "weights" / "networks.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert CatalogueIndex(said.append).decided == {}


@pytest.mark.thorough
@pytest.mark.usefixtures("_nothing_shipped")
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
    found = index.with_shapes(own("tf_efficientnet_lite0"))
    assert found == [f"timm:{name}" for name in some]
    assert "timm:test_vit" not in index.networks


def test_the_shipped_index_is_small() -> None:
    assert SHIPPED.stat().st_size < 300_000


@pytest.mark.slow
def test_the_shipped_index_is_that_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ONESTOP_UPDATE_SNAPSHOTS=1 it is written anew."""
    monkeypatch.delitem(sys.modules, "timm")
    monkeypatch.undo()
    timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")
    names = [entry.name for entry in whole_entries() if not entry.vectors]
    names += [f"timm:{name}" for name in timm.list_models()]
    networks = {name: described(shapes_of(name)) for name in names}
    versions = library_versions()
    if os.environ.get("ONESTOP_UPDATE_SNAPSHOTS"):
        content = {"versions": versions, "networks": networks}
        SHIPPED.write_text(json.dumps(content, indent=0) + "\n")
    shipped = read_object(SHIPPED)
    for library, number in shipped["versions"].items():
        if versions[library] != number:
            pytest.skip(f"it is of {library} {number}, {versions[library]} is installed")
    assert shipped["networks"] == networks


def test_the_shipped_index_has_our_own_networks_as_they_are() -> None:
    shipped = read_object(SHIPPED)["networks"]
    ours = [entry.name for entry in OWN.values() if not entry.vectors]
    assert {name: described(shapes_of(name)) for name in ours} == {n: shipped[n] for n in ours}
