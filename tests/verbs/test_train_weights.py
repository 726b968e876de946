"""Photographs are trained from published weights unless there are none, and a run says which it had."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.storage.tensor_digest import tensor_digest
from tests.weights.packages import NETWORK, install, tensors

pytestmark = pytest.mark.thorough

FAST: dict[str, Any] = {"image_size": 66, "epochs": 1, "batch_size": 4, "threads": 1, "workers": 0}
FLAGS = [
    word for name, value in FAST.items() for word in (f"--{name.replace('_', '-')}", str(value))
]
SMALL = ("--model", "squeezenet1_1")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    for place, name in enumerate(("red", "green")):
        for number in range(6):
            pixels = np.random.default_rng([place, number]).integers(0, 80, (70, 90, 3), np.uint8)
            pixels[..., place] += 150
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def train(source: Path, **options: Any) -> onestop.Run:
    return onestop.train(source, quiet=True, name="run", **{**FAST, **options})


def test_a_package_is_enough_for_pretrained_weights(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(tmp_path / "site", monkeypatch)
    assert main(["train", str(photographs), *FLAGS, "--name", "run", "--freeze", "backbone"]) == 0
    run = onestop.Run(Path("runs/run"))
    network = run.recipe.network
    assert (network.model, network.weights) == (NETWORK, "in1k")
    assert network.weights_digest == tensor_digest(tensors())
    card = run.model().card
    assert card.preprocessing["mean"] == card.preprocessing["std"] == [0.5, 0.5, 0.5]
    assert card.preprocessing["interpolation"] == "bicubic"
    said = capsys.readouterr().err
    assert "images are prepared as published for them: 66 of 75 pixels, bicubic, mean 0.5" in said
    assert "could not be had" not in said
    learned = load_file(run.folder / "model.safetensors")
    assert torch.equal(learned["conv_stem.weight"], tensors()["conv_stem.weight"]), "it was frozen"
    again = onestop.train(recipe=run.folder / "recipe.yaml", quiet=True, name="again")
    for name, tensor in load_file(again.folder / "model.safetensors").items():
        assert torch.equal(tensor, learned[name])


def test_without_any_weights_it_says_so_first_and_last(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(photographs), *FLAGS, *SMALL, "--name", "run", "--offline"]) == 0
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == last
    assert re.fullmatch(
        r"warning: pretrained weights could not be had \(squeezenet1_1: ONESTOP_OFFLINE is set\); "
        r"download https\S+ to \S+, or anywhere and name it: --weights FILE; so it is "
        "trained from random weights, which is slower and far worse",
        first,
    )
    run = onestop.Run(Path("runs/run"))
    assert (run.recipe.network.weights, run.recipe.network.weights_digest) == ("none", "none")
    assert json.loads((run.folder / "run.json").read_text())["notes"][0] == first
    assert main(["train", "runs/run", "--epochs", "2"]) == 0
    first_again, *_, last_again = capsys.readouterr().err.splitlines()
    assert first_again == last_again == first, "resumed, it is as true as before"


def test_random_weights_on_request_are_no_news(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(photographs), *FLAGS, *SMALL, "--weights", "none"]) == 0
    assert "pretrained" not in capsys.readouterr().err


def test_other_weights_than_those_a_recipe_names_are_refused(
    photographs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "start.pth"
    torch.save(onestop.build("lenet5_color", 2).state_dict(), file)
    run = train(photographs, model="lenet5_color", weights=str(file), image_size=32)
    recipe = run.folder / "recipe.yaml"
    torch.save(onestop.build("lenet5_color", 2).state_dict(), file)
    with pytest.raises(UsageError, match="holds other tensors than those that the recipe names"):
        onestop.train(recipe=recipe, quiet=True)
    onestop.train(recipe=recipe, weights=str(file), quiet=True)  # named, so meant
    assert onestop.train(run.folder, epochs=2, quiet=True).metrics["epochs"] == 2


def test_print_recipe_shows_the_network_and_why(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch)
    from onestop.verbs.train import resolve

    found = resolve(photographs)
    assert found.values["model"] == NETWORK
    assert found.origins["model"].why.startswith("74.8 % on ImageNet with 0.38 G multiply-adds")
    assert found.origins["weights"].why.endswith("; on this machine")
