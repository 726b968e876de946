"""A user's own networks: a class in a file, a module or a class given in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import onestop
from onestop.errors import UsageError
from onestop.networks import build

OWN_FILE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, in_channels=3):
        super().__init__()
        self.fc = nn.Linear(in_channels, num_classes)
    def forward(self, x):
        return self.fc(x.mean((2, 3)))

class Wrong(Tiny):
    def forward(self, x):
        return x

class Broken(nn.Module):
    def __init__(self):
        raise ValueError("not today")

class NoModule:
    pass
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(OWN_FILE)
    return path


def test_a_users_own_class_is_built_from_its_file(own_file: Path) -> None:
    network = build(f"{own_file}:Tiny", 4, 1, 20)
    assert network(torch.rand(3, 1, 20, 20)).shape == (3, 4)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        ("Tinny", "has no 'Tinny'; did you mean 'Tiny'"),
        ("Broken", "cannot be built: not today"),
        ("NoModule", "returns NoModule, not a torch.nn.Module"),
        ("Wrong", r"not \(2, 4\)"),
    ],
)
def test_a_users_own_class_that_does_not_work(own_file: Path, cls: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(f"{own_file}:{cls}", 4)


def test_a_users_file_that_is_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file nowhere\.py"):
        build("nowhere.py:Net", 4)
    (tmp_path / "bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(UsageError, match="ModuleNotFoundError on import"):
        build(f"{tmp_path / 'bad.py'}:Net", 4)
    with pytest.raises(UsageError, match="name the class too"):
        build(str(tmp_path / "bad.py"), 4)


class Grey(nn.Module):
    """Takes grey images of any size."""

    def __init__(self, classes: int, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(self.conv(images)).relu().mean((2, 3)))  # type: ignore[no-any-return]


def squares() -> tuple[Any, Any]:
    """Dark and bright squares, [N, H, W] of uint8."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    return rng.integers(0, 90, (60, 20, 20)).astype(np.uint8) + 160 * labels[:, None, None], labels


QUICK: dict[str, Any] = {
    "threads": 1,
    "workers": 0,
    "quiet": True,
    "device": "cpu",
    "batch_size": 10,
}


def train(folder: Path, **given: Any) -> onestop.Run:
    return onestop.train(
        squares(), out=folder, epochs=4, lr=0.1, ema=0, augment="none", **QUICK, **given
    )


def weights(run: onestop.Run) -> dict[str, torch.Tensor]:
    return onestop.load(run.folder, Grey(2)).network.state_dict()


def test_a_module_given_in_python_is_trained_and_stays_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Grey(2)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    run = train(tmp_path, model=network)
    assert run.folder.name == "data-Grey"
    assert run.metrics["accuracy"] == 1.0
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not torch.equal(weights(run)["fc.weight"], before["fc.weight"])
    trained = Grey(2)
    images, labels = squares()
    said = onestop.predict(run.folder, list(images), network=trained)
    assert [p.label for p in said] == [str(label) for label in labels]


def test_a_class_given_in_python_is_built_for_the_data(tmp_path: Path) -> None:
    run = train(tmp_path, model=Grey)
    assert weights(run)["fc.weight"].shape == (2, 8)
    again = train(tmp_path, arch=Grey)  # another spelling; weights are a function of the seed
    assert all(torch.equal(v, weights(again)[k]) for k, v in weights(run).items())


def test_a_run_of_it_goes_on_with_the_network_given_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Grey(2)
    whole = train(tmp_path, model=network, schedule="constant")
    part = onestop.train(
        squares(), model=network, out=tmp_path, epochs=2, lr=0.1, ema=0, augment="none",
        schedule="constant", **QUICK,
    )  # fmt: skip
    with pytest.raises(UsageError, match="pass the network in Python again"):
        onestop.train(squares(), resume=part.folder, epochs=4, quiet=True)
    onestop.train(squares(), resume=part.folder, epochs=4, model=network, quiet=True)
    assert all(torch.equal(v, weights(part)[k]) for k, v in weights(whole).items())


def test_without_the_network_the_model_says_what_is_missing(tmp_path: Path) -> None:
    run = train(tmp_path, model=Grey)
    with pytest.raises(
        UsageError, match=r"was trained with your own network \(given in Python\) Grey"
    ):
        onestop.load(run.folder)


def test_parts_of_it_freeze_like_any_other(tmp_path: Path) -> None:
    network = Grey(2)
    run = train(tmp_path, model=network, freeze="backbone")
    after = weights(run)
    assert torch.equal(after["conv.weight"], network.conv.weight)
    assert torch.equal(after["norm.running_mean"], torch.zeros(8))
    assert not torch.equal(after["fc.weight"], network.fc.weight)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Grey(3), r"returns \(2, 3\) for 2 images and 2 classes"),
        (
            nn.Conv2d(3, 2, 3),
            r"does not accept 1x20x20 images \(.*\); set --channels and --image-size",
        ),
        (lambda: 5, "returns int, not a torch.nn.Module"),
    ],
    ids=["classes", "channels", "no module"],
)
def test_a_misfit_shows_before_any_work(tmp_path: Path, network: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(tmp_path, model=network)
    assert not list(tmp_path.iterdir())
