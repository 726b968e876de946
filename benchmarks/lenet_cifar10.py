"""A2: LeNet on CIFAR-10 with batches of 8, Adam, flips and crops: the speed of small steps."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from compare import compare
from ways import bare_limit, cifar, onestop_run

TITLE = "LeNet (max-pooled, colour) on CIFAR-10: batches of 8, Adam, random flip and crop"


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """A loop as readers of tutorials write it, images read in the same process."""
    return _tutorial(words, workers=0)


def tutorial_2_workers(words: argparse.Namespace) -> Mapping[str, float]:
    """The same with two worker processes."""
    return _tutorial(words, workers=2)


def _tutorial(words: argparse.Namespace, workers: int) -> Mapping[str, float]:
    import torch
    from torch import nn
    from torchvision import transforms

    torch.manual_seed(words.seed)
    normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    change = transforms.Compose([
        transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4),
        transforms.ToTensor(), normalize,
    ])  # fmt: skip
    plain = transforms.Compose([transforms.ToTensor(), normalize])
    images = cifar(words.root)
    train_set, test_set = Pictures(*images["train"], change), Pictures(*images["test"], plain)
    train_loader = torch.utils.data.DataLoader(
        train_set, batch_size=8, shuffle=True, num_workers=workers
    )
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=8, num_workers=workers)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)

    begun = time.perf_counter()
    learning = 0.0
    for _ in range(words.epochs):
        started = time.perf_counter()
        network.train()
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(network(inputs), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        learning += time.perf_counter() - started
        network.eval()
        right = total = 0
        with torch.no_grad():
            for inputs, labels in test_loader:
                right += (network(inputs).argmax(1) == labels).sum().item()
                total += len(labels)
    return {
        "seconds": time.perf_counter() - begun,
        "images_per_second": words.epochs * len(train_set) / learning,
        "accuracy": right / total,
    }


class Pictures:
    """CIFAR-10 as torchvision's own data set holds it: arrays, of which each item is a picture."""

    def __init__(self, images, labels, change):  # type: ignore[no-untyped-def]
        self.images, self.labels, self.change = images, labels, change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[object, int]:
        from PIL import Image

        return self.change(Image.fromarray(self.images[index])), int(self.labels[index])


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the tutorial's settings."""
    images = cifar(words.root)
    source = {"train": images["train"], "val": images["test"]}
    return onestop_run(source, epochs=words.epochs, seed=words.seed, **SETTINGS)


def limit(_: argparse.Namespace) -> Mapping[str, float]:
    """The same network and batch on data in memory, and nothing else."""
    facts = {"classes": 10, "channels": 3, "height": 32, "width": 32}
    return bare_limit("lenet5_max", facts, batch=8, steps=5000)


SETTINGS = {
    "model": "lenet5_max", "batch_size": 8, "optimizer": "adam", "lr": 0.001,
    "schedule": "constant", "weight_decay": 0, "ema": 0, "normalize": "half",
    "augment": "flip-crop",
}  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder of CIFAR-10: train/ and test/")
    parser.add_argument("--epochs", type=int, default=1)


if __name__ == "__main__":
    compare(TITLE, [tutorial, tutorial_2_workers, onestop, limit], _options)
