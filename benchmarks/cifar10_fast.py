"""CIFAR-10 from scratch: time to 80 % and 88 %, as a share of the tutorial LeNet's 50 epochs.

    python benchmarks/cifar10_fast.py --root CIFAR

Of the tutorial's 50 epochs `--epochs` are run and timed; the rest would take as long again. Test
accuracy is looked at after every epoch, which takes time too and counts; nothing is chosen by it.
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
    """The tutorial's LeNet, batches of 8, no worker processes: seconds of 50 epochs."""
    import torch
    from lenet_cifar10 import lenet

    torch.manual_seed(words.seed)
    network = lenet()
    loaders = cifar_loaders(words.root, 8, 0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    figures = tutorial_loop(network, *loaders, optimizer, words.epochs)
    return {"seconds": figures["seconds"] / words.epochs * EPOCHS, "timed_epochs": words.epochs}


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the recipe, from arrays in memory to a finished run."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.datasets  # noqa: F401  imported before the clock starts, as in the other ways

    import onestop
    from onestop.training import setup as assembly  # noqa: F401  the same

    images = cifar(words.root)
    source = {"train": images["train"], "val": images["test"]}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        run = onestop.train(source, recipe=RECIPE, seed=words.seed, out=folder, quiet=True)
        seconds = time.perf_counter() - begun
        before = seconds - float(run.epochs[-1]["seconds"])  # preparation, and the end's scoring
        to = {f"to_{percent}": _reached(run.epochs, percent / 100) + before for percent in (80, 88)}
        last = float(run.epochs[-1]["val_accuracy"])
        return {"seconds": seconds, **to, "accuracy": last}


def _reached(rows: list[dict[str, str]], accuracy: float) -> float:
    """Seconds after which an epoch's test accuracy was that high for the first time."""
    times = [float(row["seconds"]) for row in rows if float(row["val_accuracy"]) >= accuracy]
    return min(times, default=float("inf"))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder of CIFAR-10: train/ and test/")
    parser.add_argument("--epochs", type=int, default=1, help="of the tutorial's 50, timed")


if __name__ == "__main__":
    compare(TITLE, [tutorial, onestop], _options)
