"""Whether the forecasts of `onestop curve` come true: on parts of a data set, against twice the images.

    python benchmarks/learning_curve.py cifar10.npz --model MODEL [--images 250 500 1000] [--seeds 10]

The file has `train_images` and `train_labels`. A curve is measured on so many images, drawn at random;
then a linear model is fitted to twice as many and measured on all others. A row has the mean forecast
and the mean of what came, the root mean squared error of the forecast, and how often its 95 % interval
held what came; also of the gain over the model with the images that the curve had.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

from onestop.data import open_data
from onestop.inference.load import load_model
from onestop.jobs.label_issues import features_by
from onestop.metrics.power_law import forecast
from onestop.tasks import Task, make_task
from onestop.training.probe.curve import learning_curve
from onestop.training.probe.features import Features
from onestop.training.probe.folds import folds_of
from onestop.training.probe.strength import Examples, choose_strength, fit


def accuracy(
    task: Task[torch.Tensor], values: torch.Tensor, labels: torch.Tensor, train: NDArray[np.int64],
    test: NDArray[np.int64], folds: NDArray[np.int64],
) -> float:  # fmt: skip
    """Of a linear model that is fitted to some images, on others."""
    examples, outputs = Examples(values[train], labels[train], folds), task.head().outputs
    strength = choose_strength(examples, task, outputs).strength
    weight, bias = fit(examples, task, outputs, strength)
    predicted = (values[test].double() @ weight.T + bias).argmax(1)
    return float((predicted == labels[test]).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pool", type=int, default=6000)
    parser.add_argument("--images", type=int, nargs="*", default=[250, 500, 1000])
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    arrays = np.load(asked.source)
    drawn = np.random.default_rng(0).permutation(len(arrays["train_labels"]))[: asked.pool]
    pool = {"train": tuple(arrays[f"train_{name}"][drawn] for name in ("images", "labels"))}
    dataset = open_data(pool, val_fraction=0, for_training=False)
    values = features_by(load_model(asked.model)[0], dataset, lambda *_: None)[0]["train"].values
    task, targets = make_task(dataset.task, dataset.classes, {}), dataset.targets
    labels = targets.batch(np.arange(len(targets)))
    for count in asked.images:
        rows = []
        for seed in range(asked.seeds):
            order = np.random.default_rng(seed).permutation(len(targets))
            some, twice, rest = order[:count], order[: 2 * count], order[2 * count :]
            made = Features(np.arange(count), values[some])
            curve = learning_curve(task, targets.take(some), made, None, seed)
            law = forecast(curve.sizes, curve.values, (count, 2 * count), higher=True)
            came = [
                accuracy(task, values, labels, part, rest, folds_of(targets.take(part), None, seed))
                for part in (some, twice)
            ]
            truth = (*came, came[1] - came[0])
            rows.append([
                (of.value, true, (of.value - true) ** 2, of.low <= true <= of.high)
                for of, true in zip(law, truth, strict=True)
            ])  # fmt: skip
        _, at_twice, gain = np.array(rows, float).mean(0)
        cells = [
            f"{m[0]:.1%} | {m[1]:.1%} | {m[2] ** 0.5:.1%} | {m[3]:.0%}" for m in (at_twice, gain)
        ]
        print(f"| {count:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
