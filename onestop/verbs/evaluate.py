"""`onestop evaluate`: score a trained model on held-out images."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.recipe import Precision
from onestop.recipe.arguments import PREPARING, READING, checked_fields, takes_fields
from onestop.recipe.markers import flag
from onestop.recipe.schema import DEFAULTS
from onestop.recipe.signatures import checked
from onestop.results.evaluation import Evaluation
from onestop.storage.model_header import DIGEST

if TYPE_CHECKING:
    from torch import nn

    from onestop.data.dataset import Dataset
    from onestop.inference.answers import Answers
    from onestop.inference.held_out import Opened
    from onestop.inference.model import Model
    from onestop.storage.model_file import Card


@takes_fields(*READING, *PREPARING)
@checked
def evaluate(
    model: Any,
    data: Any = None,
    *,
    split: str | None = None,
    data_root: str | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    network: nn.Module | str | None = None,
    weights: str | Path | None = None,
    classes: Any = None,
    restrict: bool = False,
    map: Any = None,  # noqa: A002  (the flag's name)
    strict: bool = False,
    no_calibration: bool = False,
    **settings: Any,
) -> Evaluation:
    """Score a trained model on held-out images.

    Classes are matched by name, whatever their order in the data. Those of ImageNet may be written as
    n01440764, tench, 'tench, Tinca tinca', 0, 000 or n01440764_tench.

    Args:
        model: run folder, model file, network by name with published weights (torchvision:vgg13) or
            with --weights, or a file of weights from anywhere
        data: other images to score it on, in any form `train` takes; a plain folder of classes is
            scored as a whole (default: the model's training data, split as in training)
        split: train, val or test (default: test, else val)
        data_root: folder of the data sets known by name (default: as in training)
        device: cpu, cuda, cuda:1, mps (default: the best available)
        precision: arithmetic: 32 bits, TF32 (NVIDIA GPUs), or mixed with 16 bits (default: as in
            training; fp32 for published weights and on other devices)
        network: path/to/file.py:Class of a custom network; in Python also the network itself
        weights: weights of a network by name: default (the best published), the name of published ones
            (IMAGENET1K_V1), or a file from anywhere (default: default)
        classes: names of the classes of such a network, in the order of its outputs: a file with one a
            line, or JSON of index to name; in Python also a list (default: ImageNet's, if there are
            1,000)
        restrict: choose among the classes that the data have, and leave out the model's others
        map: CSV file of the model's classes and one's own (tench,fish), whose probabilities are added
            up; in Python also a mapping
        strict: stop if a file cannot be used, instead of skipping and reporting it
        no_calibration: measure the network's own probabilities
        settings: how `data` is read, and how images are prepared

    Returns:
        The metrics, as in a run's metrics.json.

    Raises:
        OneStopError: No model, no such split, or targets that do not fit the model.
    """
    from onestop.inference.answers import answering
    from onestop.inference.load import describe_model
    from onestop.runtime.rng import preserved

    chosen = checked_fields(settings, (*READING, *PREPARING))
    prepared = {name: chosen.pop(name) for name in PREPARING if settings.get(name) is not None}
    with preserved():
        described = describe_model(
            model, network, weights=weights, classes=classes, settings=prepared
        )
        reading = {name: chosen[name] for name in READING if name in chosen}
        opened = _open(described.card, data, split, data_root, reading)
        dataset = opened.dataset
        name = split or next((s for s in ("test", "val", "train") if s in dataset.splits), "test")
        opened.split(name)
        _require_objects_or_none(dataset, described.card)
        answers = answering(described.card, dataset, restrict=restrict, mapping=map)
        _require_task(dataset, described.card)
        loaded = described.load().on(device, precision)
    if no_calibration:
        loaded = loaded.uncalibrated()
    return _scored(answers.of(loaded), answers, opened, described.file, name, strict=strict)


def _require_objects_or_none(dataset: Dataset, card: Card) -> None:
    """Classes of objects are not compared with those of images: they mean something else."""
    from onestop.tasks import TASKS

    if TASKS[dataset.task].whole != TASKS[card.task].whole:
        _require_task(dataset, card)


def _require_task(dataset: Dataset, card: Card) -> None:
    if dataset.task != card.task:
        raise DataError(
            f"{dataset.name}: its targets are for {dataset.task}, the model is for {card.task}"
        )


def _scored(
    model: Model, answers: Answers, opened: Opened, file: Path, name: str, *, strict: bool
) -> Evaluation:
    from onestop.data.dataset import named, require_none_skipped
    from onestop.inference.answers import others_note
    from onestop.inference.held_out import trained_among
    from onestop.inference.predictions import predictions_of, reliability_of
    from onestop.inference.score import require_finite

    dataset = answers.dataset
    samples = dataset.split(name)
    begun = time.perf_counter()
    scored, loader = model.score(samples, keep_outputs=True)
    seconds = time.perf_counter() - begun
    unreadable = loader.skipped()
    skipped = [s for s in dataset.skipped if s.split in ("", name)] + unreadable
    if strict:
        require_none_skipped(skipped, dataset.name)
    if scored.metrics["images"] == 0:
        why = f" ({named(unreadable)})" if unreadable else ""
        raise DataError(f"{dataset.name}: no image of split {name!r} can be read{why}")
    names = [samples.name(i) for i in scored.indices]
    require_finite(model.task, scored.outputs, names, dataset.name)
    training = model.card.metrics
    known = {k: training[k] for k in ("best_epoch", "epochs", "seed", DIGEST) if k in training}
    metrics = {
        "split": name,
        **scored.metrics,
        **reliability_of(model.task, loader, scored),
        **known,
        "seconds": seconds,
        "images_per_second": scored.metrics["images"] / seconds,
        "skipped": len(skipped),
    }
    predictions = predictions_of(model.task, loader, scored)
    if collapse := model.task.collapse(predictions):
        metrics["warnings"] = [collapse]
    trained, trained_note = trained_among(model.card, samples, scored.indices)
    others = others_note([p.label for p in predictions], dataset) if model.task.exclusive else ""
    notes = [*model.notes, *answers.notes, *opened.notes(name), trained_note, others]
    return Evaluation(
        file, dataset.name, metrics, tuple(vars(s) for s in skipped),
        tuple(f"{s.path}: {s.reason}" for s in loader.remarks()), tuple(predictions), model.task,
        tuple(filter(None, notes)), trained, model.task.intervals(metrics),
    )  # fmt: skip


def _open(
    card: Card, data: Any, split: str | None, data_root: str | None, reading: dict[str, Any]
) -> Opened:
    from onestop.data import as_in_training, open_data
    from onestop.inference.held_out import among, open_as_trained

    if data is None:
        for name, value in reading.items():
            if value != DEFAULTS[name]:
                raise UsageError(
                    f"{flag(name, value)}: the training data are read as in training; name others with "
                    "--data, or leave it out"
                )
        if not card.recipe:
            raise UsageError(
                f"{card.network}: was not trained here; name the images to score it on"
            )
        return open_as_trained(card, data_root)
    options = as_in_training(card.recipe, data) | reading
    dataset = open_data(data, root=data_root, val_fraction=0, for_training=False, **options)
    return among(dataset, card, split)
