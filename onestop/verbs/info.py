"""`onestop info`: describe a data set, a model file or a network."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Le

from onestop.errors import UsageError
from onestop.recipe import Natural, Positive
from onestop.recipe.arguments import READING, checked_fields, takes_fields
from onestop.recipe.markers import flag as flag_of
from onestop.recipe.schema import DEFAULTS, check_value
from onestop.recipe.signatures import checked
from onestop.results.info import Info
from onestop.text import did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from onestop.data.cache_file import Entry as CacheEntry
    from onestop.data.dataset import Dataset
    from onestop.data.pixel_values import SplitRange
    from onestop.networks.catalog import Entry

_SHOWN = 40  # images of a grid
_CLASSES = Annotated[Positive, Le(10**6)]
_MEASURED = 2000  # at most this many images of a source are measured


@takes_fields(*READING)
@checked
def info(
    target: Any = None,
    *,
    data_root: str | None = None,
    weights: str | Path | None = None,
    classes: Any = None,
    channels: Annotated[Positive, Le(1024)] | None = None,
    image_size: Annotated[Positive, Le(2**14)] | None = None,
    depth: Natural | None = None,
    backward: bool = False,
    cache: bool = False,
    clear_cache: bool = False,
    save_grid: str | Path | None = None,
    **reading: Any,
) -> Info:
    """Describe a data set, a model or a network.

    For a data set: splits, classes and counts, image sizes, and mean and standard deviation of the
    pixels. For a model: network, classes, preprocessing and metrics; for a network with weights, or a
    file of weights from anywhere, without metrics. For a network alone: the tree of its layers with
    output shapes, parameters and multiply-adds, and the stages that can be frozen.

    Args:
        target: a source as `train` takes it, a run folder or model file, the name of a network, or a
            file of weights from anywhere
        data_root: folder of the data sets known by name (default: ONESTOP_DATA, else the user's
            cache folder)
        weights: for a network: describe it with these, which are not downloaded: default (the best
            published), the name of published ones (IMAGENET1K_V1), or a file from anywhere (default:
            none)
        classes: for a network: number of classes (default: 10); with weights, names of the classes: a
            file with one a line, or JSON of index to name (default: ImageNet's, if there are 1,000)
        channels: for a network: channels of its input (default: its usual ones)
        image_size: for a network: height and width of its input (default: its usual ones)
        depth: for a network: levels of its tree to print; deeper ones are added up; 0 is all
            (default: as many as fit in 40 lines, at least down to its stages)
        backward: for a network: also the functions of the backward pass, from the loss to the
            parameters
        cache: instead of a TARGET: list the decoded images stored by `train --cache disk`
        clear_cache: instead of a TARGET: remove these, except those in use
        save_grid: for a data set: picture to write, of some images of each class: .png, .svg, .pdf or
            .jpg
        reading: how a data set is read

    Returns:
        The description.

    Raises:
        OneStopError: It is none of the three, or cannot be read.
    """
    if cache or clear_cache:
        if target is not None:
            flag = "--cache" if cache else "--clear-cache"
            raise UsageError(f"{flag} {target}: covers all stored images; drop one of them")
        return _of_cache(clear=clear_cache)
    if target is None:
        raise UsageError("info: TARGET missing (onestop info --help)")
    classes = _number_or_names(classes)
    kind, options = _kind_of(target), checked_fields(reading, READING)
    for name, value in options.items():
        if kind != "data" and value != DEFAULTS[name]:
            raise UsageError(
                f"{flag_of(name, value)}: is for a data set, and this is none; drop it"
            )
    if save_grid is not None and kind != "data":
        raise UsageError(
            f"--save-grid {save_grid}: shows images of a data set; {target} is not one"
        )
    bare = {"--channels": channels, "--depth": depth, "--backward": backward or None}
    either = {"--weights": weights, "--classes": classes, "--image-size": image_size}
    if kind == "weights" or (kind == "network" and weights is not None):
        _refuse(bare, "is for a network without weights")
        return _of_weights(target, weights, classes, image_size)
    if kind == "network":
        if not isinstance(classes, int | None):
            raise UsageError(f"--classes {classes}: names go with --weights; give a number")
        with _named_without_flag():
            return _of_network(str(target), classes, channels, image_size, depth, backward=backward)
    _refuse(either | bare, "is for a network, and this is not one")
    return (
        _of_model(Path(target))
        if kind == "model"
        else _of_data(target, data_root, save_grid, options)
    )


def _refuse(flags: Mapping[str, object], why: str) -> None:
    for flag, value in flags.items():
        if value is not None:
            raise UsageError(f"{flag}: {why}; drop it")


def _number_or_names(classes: Any) -> Any:
    """The number of classes of a network without weights, or what has the names of one with weights."""
    if classes is None or (
        isinstance(classes, str | os.PathLike) and re.search(r"\D", str(classes))
    ):
        return classes
    return (
        classes
        if isinstance(classes, list | tuple)
        else check_value(_CLASSES, classes, "--classes")
    )


def _kind_of(target: Any) -> str:
    from onestop.data import is_source
    from onestop.images.forms import local_path
    from onestop.storage.model_file import is_bare
    from onestop.storage.run_folder import is_run

    if not isinstance(target, str | os.PathLike):
        return "data"
    path = local_path(target)
    if path.is_file() and is_bare(path):
        return "weights"
    if is_run(path) or (path.is_file() and path.suffix == ".safetensors"):
        return "model"
    return "data" if is_source(str(target)) and path.suffix != ".py" else "network"


def _of_cache(*, clear: bool) -> Info:
    """The files of decoded images, after clearing them if asked to."""
    from onestop.data import cache_file as cache

    folder, facts = cache.cache_folder(), dict[str, Any]()
    most = cache.limit(folder)
    if clear:
        removed, in_use = cache.clear(folder)
        facts = {"removed": removed, **({"in_use": in_use} if in_use else {})}
    stored = cache.entries(folder)
    facts |= {
        "gigabytes": sum(entry.size for entry in stored) / 1e9,
        "limit": most / 1e9,
        "set_with": "ONESTOP_CACHE_GB (the least recently used are removed first)",
        "free_with": "onestop info --clear-cache" if stored else "",
    }
    return Info("cache", str(folder), facts, [_of_entry(entry) for entry in stored])


def _of_entry(entry: CacheEntry) -> dict[str, Any]:
    when = dt.datetime.fromtimestamp(entry.used).astimezone().isoformat(" ", "minutes")
    rest = {
        "megabytes": round(entry.size / 1e6, 1),
        "used": when[:16],
        "file": entry.path.name[:12],
    }
    try:
        return {**_of_description(entry.about or {}), **rest}
    except (KeyError, TypeError, ValueError):  # anybody who may write there may have made it
        return {"source": "(damaged)", "split": "", "images": "", "prepared": "", **rest}


def _of_description(about: Mapping[str, Any]) -> dict[str, Any]:
    how = about["how"]
    if how["kind"] == "scaled":
        prepared = f"{how['channels']} channels, shorter side at most {how['side']}"
    else:
        height, width = how["size"]
        prepared = f"{how['channels']} channels, {height}x{width}, {how['fit']}"
    return {**{name: about[name] for name in ("source", "split", "images")}, "prepared": prepared}


def _of_data(
    source: Any, data_root: str | None, save_grid: str | Path | None, options: dict[str, Any]
) -> Info:
    from onestop.data import open_data
    from onestop.data.pixel_values import range_cautions
    from onestop.figures.files import picture_file
    from onestop.linting import class_rows, training_range
    from onestop.runtime.device import cores

    picture = None if save_grid is None else picture_file("--save-grid", save_grid)
    dataset = open_data(source, root=data_root, val_fraction=0, for_training=False, **options)
    found = training_range(dataset, cores())
    if picture:
        _save_grid(dataset, picture, found)
    counts = {split: len(samples) for split, samples in dataset.splits.items()}
    noun, nouns = dataset.targets.nouns
    facts: dict[str, Any] = {"splits": counts, nouns: len(dataset.classes)}
    if unlabelled := sum(len(part.targets.unlabelled()) for part in dataset.splits.values()):
        facts[f"without_{noun}"] = unlabelled
    if dataset.is_image:
        facts |= _of_images(next(iter(dataset.splits.values())), found)
    facts["skipped"] = [f"{s.path} ({s.reason})" for s in dataset.skipped]
    facts["notes"] = list(dataset.notes)
    if found.counts:
        facts["notes"] += range_cautions(found.counts, found.pixel_range)
    return Info("data", dataset.name, facts, class_rows(dataset))


def _save_grid(dataset: Dataset, picture: Path, found: SplitRange) -> None:
    from onestop.data.preview import preview
    from onestop.figures.files import write_figure
    from onestop.figures.grid import image_grid

    if not dataset.is_image:
        raise UsageError(f"--save-grid {picture}: {dataset.name} holds vectors, not images")
    images, titles = zip(*preview(dataset, _SHOWN, found.pixel_range), strict=True)
    write_figure(image_grid(images, titles), picture)


def _of_images(samples: Any, found: SplitRange) -> dict[str, Any]:
    """Sizes, channels, pixel range, mean and deviations of images at their original size."""
    import numpy as np

    from onestop.data.pixel_values import range_note
    from onestop.data.preprocess import pixel_tensor
    from onestop.data.statistics import combine, sums_of
    from onestop.errors import BadImageError
    from onestop.runtime.rng import key_for, permutation

    indices = permutation(key_for("info"), len(samples))[:_MEASURED]
    shapes, unreadable = [], []
    for index in indices.tolist():
        try:
            shapes.append(samples.measure(index))
        except BadImageError as error:
            unreadable.append(f"{samples.name(index)} ({error})")
    if not shapes:
        return {"unreadable": unreadable}
    heights, widths, channels = (np.array(column) for column in zip(*shapes, strict=True))
    target = 1 if channels.max() == 1 else 3
    parts = []
    for index in indices.tolist():
        try:
            parts.append(sums_of(pixel_tensor(samples.read(index, target, found.pixel_range))))
        except BadImageError as error:
            unreadable.append(f"{samples.name(index)} ({error})")
    facts = {
        "height": _spread(heights),
        "width": _spread(widths),
        "channels": sorted(set(channels.tolist())),
    }
    if found.counts:
        facts["pixel_range"] = range_note(found.counts, found.pixel_range, found=False)
    if parts:
        pixels = combine(parts)
        facts |= {"mean": pixels.mean, "std": pixels.std, "image_std": pixels.image_std}
    return {**facts, "measured": len(parts), "unreadable": sorted(set(unreadable))}


def _spread(values: Any) -> dict[str, int]:
    import numpy as np

    return {"least": int(values.min()), "median": int(np.median(values)), "most": int(values.max())}


def _of_model(path: Path) -> Info:
    from onestop.inference.confidence import confidence_of
    from onestop.inference.held_out import record_in
    from onestop.metrics import breakdown
    from onestop.storage.model_file import model_path, read_card

    file = model_path(path)
    card = read_card(file)
    record = record_in(card)
    splits = record.splits if record else {}  # of their keys, people want to know the number
    metrics = {k: v for k, v in card.metrics.items() if not isinstance(v, dict)}
    facts = {
        "network": card.network,
        **card.arguments,
        "preprocessing": dict(card.preprocessing),
        "metrics": metrics,
        "data": {k: v for k, v in card.data.items() if k != "record"},
        "splits": {name: len(split.keys) for name, split in splits.items()},
        "confidence": confidence_of(card).summary,
        "made_with": dict(card.made_with),
        "recipe": dict(card.recipe),
    }
    noun, of_each = breakdown(card.metrics)
    table = [{noun: name, **of_each.get(name, {})} for name in card.classes]
    return Info("model", str(file), facts, table)


def _of_weights(target: Any, weights: Any, classes: Any, image_size: int | None) -> Info:
    from onestop.inference.load import describe_model

    if isinstance(classes, int):
        raise UsageError(
            f"--classes {classes}: weights have their number; give names, or leave it out"
        )
    described = describe_model(
        target, weights=weights, classes=classes,
        settings={} if image_size is None else {"image_size": image_size},
    )  # fmt: skip
    card = described.card
    facts = {
        "network": card.network,
        **card.arguments,
        "names": list(card.classes),
        "preprocessing": dict(card.preprocessing),
        "weights": described.weights,
        "notes": [note.removeprefix("note: ") for note in described.notes],
    }
    return Info("model", str(target), facts)


@contextmanager
def _named_without_flag() -> Iterator[None]:
    """Errors about a network do not name the flag whose value it is elsewhere."""
    try:
        yield
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--model ")) from None


def _of_network(
    name: str,
    classes: int | None,
    channels: int | None,
    image_size: int | None,
    depth: int | None,
    *,
    backward: bool,
) -> Info:
    from onestop.networks.layers import leaves

    entry = _find(name)
    if entry.vectors and (image_size or classes not in (None, 1)):
        option = f"--image-size {image_size}" if image_size else f"--classes {classes}"
        raise UsageError(f"{option}: {entry.name} predicts a number from a vector; leave it out")
    channels, size = channels or entry.channels, image_size or entry.image_size
    shape = (channels,) if entry.vectors else (channels, size, size)
    arguments = (classes or (1 if entry.vectors else 10), channels, size)
    network, rows = _run_through(entry, arguments, shape)
    facts = {
        "origin": entry.origin,
        "summary": entry.summary,
        "paper": entry.paper,
        "input": list(shape),
        "parameters": rows[0]["parameters"],
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "multiply_adds": rows[0]["multiply_adds"],
        "activations": rows[0]["activations"],
        "largest_activation": max(row["activations"] for row in leaves(rows)),
        "stages": max((row["stage"] or 0 for row in rows), default=0),
    }
    chain = _backward(network, arguments[0], shape) if backward else []
    return Info("network", entry.name, facts, rows, chain, depth)


def _find(name: str) -> Entry:
    from onestop.data.sources.builtin import NAMES
    from onestop.networks import entries, find, other_purpose

    try:
        return find(name)
    except UsageError:
        if ".py" in name:
            raise
        if purpose := other_purpose(name):
            raise UsageError(f"{name}: {purpose}") from None
        near = did_you_mean(name, [*NAMES, *(known.name for known in entries())])
        raise UsageError(f"{name}: no such path, data set or network{near}") from None


def _run_through(
    entry: Entry, arguments: tuple[int, int, int], shape: tuple[int, ...]
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Build a network and list its layers, on the meta device if it works there.

    A custom network is built once, with values: building it twice would run the user's code twice.
    """
    from onestop.networks import build
    from onestop.networks.layers import tree
    from onestop.networks.meta import build_on_meta

    def make() -> nn.Module:
        return build(entry.name, *arguments)

    if not entry.users and (result := build_on_meta(make, lambda network: tree(network, shape))):
        return result
    network = make()
    return network, tree(network, shape)


def _backward(network: nn.Module, outputs: int, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The functions of the backward pass from the loss that `train` would use."""
    import numpy as np
    import torch

    from onestop.data.batch import Batch
    from onestop.networks.backward import functions
    from onestop.tasks import implied_task, make_task

    names = [str(k) for k in range(outputs)] if outputs > 1 else []
    task = make_task(implied_task(names), names, {})
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    try:
        with torch.device(device):  # BatchNorm in training mode needs at least two samples
            truth = torch.zeros(2, dtype=torch.int64 if outputs > 1 else torch.float32)
            batch = Batch(torch.zeros(2, *shape), truth, np.arange(2))
            loss = task.loss(network.train(), batch).total
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"--backward: the network cannot be trained: {error}") from None
    passed = functions(loss, network)
    if not passed:
        raise UsageError("--backward: no parameter of this network is trained")
    return passed
