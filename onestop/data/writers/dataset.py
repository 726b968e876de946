"""The objects of a data set, as they are written, and the files of its images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from onestop.data.dataset import Dataset
from onestop.data.samples import Samples
from onestop.data.writers.pictures import Picture, Scheme
from onestop.errors import DataError


def scheme_of(dataset: Dataset) -> Scheme:
    """Names of classes and key points.

    Raises:
        DataError: It has no objects.
    """
    targets: Any = dataset.targets
    if not hasattr(targets, "point_names"):
        raise DataError(f"{dataset.name}: has no objects, but targets for {dataset.task}")
    return Scheme(targets.names, targets.point_names, targets.flip_pairs, targets.skeleton)


def pictures_of(
    dataset: Dataset,
) -> tuple[dict[str, list[Picture]], dict[str, dict[str, Path]]]:
    """The pictures of each split, and the file of each by its new name.

    Raises:
        DataError: Images are not files.
    """
    pictures, files = dict[str, list[Picture]](), dict[str, dict[str, Path]]()
    every = [samples.name(i) for samples in dataset.splits.values() for i in range(len(samples))]
    names = _flat(every)
    for split, samples in dataset.splits.items():
        pictures[split], files[split] = [], {}
        for i in range(len(samples)):
            value: Any = samples.targets[i]
            name = names[samples.name(i)]
            files[split][name] = _file(samples, i, dataset.name)
            pictures[split].append(Picture(name, value.objects, value.shapes))
    return pictures, files


def _file(samples: Samples, index: int, source: str) -> Path:
    place = samples.place(index)
    if not place:
        raise DataError(f"{source}: its images are not files; save them first")
    return Path(place)


def _flat(names: Sequence[str]) -> dict[str, str]:
    """Names without folders; with as many as it takes for each stem to be there once."""
    for parts in range(1, 20):
        flat = {name: "_".join(PurePath(name).parts[-parts:]).lstrip("/_") for name in names}
        if len({PurePath(name).stem for name in flat.values()}) == len(flat):
            return flat
    return {name: f"{number}_{PurePath(name).name}" for number, name in enumerate(names)}
