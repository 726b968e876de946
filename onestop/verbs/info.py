"""`onestop info`: what is in a data set, a model file or a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onestop.errors import UsageError, did_you_mean
from onestop.recipe import Positive
from onestop.results import Info

_LOOK_AT = 2000  # images whose pixels are measured where a source has more


def info(
    target: Any,
    *,
    data_root: str | None = None,
    classes: Positive = 10,
    channels: Positive | None = None,
    image_size: Positive | None = None,
) -> Info:
    """Tell what is in a data set, a model file or a network.

    Of a data set: its splits, classes and counts, the sizes of its images, and mean and standard
    deviation of their pixels. Of a model: its network, classes, preprocessing and figures. Of a
    network: its layers, their output shapes and numbers of parameters.

    Args:
        target: a source as `train` takes it, a run folder or model file, or the name of a network
        data_root: folder of the sets known by name (default: ONESTOP_DATA, else the user's cache
            folder)
        classes: for a network: number of classes
        channels: for a network: channels of its images (default: its usual ones)
        image_size: for a network: height and width of its images (default: its usual ones)

    Returns:
        What was found.

    Raises:
        OneStopError: It is none of the three, or cannot be read.
    """
    from onestop.data import is_source
    from onestop.runs import is_run

    if not isinstance(target, str | Path):
        return _of_data(target, data_root)
    path = Path(target)
    if is_run(path) or (path.is_file() and path.suffix == ".safetensors"):
        return _of_model(path)
    if is_source(str(target)) and path.suffix != ".py":
        return _of_data(target, data_root)
    try:
        return _of_network(str(target), classes, channels, image_size)
    except UsageError as error:  # here the name was no flag's value
        raise UsageError(str(error).removeprefix("--model ")) from None


def _of_data(source: Any, data_root: str | None) -> Info:
    import numpy as np

    from onestop.data import open_data

    dataset = open_data(source, root=data_root, val_fraction=0, for_training=False)
    counts = {split: len(samples) for split, samples in dataset.splits.items()}
    facts: dict[str, Any] = {"splits": counts, "classes": len(dataset.classes)}
    if not dataset.vectors:
        facts |= _of_images(next(iter(dataset.splits.values())))
    facts["skipped"] = [f"{s.path} ({s.reason})" for s in dataset.skipped]
    facts["notes"] = list(dataset.notes)
    by_split = {split: dataset.counts(split) for split in dataset.splits if dataset.classes}
    table = [
        {"class": name, **{split: int(np.asarray(found)[k]) for split, found in by_split.items()}}
        for k, name in enumerate(dataset.classes)
    ]
    return Info("data", dataset.name, facts, table)


def _of_images(samples: Any) -> dict[str, Any]:
    """Sizes, channels, mean and deviations of images at their own size."""
    import numpy as np

    from onestop.data.decode import BadImageError
    from onestop.data.preprocess import pixel_tensor
    from onestop.data.statistics import combine, sums_of
    from onestop.randomness import key_for, permutation

    chosen = permutation(key_for("info"), len(samples))[:_LOOK_AT]
    shapes, unreadable = [], []
    for index in chosen.tolist():
        try:
            shapes.append(samples.measure(index))
        except BadImageError as error:
            unreadable.append(f"{samples.name(index)} ({error})")
    if not shapes:
        return {"unreadable": unreadable}
    heights, widths, channels = (np.array(column) for column in zip(*shapes, strict=True))
    target = 1 if channels.max() == 1 else 3
    parts = []
    for index in chosen.tolist():
        try:
            parts.append(sums_of(pixel_tensor(samples.read(index, target))))
        except BadImageError as error:
            unreadable.append(f"{samples.name(index)} ({error})")
    facts = {
        "height": _spread(heights),
        "width": _spread(widths),
        "channels": sorted(set(channels.tolist())),
    }
    if parts:
        found = combine(parts)
        facts |= {"mean": found.mean, "std": found.std, "image_std": found.image_std}
    return {**facts, "measured": len(parts), "unreadable": sorted(set(unreadable))}


def _spread(values: Any) -> dict[str, int]:
    import numpy as np

    return {"least": int(values.min()), "median": int(np.median(values)), "most": int(values.max())}


def _of_model(path: Path) -> Info:
    from onestop.modelfile import model_path, read_card

    file = model_path(path)
    card = read_card(file)
    figures = {k: v for k, v in card.metrics.items() if not isinstance(v, dict)}
    facts = {
        "network": card.network,
        **card.arguments,
        "preprocessing": dict(card.preprocessing),
        "metrics": figures,
        "data": dict(card.data),
        "made_with": dict(card.made_with),
        "recipe": dict(card.recipe),
    }
    per_class = card.metrics.get("per_class", {})
    table = [{"class": name, **per_class.get(name, {})} for name in card.classes]
    return Info("model", str(file), facts, table)


def _of_network(name: str, classes: int, channels: int | None, image_size: int | None) -> Info:
    from onestop.data.sources.named import NAMES
    from onestop.networks import build, count_parameters, entries, find
    from onestop.networks.layers import layers

    try:
        entry = find(name)
    except UsageError:
        if ".py" in name:
            raise
        near = did_you_mean(name, [*NAMES, *(known.name for known in entries())])
        raise UsageError(f"{name}: no such path, data set or network{near}") from None
    channels, size = channels or entry.channels, image_size or entry.image_size
    network = build(name, classes, channels, size)
    shape = (channels,) if entry.vectors else (channels, size, size)
    facts = {
        "origin": entry.origin,
        "summary": entry.summary,
        "paper": entry.paper,
        "input": list(shape),
        "parameters": count_parameters(network),
    }
    rows = layers(network, shape)
    facts["multiply_adds"] = sum(row["multiply_adds"] for row in rows)
    return Info("network", entry.name, facts, rows)
