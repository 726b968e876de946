"""CIFAR-10 from scratch: time to 80 % and 88 %, compared with the tutorial LeNet's 50 epochs.

    python benchmarks/cifar10_fast.py --root CIFAR

Only `--epochs` of the tutorial's 50 epochs are timed and extrapolated. Test accuracy is measured after
every epoch, and its time is included; nothing is selected by it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from compare import compare
from ways import cifar, cifar_loaders, tutorial_loop

TITLE = "CIFAR-10 from scratch with recipes/cifar10_fast.yaml: time to 80 % and 88 % test accuracy"
RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10_fast.yaml"
EPOCHS = 50


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The tutorial's LeNet, batch size 8, no worker processes: seconds for 50 epochs."""
    import torch
    from lenet_cifar10 import lenet

    torch.manual_seed(words.seed)
    network = lenet()
    loaders = cifar_loaders(words.root, 8, 0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    metrics = tutorial_loop(network, *loaders, optimizer, words.epochs)
    return {"seconds": metrics["seconds"] / words.epochs * EPOCHS, "timed_epochs": words.epochs}


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the recipe, from arrays in memory to a finished run."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.datasets  # noqa: F401  imported before timing, as in the other variants

    import onestop
    import onestop.training.setup

    images = cifar(words.root)
    source = {"train": images["train"], "val": images["test"]}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        run = onestop.train(source, recipe=RECIPE, seed=words.seed, out=folder, quiet=True)
        seconds = time.perf_counter() - begun
        before = seconds - float(run.epochs[-1]["seconds"])  # preparation and final evaluation
        to = {f"to_{percent}": _reached(run.epochs, percent / 100) + before for percent in (80, 88)}
        last = float(run.epochs[-1]["val_accuracy"])
        return {"seconds": seconds, **to, "accuracy": last}


def _reached(rows: list[dict[str, str]], accuracy: float) -> float:
    """Seconds until the test accuracy of an epoch first reached `accuracy`."""
    times = [float(row["seconds"]) for row in rows if float(row["val_accuracy"]) >= accuracy]
    return min(times, default=float("inf"))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder of CIFAR-10: train/ and test/")
    parser.add_argument(
        "--epochs", type=int, default=1, help="number of timed epochs, of the tutorial's 50"
    )


if __name__ == "__main__":
    compare(TITLE, [tutorial, onestop], _options)
