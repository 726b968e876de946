"""A run folder decides neither which code runs nor what is downloaded; the user's own word does."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import onestop
from onestop.cli import main
from onestop.errors import DataError, OneStopError, UsageError
from onestop.jobs.permission import Downloads, is_in_run, permitted

CODE = """
from pathlib import Path
Path("canary").touch()
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels):
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options: dict[str, Any] = {"model": "cnn1", "image_size": 8, "epochs": 1, "threads": 1}
    out = tmp_path_factory.mktemp("digits")
    return onestop.train("digits", out=out, name="run", quiet=True, **options).folder


@pytest.fixture
def run(digits: Path, tmp_path: Path) -> Path:
    """A copy of a run, as somebody else would have sent it."""
    return Path(shutil.copytree(digits, tmp_path / "copy"))


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What this process asked to connect to; nothing is connected to."""
    asked: list[Any] = []

    def refuse(*words: Any, **_: Any) -> NoReturn:
        asked.append(words)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


def change(run: Path, **settings: Any) -> None:
    path = run / "recipe.yaml"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in settings]
    path.write_text("\n".join([*kept, *(f"{k}: {v}" for k, v in settings.items())]) + "\n")


def own(path: Path) -> Path:
    path.write_text(CODE)
    return path


def squares() -> tuple[Any, Any]:
    targets = np.arange(40) % 2
    return np.full((40, 8, 8), 40, np.uint8) + 150 * targets[:, None, None].astype(
        np.uint8
    ), targets


@pytest.mark.parametrize("where", ["copy/net.py", "net.py"])
@pytest.mark.parametrize(
    "words",
    [["--epochs", "2"], ["--dry-run"], [], ["--resume"]],
    ids=["train", "dry run", "finished", "resume"],
)
def test_code_that_a_run_folder_names_is_not_run(
    run: Path, where: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own(Path(where))
    for name in (where, str(Path(where).resolve())):
        change(run, model=f"{name}:Net")
        named = ["--resume", str(run)] if words == ["--resume"] else [str(run), *words]
        assert main(["train", *named]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"was trained with your own network {name}:Net" in line
        assert "--model FILE.py:Class" in line
        assert not Path("canary").exists()


def test_a_recipe_in_a_run_folder_does_not_name_code_either(run: Path) -> None:
    own(Path("net.py"))
    change(run, model="net.py:Net", image_size=8)
    Path("link.yaml").symlink_to(run / "recipe.yaml")
    shutil.copy(run / "recipe.yaml", run / "other.yaml")
    for recipe in (run / "recipe.yaml", run / "other.yaml", "link.yaml"):
        for verb in (onestop.train, onestop.dry_run):
            with pytest.raises(UsageError, match=r"was trained with your own network net.py:Net"):
                verb(recipe=recipe, quiet=True)
    assert not Path("canary").exists()
    shutil.copy(run / "recipe.yaml", "mine.yaml")  # a recipe of one's own
    assert onestop.train(recipe="mine.yaml", quiet=True, epochs=1).metrics["images"]
    assert Path("canary").exists()


def test_a_run_with_ones_own_network_goes_on_where_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(Path("net.py"))
    options: dict[str, Any] = {"image_size": 8, "threads": 1, "val_fraction": 0.25, "quiet": True}
    source = Path("set")
    images, targets = squares()
    from PIL import Image

    for k, image in enumerate(images):
        (source / "ab"[targets[k]]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(source / "ab"[targets[k]] / f"{k}.png")
    run = onestop.train(source, model="net.py:Net", epochs=1, **options).folder
    Path("canary").unlink()
    with pytest.raises(UsageError, match=r"net.py:Net, code that runs only if you name it"):
        onestop.train(run, epochs=2, quiet=True)
    assert not Path("canary").exists()
    assert main(["train", str(run), "--epochs", "2", "--model", "net.py:Net", "--quiet"]) == 0
    Path("net.py").rename("moved.py")  # the code may have moved
    again = onestop.train(run, epochs=3, model="moved.py:Net", quiet=True)
    assert (len(again.epochs), again.recipe.network.model) == (3, "moved.py:Net")
    assert onestop.dry_run(run, epochs=4, model="moved.py:Net", quiet=True).epochs == 1
    with pytest.raises(UsageError, match=r"--model cnn1: .* was begun with moved.py:Net; only"):
        onestop.train(run, epochs=4, model="cnn1", quiet=True)


@pytest.mark.parametrize("source", ["mnist", "CIFAR10", "Fashion-MNIST", "svhn", "pets", "usps"])
@pytest.mark.parametrize("root", ["planted/here", "null"])
def test_data_that_a_run_names_are_not_downloaded(
    run: Path, source: str, root: str, connections: list[Any], tmp_path: Path
) -> None:
    change(run, source=source, data_root=root)
    before = sorted(tmp_path.rglob("*"))
    attempts: list[Callable[[], object]] = [
        lambda: onestop.train(run, epochs=2, quiet=True),
        lambda: onestop.dry_run(run, epochs=2, quiet=True),
        lambda: onestop.train(recipe=run / "recipe.yaml", quiet=True),
    ]
    for attempt in attempts:
        with pytest.raises(
            DataError, match=r"a download never begins because a run .* --data-root"
        ):
            attempt()
    assert connections == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_and_a_score_download_nothing(
    run: Path, connections: list[Any], tmp_path: Path
) -> None:
    from onestop.storage.model_file import read_model, write_model

    change(run, source="mnist", data_root="planted/here")
    card, tensors = read_model(run / "model.safetensors")
    recipe = {**card.recipe, "source": "mnist", "data_root": "planted/here"}
    import dataclasses

    write_model(run / "model.safetensors", tensors, dataclasses.replace(card, recipe=recipe))
    report = onestop.report(run, out="page.html")
    assert any("--data-root" in line for line in report.said)
    with pytest.raises(DataError, match="a download never begins because a run or a model names"):
        onestop.evaluate(run)
    assert connections == []
    assert not (tmp_path / "planted").exists()
    with pytest.raises(DataError, match="download failed"):  # the user's own word
        onestop.evaluate(run, data_root="mine")
    assert len(connections) > 0
    assert not (tmp_path / "planted").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["squeezenet1_1", "timm:resnet18"])
def test_weights_that_a_run_names_are_not_downloaded(
    run: Path, model: str, connections: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False, raising=False)
    change(run, model=model, weights="default", image_size=64, channels=3)
    with pytest.raises(OneStopError) as refused:
        onestop.train(run, epochs=2, quiet=True)
    assert "or allow the download by naming them: --weights default" in str(refused.value)
    assert connections == []
    # The hub's client waits between its attempts.
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(OneStopError, match="could not be downloaded"):
        onestop.train(run, epochs=2, weights="default", quiet=True)
    assert len(connections) > 0


def test_what_is_permitted(run: Path) -> None:
    stored = {"model": "cnn1", "track": "tensorboard"}
    assert permitted(run, stored, {}) == Downloads(data=False, weights=False)
    assert permitted(run, stored, {}, source=True) == Downloads(data=True, weights=False)
    assert permitted(run, stored, {"data_root": "a"}) == Downloads(data=True, weights=False)
    assert permitted(run, stored, {"weights": "default"}) == Downloads(data=False, weights=True)
    with pytest.raises(UsageError, match="pass the network in Python again"):
        permitted(run, {"model": "(given in Python) Net"}, {})


def test_a_recipe_beside_what_a_run_wrote_is_in_a_run(run: Path, tmp_path: Path) -> None:
    assert is_in_run(run / "recipe.yaml")
    (tmp_path / "recipe.yaml").touch()  # somebody's own
    assert not is_in_run(tmp_path / "recipe.yaml")
    (tmp_path / "circle").symlink_to("circle")
    assert not is_in_run(tmp_path / "nowhere" / "circle")
