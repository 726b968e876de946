"""A1: LeNet-5 on MNIST, batch 128, 2 epochs, evaluated on training and test images after each."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Mapping

from compare import compare

TITLE = "LeNet-5 on MNIST: 2 epochs of batch 128, evaluated on training and test images after each"


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The training loop of a tutorial."""
    import torch
    from torch import nn
    from torchvision import datasets, transforms

    begun = time.perf_counter()
    torch.manual_seed(words.seed)
    change = transforms.Compose([transforms.Resize(32), transforms.ToTensor()])
    train_set = datasets.MNIST(words.root, train=True, transform=change)
    test_set = datasets.MNIST(words.root, train=False, transform=change)
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=128, shuffle=True)
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=128)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)

    def accuracy(loader: torch.utils.data.DataLoader[object]) -> float:
        network.eval()
        right = total = 0
        with torch.no_grad():
            for images, labels in loader:
                right += (network(images).argmax(1) == labels).sum().item()
                total += len(labels)
        return right / total

    for _ in range(2):
        network.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimizer.step()
        train_accuracy, test_accuracy = accuracy(train_loader), accuracy(test_loader)
    return {
        "seconds": time.perf_counter() - begun, "accuracy": test_accuracy,
        "train_accuracy": train_accuracy,
    }  # fmt: skip


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the tutorial's settings, also evaluated on both sets after each epoch."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.datasets  # noqa: F401  imported before timing, as in the other variants

    from onestop.data import open_data
    from onestop.networks import find
    from onestop.training.loop import fit
    from onestop.training.phases import Phases
    from onestop.training.plan import plan
    from onestop.training.setup import set_up
    from onestop.verbs.train import resolve

    begun = time.perf_counter()
    settings = resolve(
        "mnist", data_root=words.root, model="lenet5", batch_size=128, epochs=2, optimizer="sgd",
        lr=0.1, momentum=0, weight_decay=0, schedule="constant", ema=0, normalize="none",
        augment="none", val_fraction=0, seed=words.seed,
    )  # fmt: skip
    dataset = open_data("mnist", root=words.root, val_fraction=0)
    session = set_up(plan(settings.recipe, find("lenet5"), dataset))
    scores: dict[str, float] = {}

    def evaluate(network: object) -> dict[str, float]:
        for split in ("train", "test"):
            scores[split] = session.score(network, split).metrics["accuracy"]  # type: ignore[arg-type]
        return {}

    phase = dataclasses.replace(session.phases().first, score=evaluate)
    phases = Phases(phase, phase, 0, session.order)
    with session.plan.engine.applied():
        for _ in fit(
            session.training, session.task, phases, session.step, session.goal, session.rate
        ):
            pass
    return {
        "seconds": time.perf_counter() - begun, "accuracy": scores["test"],
        "train_accuracy": scores["train"],
    }  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder with MNIST/raw")


if __name__ == "__main__":
    compare(TITLE, [tutorial, onestop], _options)
