from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import onestop
from onestop.errors import ModelFileError, UsageError
from onestop.networks import build
from onestop.storage.container import packed
from onestop.storage.model_file import (
    Card,
    load_weights,
    read_card,
    read_weights,
    write_model,
    write_weights,
)
from onestop.tasks import Classification, Regression, Task

PREPROCESSING = {
    "kind": "ImagePreprocessing", "channels": 1, "size": [32, 32], "mean": [0.5], "std": [0.25],
    "fit": "crop", "crop_fraction": 1.0, "interpolation": "bilinear",
}  # fmt: skip
ARGUMENTS = {"classes": 2, "channels": 1, "image_size": 32}


def card(**changes: object) -> Card:
    values = {"network": "lenet5", "arguments": ARGUMENTS, "classes": ("cat", "dog")}
    return Card(**{**values, "preprocessing": PREPROCESSING, **changes})  # type: ignore[arg-type]


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    write_model(path, build("lenet5", **ARGUMENTS).state_dict(), card())
    return path


def test_way_two_one_file_gives_network_classes_and_preprocessing(model_file: Path) -> None:
    model = onestop.load(model_file)
    assert model.classes == ("cat", "dog")
    assert model.preprocessing.mean == (0.5,)
    assert not model.training
    assert not model.network.training
    assert model(torch.zeros(3, 1, 32, 32)).shape == (3, 2)


def test_way_one_weights_into_a_network_built_in_code(tmp_path: Path) -> None:
    network = build("lenet5", 10)
    write_weights(tmp_path / "weights.safetensors", network)
    again = load_weights(build("lenet5", 10), tmp_path / "weights.safetensors")
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_model_file_is_way_one_too_and_plain_safetensors(model_file: Path) -> None:
    tensors = load_file(model_file)
    network = load_weights(build("lenet5", **ARGUMENTS), model_file)
    assert all(torch.equal(tensors[k], v) for k, v in network.state_dict().items())


def test_saving_a_loaded_model_gives_the_same_bytes(model_file: Path, tmp_path: Path) -> None:
    onestop.load(model_file).save(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == model_file.read_bytes()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("classes", "task"), [(("cat", "dog"), Classification), ((), Regression)])
def test_an_earlier_card_implies_its_task(
    tmp_path: Path, version: int, classes: tuple[str, ...], task: type[Task[Any]]
) -> None:
    arguments = {**ARGUMENTS, "classes": max(1, len(classes))}
    values = dataclasses.asdict(card(classes=classes, arguments=arguments))
    for name in ("task", "task_options"):
        del values[name]
    path = tmp_path / "model.safetensors"
    tensors = build("lenet5", **arguments).state_dict()
    path.write_bytes(packed(tensors, "onestop", {**values, "format_version": version}))
    model = onestop.load(path)
    assert type(model.task) is task
    assert model.task.names == classes


def test_a_card_names_its_task(model_file: Path) -> None:
    stored = read_card(model_file)
    assert (stored.task, stored.task_options, stored.format_version) == ("classification", {}, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "poses"}, "its task 'poses' is not known to this version"),
        ({"task_options": {"thresholds": [0.5]}}, "thresholds cannot be set of its task"),
        ({"task": "regression"}, "2 outputs, its task needs 1"),
        ({"classes": ("cat",)}, "2 outputs, its task needs 1"),
    ],
)
def test_a_task_that_does_not_fit_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "model.safetensors"
    write_model(path, build("lenet5", **ARGUMENTS).state_dict(), card(**changes))
    with pytest.raises(ModelFileError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        onestop.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "both_sides"),
    [
        (("lenet5", 3, 1, 32), r"fc3.weight is \[2, 84\] in the file and \[3, 84\] in the network"),
        (("lenet5", 2, 3, 32), r"conv1.weight is \[6, 1, 5, 5\] in the file and \[6, 3, 5, 5\]"),
        (
            ("nested", 2, 1, 32),
            "the network's .* is not in the file, the file's .* not in the network",
        ),
    ],
)
def test_a_file_for_another_network_names_both_sides(
    model_file: Path, network: tuple[str, int, int, int], both_sides: str
) -> None:
    with pytest.raises(UsageError, match=both_sides):
        load_weights(build(*network), model_file)


def test_foreign_checkpoints_nested_and_with_a_prefix(tmp_path: Path) -> None:
    network = build("lenet5", 2, 1, 32)
    nested = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}
    torch.save(nested, tmp_path / "checkpoint.pth")
    loaded = load_weights(build("lenet5", 2, 1, 32), tmp_path / "checkpoint.pth")
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


class Command:
    """Unpickling this would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


def test_a_file_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Command()))
    torch.save({"state_dict": Command()}, tmp_path / "evil.pth")
    with pytest.raises(UsageError, match=r"or needs code to be read; ask for a \.safetensors"):
        read_weights(tmp_path / "evil.pt")
    with pytest.raises(
        UsageError, match=r"evil.pth: contains [a-z]+\.system, which cannot be made"
    ):
        read_weights(tmp_path / "evil.pth")
    assert not Path("executed").exists()


def test_files_that_are_no_model(tmp_path: Path, model_file: Path) -> None:
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "html.safetensors").write_text("<html>not found</html>")
    (tmp_path / "cut.safetensors").write_bytes(model_file.read_bytes()[:-10])
    for name, reason in (
        ("empty", "damaged, or not a safetensors file"),
        ("html", "is a web page, not the weights"),
        ("cut", "damaged, or not a safetensors file"),
    ):
        with pytest.raises(UsageError, match=reason):
            onestop.load(tmp_path / f"{name}.safetensors")
    with pytest.raises(UsageError, match="no such run or model file"):
        onestop.load(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"no model\.safetensors in this folder"):
        onestop.load(tmp_path / "folder")
    (tmp_path / "folder" / "model.safetensors").mkdir()
    with pytest.raises(UsageError, match=r"folder/model\.safetensors: is not a file; name a run"):
        onestop.load(tmp_path / "folder")
    save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(UsageError, match="holds weights but no OneStop card"):
        onestop.load(tmp_path / "plain.safetensors")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "its card is damaged"),
        ("[1]", "its card is damaged"),
        (json.dumps({"format_version": 99}), "format 99, this OneStop reads up to 4; upgrade"),
        (json.dumps({"format_version": 1}), "its card is damaged"),
        (json.dumps({"format_version": 1, "arguments": 3}), "its card is damaged"),
    ],
)
def test_damaged_or_newer_cards(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"onestop": text})
    with pytest.raises(UsageError, match=message):
        read_card(path)


def test_a_users_own_network_is_never_imported_because_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("open('executed', 'w')")
    path = tmp_path / "model.safetensors"
    write_model(path, {"a": torch.zeros(1)}, card(network=f"{tmp_path / 'mine.py'}:Net"))
    with pytest.raises(UsageError, match="was trained with your own network"):
        onestop.load(path)
    assert not Path("executed").exists()


def test_two_writes_give_the_same_bytes(tmp_path: Path) -> None:
    network = build("lenet5", **ARGUMENTS)
    for name in ("a", "b"):
        write_model(tmp_path / name, network.state_dict(), card())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
