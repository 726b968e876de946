"""`onestop evaluate`: score a trained model on held-out images."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.recipe import Precision
from onestop.recipe.arguments import READING, checked_fields, takes_fields
from onestop.recipe.markers import flag
from onestop.recipe.schema import DEFAULTS
from onestop.recipe.signatures import checked
from onestop.results.evaluation import Evaluation
from onestop.storage.model_header import DIGEST

if TYPE_CHECKING:
    from torch import nn

    from onestop.inference.held_out import Opened
    from onestop.inference.model import Model


@takes_fields(*READING)
@checked
def evaluate(
    model: Any,
    *,
    data: Any = None,
    split: str | None = None,
    data_root: str | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    network: nn.Module | str | None = None,
    strict: bool = False,
    **reading: Any,
) -> Evaluation:
    """Score a trained model on held-out images.

    Classes are matched by name, whatever their order in the data.

    Args:
        model: run folder, model file, or a network with published weights (torchvision:vgg13)
        data: other images to score it on, in any form `train` takes; a plain folder of classes is
            scored as a whole (default: the model's training data, split as in training)
        split: train, val or test (default: test, else val)
        data_root: folder of the data sets known by name (default: as in training)
        device: cpu, cuda, cuda:1, mps (default: the best available)
        precision: arithmetic: 32 bits, TF32 (NVIDIA GPUs), or mixed with 16 bits (default: as in
            training; fp32 for published weights and on other devices)
        network: path/to/file.py:Class of a custom network; in Python also the network itself
        strict: stop if a file cannot be used, instead of skipping and reporting it
        reading: how `data` is read

    Returns:
        The metrics, as in a run's metrics.json.

    Raises:
        OneStopError: No model, no such split, or targets that do not fit the model.
    """
    from onestop.data.dataset import named, require_none_skipped
    from onestop.inference.held_out import trained_among
    from onestop.inference.load import load_model
    from onestop.inference.predictions import predictions_of
    from onestop.inference.score import require_finite
    from onestop.runtime.rng import preserved

    with preserved():
        loaded, file = load_model(model, network, device, precision)
    opened = _open(loaded, data, split, data_root, checked_fields(reading, READING))
    dataset = opened.dataset
    name = split or next((s for s in ("test", "val", "train") if s in dataset.splits), "test")
    opened.split(name)
    dataset = dataset.onto(loaded.classes)
    if dataset.task != loaded.task.name:
        raise DataError(
            f"{dataset.name}: its targets are for {dataset.task}, the model is for {loaded.task.name}"
        )
    samples = dataset.split(name)
    begun = time.perf_counter()
    scored, loader = loaded.score(samples, keep_outputs=True)
    seconds = time.perf_counter() - begun
    unreadable = loader.skipped()
    skipped = [s for s in dataset.skipped if s.split in ("", name)] + unreadable
    if strict:
        require_none_skipped(skipped, dataset.name)
    if scored.metrics["images"] == 0:
        why = f" ({named(unreadable)})" if unreadable else ""
        raise DataError(f"{dataset.name}: no image of split {name!r} can be read{why}")
    require_finite(scored.outputs, [samples.name(i) for i in scored.indices], dataset.name)
    training = loaded.card.metrics
    known = {k: training[k] for k in ("best_epoch", "epochs", "seed", DIGEST) if k in training}
    metrics = {
        "split": name,
        **scored.metrics,
        **known,
        "seconds": seconds,
        "images_per_second": scored.metrics["images"] / seconds,
        "skipped": len(skipped),
    }
    predictions = predictions_of(loaded.task, samples, scored)
    if collapse := loaded.task.collapse(predictions):
        metrics["warnings"] = [collapse]
    remarks = [f"{s.path}: {s.reason}" for s in loader.remarks()]
    trained, note = trained_among(loaded.card, samples, scored.indices)
    notes = [*opened.notes(name), *filter(None, [note])]
    return Evaluation(
        file, dataset.name, metrics, tuple(map(vars, skipped)), tuple(remarks),
        tuple(predictions), loaded.task, tuple(notes), trained,
    )  # fmt: skip


def _open(
    model: Model, data: Any, split: str | None, data_root: str | None, reading: dict[str, Any]
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
        return open_as_trained(model.card, data_root)
    options = as_in_training(model.card.recipe, data) | reading
    dataset = open_data(data, root=data_root, val_fraction=0, for_training=False, **options)
    return among(dataset, model.card, split)
