"""A2: LeNet on CIFAR-10 with batch size 8, Adam, flips and crops: the speed of small steps."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from compare import compare
from ways import bare_limit, cifar, cifar_loaders, onestop_run, tutorial_loop

TITLE = "LeNet (max-pooled, colour) on CIFAR-10: batch size 8, Adam, random flip and crop"


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The training loop of a tutorial, images read in the same process."""
    return _tutorial(words, workers=0)


def tutorial_2_workers(words: argparse.Namespace) -> Mapping[str, float]:
    """The same with two worker processes."""
    return _tutorial(words, workers=2)


def _tutorial(words: argparse.Namespace, workers: int) -> Mapping[str, float]:
    import torch

    torch.manual_seed(words.seed)
    train_loader, test_loader = cifar_loaders(words.root, 8, workers)
    network = lenet()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    return tutorial_loop(network, train_loader, test_loader, optimizer, words.epochs)


def lenet() -> Any:
    """The tutorial's network."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the tutorial's settings."""
    images = cifar(words.root)
    source = {"train": images["train"], "val": images["test"]}
    return onestop_run(source, epochs=words.epochs, seed=words.seed, **SETTINGS)


def limit(_: argparse.Namespace) -> Mapping[str, float]:
    """Only forward, loss, backward and step, on the same network with data in memory."""
    facts = {"classes": 10, "channels": 3, "height": 32, "width": 32}
    settings = {name: SETTINGS[name] for name in ("optimizer", "lr", "weight_decay")}
    return bare_limit(SETTINGS["model"], facts, batch=8, steps=5000, **settings)


SETTINGS: dict[str, Any] = {
    "model": "lenet5_max", "batch_size": 8, "optimizer": "adam", "lr": 0.001,
    "schedule": "constant", "weight_decay": 0, "ema": 0, "normalize": "half",
    "augment": "flip-crop",
}  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder of CIFAR-10: train/ and test/")
    parser.add_argument("--epochs", type=int, default=1)


if __name__ == "__main__":
    compare(TITLE, [tutorial, tutorial_2_workers, onestop, limit], _options)
