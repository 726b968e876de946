"""How good a recipe is: trains on the first N images of a data set with several seeds.

    python benchmarks/judge.py digits --images 200 --seeds 2 epochs=5
    python benchmarks/judge.py mnist --root DATA --images 2000
    python benchmarks/judge.py FOLDER --seeds 5 model=squeezenet1_1 weights=FILE

What is not given as NAME=VALUE is derived, so this is also how the defaults are judged. The images
are drawn class by class, the same for all seeds and never those of the split that is scored. Prints a
line a seed and the median; the split is the one a run scores at its end (test, else val).
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
    """Parse the words, train once a seed, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", help="as `onestop train` takes it")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="fields of the recipe")
    parser.add_argument("--root", help="folder of the sets known by name")
    parser.add_argument("--images", type=int, help="images to train on (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="so many, from 0 on (default: 3)")
    words = parser.parse_intermixed_args()
    keep_freed_memory()
    given = dict(pair.split("=", 1) for pair in words.settings)
    source = words.source
    if words.images:
        source = few(open_data(source, root=words.root, val_fraction=0), words.images)
    print(f"{words.source}, {words.images or 'all'} images, {given or 'all derived'}")
    figures = [judge(source, words.root, seed, given) for seed in range(words.seeds)]
    spread = f"least {min(figures):.2%}, most {max(figures):.2%}"
    print(f"median {statistics.median(figures):.2%} ({spread}, {len(figures)} seeds)")


def judge(source: object, root: str | None, seed: int, given: Mapping[str, str]) -> float:
    """Train once and print what came of it; the accuracy."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"seed": seed, "data_root": root, **given}
        metrics = onestop.train(source, out=folder, quiet=True, **settings).metrics
    print(
        f"  seed {seed}: {metrics['split']} accuracy {metrics['accuracy']:.2%}, "
        f"best epoch {metrics['best_epoch']} of {metrics['epochs']}, "
        f"{time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    return float(metrics["accuracy"])


def few(dataset: Dataset, count: int) -> dict[str, object]:
    """The data set with fewer training images, of each class as many as of any other."""
    train = dataset.splits["train"]
    order = permutation(key_for("judge", count), len(train))
    each = count // len(dataset.classes)
    kept = [order[train.targets[order] == k][:each] for k in range(len(dataset.classes))]
    rest = {name: s for name, s in dataset.splits.items() if name != "train"}
    return {
        "train": arrays(train.take(np.concatenate(kept))),
        **{n: arrays(s) for n, s in rest.items()},
    }


def arrays(samples: Samples) -> tuple[object, object]:
    """All images [N, H, W, C] of one size, and their labels [N]."""
    channels = samples.measure(0)[2]
    return np.stack([samples.read(i, channels) for i in range(len(samples))]), samples.targets


if __name__ == "__main__":
    main()
