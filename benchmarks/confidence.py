"""Whether confidence means something: calibration, flagged images, and error rates that were asked for.

    python benchmarks/confidence.py calibration SOURCE [SOURCE ...] --seeds 3 [--settings NAME=VALUE
    ...] python benchmarks/confidence.py outliers MODEL [NAME=FOLDER ...] python
    benchmarks/confidence.py detectors MODEL [NAME=FOLDER ...] python benchmarks/confidence.py errors
    MODEL [MODEL ...] --rates 0.05 0.1 python benchmarks/confidence.py repeated SOURCE --rates 0.05
    0.1 [--settings NAME=VALUE ...]

`calibration` trains and prints the calibration error of the test split (else of the validation split,
which calibration was fitted on) before and after. `outliers` prints the share of images of each
folder that `predict` flags, also of digits, noise and textures that are made here. `detectors`
compares ways to tell them, each with a threshold from a random half of the held-out images, 20 times.
`errors` divides the held-out images of a trained model at random, 20 times: an error rate is
guaranteed from one part and measured on the other. `repeated` trains 20 times and measures on the
test split.
"""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import onestop
from onestop.inference.held_out import open_as_trained
from onestop.inference.model import Model
from onestop.inference.predictions import targets_of
from onestop.inference.score import batch_size, score
from onestop.metrics.outliers import FALSE_ALARMS, learn
from onestop.metrics.selective import guarantee

SPLITS = 20
Arrays = NDArray[np.float64]


def settings_of(words: list[str]) -> dict[str, Any]:
    """Settings such as `epochs=3` or `normalize=half`."""
    settings: dict[str, Any] = {"quiet": True, "threads": 1, "no_report": True}
    for word in words:
        name, _, value = word.partition("=")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def calibrations(words: argparse.Namespace) -> None:
    """Calibration error before and after, for each source and seed."""
    for source in words.sources:
        for seed in range(words.seeds):
            run = onestop.train(source, **{**settings_of(words.settings), "seed": seed})
            metrics, model = run.metrics, onestop.load(run.folder)
            found = metrics["calibration"]
            chosen = {k: v for k, v in model.task.options().items() if k != "thresholds"}
            texts = [
                f"{found.get(f'{which}error', found['error']):.1%} "
                f"({found.get(f'{which}low', found['low']):.1%} to "
                f"{found.get(f'{which}high', found['high']):.1%})"
                for which in ("raw_", "")
            ]
            raw = onestop.evaluate(run.folder, no_calibration=True).metrics["loss"]
            numbers = ", ".join(f"{name} {value:.2f}" for name, value in chosen.items())
            split = f"{metrics['images']} {metrics['split']}"
            row(
                Path(source).name,
                seed,
                split,
                numbers,
                *texts,
                f"{raw:.3f}",
                f"{metrics['loss']:.3f}",
            )


def textures(count: int, side: int = 224) -> list[NDArray[np.uint8]]:
    """Waves, products of waves, and clouds, each between two colours."""
    rng, pictures = np.random.default_rng(0), []
    y, x = np.mgrid[:side, :side]
    for number in range(count):
        angle, pace = rng.uniform(0, np.pi), rng.uniform(0.05, 0.6)
        wave = np.sin(pace * (x * np.cos(angle) + y * np.sin(angle)))
        if number % 3 == 1:
            wave = wave * np.sin(pace * (x * np.cos(angle + 1.3) + y * np.sin(angle + 1.3)))
        if number % 3 == 2:
            size = int(rng.integers(4, 28))
            small = torch.from_numpy(rng.normal(size=(1, 1, size, size)))
            wave = torch.nn.functional.interpolate(small, (side, side), mode="bicubic")[
                0, 0
            ].numpy()
            wave = wave / np.abs(wave).max()
        colours = rng.integers(0, 256, (2, 3))
        mixed = (wave[..., None] + 1) / 2 * colours[0] + (1 - wave[..., None]) / 2 * colours[1]
        pictures.append(mixed.clip(0, 255).astype(np.uint8))
    return pictures


def others(folders: list[str], most: int) -> Iterator[tuple[str, list[Any]]]:
    """Images unlike most training data, by name: made here, and at most as many of each folder."""
    digits = load_digits().images[:most] / 16 * 255
    yield "digits", [np.kron(image, np.ones((28, 28))).astype(np.uint8) for image in digits]
    rng = np.random.default_rng(0)
    yield "noise", [rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(most)]
    yield "textures", textures(most)
    for word in folders:
        name, _, folder = word.partition("=")
        files = sorted(
            path
            for path in Path(folder).rglob("*")
            if path.suffix in (".jpg", ".jpeg", ".png") and "mask" not in str(path)
        )
        chosen = np.random.default_rng(0).permutation(len(files))[:most]
        yield name, [files[k] for k in sorted(chosen)]


def flagged(words: argparse.Namespace) -> None:
    """The share of each kind of images that is called unlike the training images."""
    for name, images in others(words.folders, words.most):
        predictions = list(onestop.predict(words.model, images))
        share = np.mean([prediction.unlike_training for prediction in predictions])
        sure = np.mean([(prediction.score or 0) > 0.9 for prediction in predictions])
        row(name, len(images), f"{share:.1%}", f"{sure:.1%}")


def features_of(model: Model, samples: Any) -> Arrays:
    """The features of a split."""
    batches = model.feed(samples).in_order(batch_size(model.preprocessing.shape))
    layer = model.confidence.layer
    found = score(model.fast, model.task, batches, model.engine, layer=layer).features
    assert found is not None
    return found.double().numpy()


def nearest(train: Arrays, k: int, *, scaled: bool) -> Callable[[Arrays], Arrays]:
    """Distance to the k-th nearest of the training features (Sun et al. 2022, if they are scaled)."""

    def ready(features: Arrays) -> Arrays:
        return features / np.linalg.norm(features, axis=1, keepdims=True) if scaled else features

    bank = ready(train)

    def distance(features: Arrays) -> Arrays:
        points = ready(features)
        squares = (points**2).sum(1)[:, None] + (bank**2).sum(1) - 2 * points @ bank.T
        return np.sort(squares, 1)[:, k - 1]

    return distance


def mahalanobis(train: Arrays) -> Callable[[Arrays], Arrays]:
    """Of features that are not scaled, with the covariance of Ledoit and Wolf."""
    from sklearn.covariance import LedoitWolf

    fitted = LedoitWolf().fit(train)
    return lambda features: np.asarray(fitted.mahalanobis(features))


def detectors(words: argparse.Namespace) -> None:
    """Share flagged by several detectors, each with the same rate of false alarms."""
    model = onestop.load(words.model)
    dataset = open_as_trained(model.card).dataset.onto(model.classes)
    train = features_of(model, dataset.splits["train"])[: words.bank]
    held_out = features_of(model, dataset.splits["val"])
    strange = {}
    for name, images in others(words.folders, words.most):
        prepared = torch.stack([model.prepare(image) for image in images])
        parts = []
        with torch.inference_mode():
            from onestop.networks.features import Features

            for part in prepared.split(32):
                with Features(model.fast, model.confidence.layer) as caught:
                    outputs = model.fast(model.preprocessing.normalise(part))
                    parts.append(caught.take(outputs).double())
        strange[name] = torch.cat(parts).numpy()
    ours = learn(train, held_out)
    assert ours is not None
    ways = {
        "ours: scaled, shrunk, few directions": ours.distances,
        "Mahalanobis, not scaled": mahalanobis(train),
        "5th nearest, scaled": nearest(train, 5, scaled=True),
        "nearest, scaled": nearest(train, 1, scaled=True),
        "5th nearest, not scaled": nearest(train, 5, scaled=False),
    }
    row("detector", "false alarms", *strange)
    for way, distance in ways.items():
        known, shares = distance(held_out), []
        far = {name: distance(features) for name, features in strange.items()}
        for split in range(SPLITS):
            order = np.random.default_rng(split).permutation(len(known))
            half = np.array_split(order, 2)
            place = math.ceil((1 - FALSE_ALARMS) * (len(half[0]) + 1)) - 1
            limit = np.sort(known[half[0]])[place]
            measured = [known[half[1]], *far.values()]
            shares.append([float((values > limit).mean()) for values in measured])
        row(way, *(f"{share:.1%}" for share in np.mean(shares, 0)))


def certainty(model: Model, split: str) -> tuple[Arrays, NDArray[np.bool_]]:
    """How certain each prediction for a split is, and whether it is correct."""
    samples = open_as_trained(model.card).dataset.onto(model.classes).splits[split]
    scored, _ = model.score(samples, keep_outputs=True)
    assert scored.outputs is not None
    scores = model.task.certainty(scored.outputs)
    assert scores is not None
    described = model.task.describe(scored.outputs, targets_of(samples, scored))
    return scores.double().numpy(), np.array([bool(p.correct) for p in described])


def summary(name: str, rate: float, measured: list[tuple[float, int, int]]) -> None:
    """A row; `measured` has the coverage, the answers and the errors of each split."""
    coverage = [share for share, _, _ in measured]
    answers, errors = sum(n for _, n, _ in measured), sum(k for _, _, k in measured)
    above = sum(k > rate * n for _, n, k in measured)
    given = sum(n > 0 for _, n, _ in measured)
    spread = f"{np.mean(coverage):.0%} ({min(coverage):.0%} to {max(coverage):.0%})"
    error = f"{errors / answers:.1%}" if answers else ""
    row(
        name,
        f"{rate:.0%}",
        f"{given} of {len(measured)}",
        spread,
        error,
        f"{above} of {len(measured)}",
    )


def errors(words: argparse.Namespace) -> None:
    """Guaranteed on one part of the held-out images, measured on the other."""
    for path in words.models:
        model = onestop.load(path)
        scores, right = certainty(model, words.split)
        name = (
            f"{Path(path).name}, {words.split}: {len(right)} images, {1 - right.mean():.1%} wrong"
        )
        for rate in words.rates:
            measured = []
            for split in range(SPLITS):
                order = np.random.default_rng(split).permutation(len(scores))
                count = round(words.share * len(order))
                known, new = order[:count], order[count:]
                found = guarantee(scores[known], right[known], rate)
                answered = scores[new] >= (np.inf if found is None else found.threshold)
                wrong = int((~right[new][answered]).sum())
                measured.append((float(answered.mean()), int(answered.sum()), wrong))
            summary(name, rate, measured)


def repeated(words: argparse.Namespace) -> None:
    """Trained anew with each seed, guaranteed by the model file, measured on the test split."""
    measured: dict[float, list[tuple[float, int, int]]] = {rate: [] for rate in words.rates}
    wrong_before = []
    for seed in range(SPLITS):
        run = onestop.train(words.source, **{**settings_of(words.settings), "seed": seed})
        model = onestop.load(run.folder)
        scores, right = certainty(model, run.metrics["split"])
        wrong_before.append(1 - right.mean())
        for rate in words.rates:
            answered = scores >= model.confidence.threshold(rate)
            wrong = int((~right[answered]).sum())
            measured[rate].append((float(answered.mean()), int(answered.sum()), wrong))
    for rate, values in measured.items():
        name = f"{Path(words.source).name}: {np.mean(wrong_before):.1%} wrong"
        summary(name, rate, values)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = parser.add_subparsers(required=True)
    way = ways.add_parser("calibration")
    way.add_argument("sources", nargs="+")
    way.add_argument("--seeds", type=int, default=3)
    way.add_argument("--settings", nargs="*", default=[])
    way.set_defaults(run=calibrations)
    way = ways.add_parser("outliers")
    way.add_argument("model")
    way.add_argument("folders", nargs="*")
    way.add_argument("--most", type=int, default=100)
    way.set_defaults(run=flagged)
    way = ways.add_parser("detectors")
    way.add_argument("model")
    way.add_argument("folders", nargs="*")
    way.add_argument("--most", type=int, default=100)
    way.add_argument("--bank", type=int, default=1024)
    way.set_defaults(run=detectors)
    way = ways.add_parser("errors")
    way.add_argument("models", nargs="+")
    way.add_argument("--split", default="val")
    way.add_argument("--share", type=float, default=0.5)
    way.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1])
    way.set_defaults(run=errors)
    way = ways.add_parser("repeated")
    way.add_argument("source")
    way.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1])
    way.add_argument("--settings", nargs="*", default=[])
    way.set_defaults(run=repeated)
    words = parser.parse_args()
    torch.set_num_threads(1)
    words.run(words)


if __name__ == "__main__":
    main()
