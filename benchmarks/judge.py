"""Accuracy of a recipe: trains on N images of a data set with several seeds.

    python benchmarks/judge.py digits --images 200 --seeds 2 epochs=5
    python benchmarks/judge.py mnist --root DATA --images 2000
    python benchmarks/judge.py FOLDER --seeds 5 model=squeezenet1_1 weights=FILE

Settings that are not passed as NAME=VALUE are derived, so this also evaluates the defaults. The images
are balanced over the classes, the same for all seeds, and never from the evaluated split. Prints one
line per seed and the median; the split is the one that a run evaluates at its end (test, else val).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

import onestop
from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.samples import Samples
from onestop.runtime.memory import keep_freed_memory
from onestop.runtime.rng import key_for, permutation


def main() -> None:
    """Parse the arguments, train once per seed, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", help="any source of `onestop train`")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="fields of the recipe")
    parser.add_argument("--root", help="folder of data sets known by name")
    parser.add_argument("--images", type=int, help="images to train on (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    words = parser.parse_intermixed_args()
    keep_freed_memory()
    settings = dict(pair.split("=", 1) for pair in words.settings)
    source = words.source
    if words.images:
        source = few(open_data(source, root=words.root, val_fraction=0), words.images)
    print(f"{words.source}, {words.images or 'all'} images, {settings or 'all derived'}")
    accuracies = [judge(source, words.root, seed, settings) for seed in range(words.seeds)]
    spread = f"least {min(accuracies):.2%}, most {max(accuracies):.2%}"
    print(f"median {statistics.median(accuracies):.2%} ({spread}, {len(accuracies)} seeds)")


def judge(source: object, root: str | None, seed: int, settings: Mapping[str, str]) -> float:
    """Train once and print the result; returns the accuracy."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        arguments: dict[str, Any] = {"seed": seed, "data_root": root, **settings}
        metrics = onestop.train(source, out=folder, quiet=True, **arguments).metrics
    print(
        f"  seed {seed}: {metrics['split']} accuracy {metrics['accuracy']:.2%}, "
        f"best epoch {metrics['best_epoch']} of {metrics['epochs']}, "
        f"{time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    return float(metrics["accuracy"])


def few(dataset: Dataset, count: int) -> dict[str, object]:
    """The data set with fewer training images, the same number for each class."""
    train = dataset.splits["train"]
    order = permutation(key_for("judge", count), len(train))
    each = count // len(dataset.classes)
    indices = [order[train.targets[order] == k][:each] for k in range(len(dataset.classes))]
    rest = {name: s for name, s in dataset.splits.items() if name != "train"}
    return {
        "train": arrays(train.take(np.concatenate(indices))),
        **{n: arrays(s) for n, s in rest.items()},
    }


def arrays(samples: Samples) -> tuple[object, object]:
    """All images [N, H, W, C], of equal size, and their labels [N]."""
    channels = samples.measure(0)[2]
    return np.stack([samples.read(i, channels) for i in range(len(samples))]), samples.targets


if __name__ == "__main__":
    main()
