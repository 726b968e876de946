"""Weights to start from: published ones, files and runs, each with its preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import UsageError
from onestop.networks import build, find
from onestop.storage.model_file import Card, write_model
from onestop.storage.tensor_digest import tensor_digest
from onestop.training.initial_weights import Start, preparation_note, start_of
from tests.recipes import recipe
from tests.weights.packages import NETWORK, install, tensors


def start(model: str, weights: str, *, download: bool = True) -> Start:
    settings = recipe(model=model, weights=weights).network
    found = start_of(settings, find(model), download=download)
    assert found
    return found


def declared(found: Start, **changes: Any) -> ImagePreprocessing:
    assert isinstance(found.preprocessing, ImagePreprocessing)
    return found.preprocessing


def test_none_is_none() -> None:
    assert start_of(recipe().network, find("lenet5"), download=True) is None


def test_published_weights_bring_their_preprocessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch)
    for which in ("default", "in1k"):
        found = start(NETWORK, which)
        assert declared(found).mean == declared(found).std == (0.5, 0.5, 0.5)
        assert found.source == f"published weights of {NETWORK}"
        assert found.digest == tensor_digest(tensors())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_is_prepared_for_as_published_for_its_network(suffix: str, tmp_path: Path) -> None:
    file, state = tmp_path / f"mine{suffix}", tensors()
    torch.save(state, file) if suffix == ".pth" else save_file(state, file)
    found = start(NETWORK, str(file))
    assert found.digest == tensor_digest(state)
    assert declared(found).interpolation == "bicubic"
    assert preparation_note(found, declared(found), by_weights=True) == (
        f"images are prepared as published for {NETWORK}: "
        "224 of 256 pixels, bicubic, mean 0.5, deviation 0.5"
    )
    assert preparation_note(found, declared(found), by_weights=False) == ""


@pytest.mark.parametrize(
    ("model", "mean"), [("squeezenet1_1", 0.485), ("torchvision:inception_v3", 0.5)]
)
def test_so_it_is_for_networks_of_torchvision(model: str, mean: float, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    assert declared(start(model, str(tmp_path / "a.safetensors"))).mean[0] == mean


def test_a_model_file_has_its_own(tmp_path: Path) -> None:
    network, file = build("lenet5", 3), tmp_path / "model.safetensors"
    own = ImagePreprocessing(1, (32, 32), (0.3,), (0.2,))
    arguments = {"classes": 3, "channels": 1, "image_size": 32}
    write_model(file, network.state_dict(), Card("lenet5", arguments, tuple("abc"), own.to_json()))
    found = start("lenet5", str(file))
    assert found.preprocessing == own
    assert preparation_note(found, own, by_weights=True).startswith(
        "images are prepared as in that file: 32 of 32 pixels, bilinear, mean 0.3, deviation 0.2"
    )


def test_where_nothing_is_published_it_says_what_is_assumed(tmp_path: Path) -> None:
    network = build("resnet9", 3)
    file = tmp_path / "a.safetensors"
    save_file({k: v.clone() for k, v in network.state_dict().items()}, file)
    found = start("resnet9", str(file))
    assert found.preprocessing is None
    image = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (0.5,) * 3)
    note = preparation_note(found, image, by_weights=True)
    assert note.startswith(f"note: {file}: nothing is known of the images it was trained on")
    assert isinstance(network, nn.Module)


def test_what_a_run_may_not_download_says_how_to_allow_it() -> None:
    with pytest.raises(UsageError, match="or allow the download by naming them: --weights default"):
        start("squeezenet1_1", "default", download=False)
