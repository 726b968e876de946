"""Planted label errors: how many `onestop lint --model` finds, and how many others it names.

    python benchmarks/label_issues.py SOURCE --model MODEL [--per-class 50 500] [--seeds 5]

SOURCE is a folder, or a .npz file with `train_images` and `train_labels`. A share of the labels is
changed at random to another class; with each seed others are. Features are computed once.

Columns: labels named, precision and recall of these, and precision among as many as were planted, by
the ranking of confident learning and, for comparison, by the cross-validated loss alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.inference.load import load_model
from onestop.jobs.label_issues import features_by
from onestop.tasks import make_task
from onestop.training.probe.features import Features
from onestop.training.probe.folds import folds_of
from onestop.training.probe.label_issues import label_issues
from onestop.training.probe.strength import Examples, choose_strength, out_of_fold

Places = NDArray[np.int64]


def opened(source: str, per_class: int | None) -> Dataset:
    """All images of a source in one split, or so many of each class."""
    if not source.endswith(".npz"):
        return open_data(source, val_fraction=0, for_training=False)
    arrays = np.load(source)
    labels = arrays["train_labels"]
    some = np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in np.unique(labels)])
    data = (arrays["train_images"][some], labels[some])
    return open_data({"train": data}, val_fraction=0, for_training=False)


def flipped(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, dict[str, Places]]:
    """The data set with some labels changed at random, and which these are, by split."""
    rng, splits, changed = np.random.default_rng(seed), {}, {}
    for name, samples in dataset.splits.items():
        labels, count = np.array(samples.targets), len(dataset.classes)
        some = rng.choice(len(labels), round(share * len(labels)), replace=False)
        labels[some] = (labels[some] + rng.integers(1, count, len(some))) % count
        splits[name] = samples.with_targets(type(samples.targets)(labels, dataset.classes))
        changed[name] = some
    return dataset.with_splits(splits), changed


def by_loss(dataset: Dataset, features: dict[str, Features]) -> list[tuple[str, int]]:
    """The images by their cross-validated loss, the largest first."""
    task, ranked = make_task(dataset.task, dataset.classes, {}), []
    for split, of in features.items():
        targets = dataset.splits[split].targets.take(of.indices)
        folds = folds_of(targets, None, 0)
        examples = Examples(of.values, targets.batch(np.arange(len(targets))), folds)
        strength = choose_strength(examples, task, task.head().outputs).strength
        outputs = out_of_fold(examples, task, task.head().outputs, strength)
        losses = task.losses(outputs, examples.targets).tolist()
        ranked += [(loss, split, i) for loss, i in zip(losses, of.indices.tolist(), strict=True)]
    return [(split, i) for _, split, i in sorted(ranked, reverse=True)]


def measure(source: str, model: str, per_class: int | None, share: float, seeds: int) -> None:
    """Print a row."""
    dataset, begun = opened(source, per_class), time.perf_counter()
    features, images = features_by(load_model(model)[0], dataset, lambda *_: None)
    took, rows, seconds = time.perf_counter() - begun, [], []
    for seed in range(seeds):
        changed, places = flipped(dataset, share, seed)
        planted = {(split, i) for split, some in places.items() for i in some.tolist()}
        begun = time.perf_counter()
        issues = label_issues(make_task(dataset.task, dataset.classes, {}), changed, features, seed)
        seconds.append(time.perf_counter() - begun)
        named = [(place.split, place.index) for place in issues.places]
        right, count = sum(place in planted for place in named), len(planted)
        top = sum(place in planted for place in named[:count]) / count
        loss = sum(place in planted for place in by_loss(changed, features)[:count]) / count
        rows.append((len(named), right / max(len(named), 1), right / count, top, loss))
    name = f"{Path(source).stem}{f', {per_class} a class' if per_class else ''}"
    cells = [
        f"{np.mean(v):.0%} ({min(v):.0%} to {max(v):.0%})"
        for v in list(zip(*rows, strict=True))[1:]
    ]
    named_count = f"{np.mean([row[0] for row in rows]):.0f}"
    line = (name, Path(model).stem, f"{images:,}", f"{len(planted):,}", named_count, *cells,
            f"{took:.0f} + {np.mean(seconds):.1f}")  # fmt: skip
    print("| " + " | ".join(line) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source")
    parser.add_argument("--model", required=True, nargs="+")
    parser.add_argument("--per-class", type=int, nargs="*", default=[])
    parser.add_argument("--flips", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    for model in asked.model:
        for per_class in asked.per_class or [None]:
            measure(asked.source, model, per_class, asked.flips, asked.seeds)


if __name__ == "__main__":
    main()
