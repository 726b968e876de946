"""The images that a model may be scored on: those that its training held out, wherever they are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onestop.data import as_recorded, is_source, open_data
from onestop.data.as_trained import AsTrained, as_trained
from onestop.data.contents import contents_of, keys_of
from onestop.data.dataset import Dataset
from onestop.data.sources.python import NAME
from onestop.data.split_record import SplitRecord, read_record
from onestop.errors import DataError, UsageError
from onestop.storage.model_file import Card
from onestop.text import listing, plural


def record_in(card: Card) -> SplitRecord | None:
    """What a model file remembers of its training data; None if an earlier version wrote it."""
    return read_record(card.data.get("record"))


@dataclass(frozen=True)
class Opened:
    """Data to score a model on.

    Attributes:
        dataset: Its splits.
        again: How they were found, if they are those of training.
        note: What else a person should know.
    """

    dataset: Dataset
    again: AsTrained | None = None
    note: str = ""

    def notes(self, split: str) -> list[str]:
        """What a person should know before scoring a split."""
        lines = [self.note] if self.note else []
        known = self.again and split in self.again.found
        if self.again and known and (changes := self.again.changes(split)):
            name = self.dataset.name
            lines.append(
                f"note: {name} has changed since training: {changes}; "
                "to score other images, name them with --data"
            )
        return lines

    def split(self, name: str) -> Any:
        """The samples of a split.

        Raises:
            DataError: There is no such split, or nothing of it is there any more.
        """
        samples = self.dataset.split(name)
        if self.again and not len(samples):
            count = plural(self.again.found[name].of, "image")
            raise DataError(
                f"{self.dataset.name}: the {count} of split {name!r} are gone or have changed since "
                "training; name other images with --data"
            )
        return samples


def trained_on(
    recipe: Mapping[str, Any], data_root: str | None = None, *, undivided: bool = False
) -> Dataset:
    """The data of a run, split as the recipe says.

    Args:
        recipe: Settings of the run.
        data_root: Folder of the data sets known by name (default: as in training).
        undivided: Hold nothing out, and take whatever is there now.

    Raises:
        OneStopError: It was passed in Python, no longer exists, or would have to be downloaded: only
            naming a folder for it, as `data_root`, allows that.
    """
    if recipe.get("source") == NAME:
        raise UsageError("the model was trained on data passed in Python; name images with --data")
    needed = ("source", "data_root", "val_fraction", "seed")
    if missing := [name for name in needed if name not in recipe]:
        raise UsageError(
            f"the recipe of the model lacks {listing(missing)}, so its held-out images are not known; "
            "name images with --data"
        )
    if not is_source(str(recipe["source"])):
        raise DataError(
            f"{recipe['source']}: the data of the model are not there any more; name images with --data"
        )
    try:
        return open_data(
            recipe["source"],
            root=data_root or recipe["data_root"],
            for_training=not undivided,
            download=data_root is not None,
            **as_recorded(recipe) | ({"val_fraction": 0} if undivided else {}),
        )
    except OSError as error:
        raise DataError(f"{recipe['source']}: {error.strerror}; name images with --data") from None


def open_as_trained(
    card: Card, data_root: str | None = None, recipe: Mapping[str, Any] | None = None
) -> Opened:
    """The training data of a model, with the splits that it was trained with.

    Args:
        card: Of the model.
        data_root: Folder of the data sets known by name (default: as in training).
        recipe: Says where the data are (default: the card's).

    Raises:
        OneStopError: They were passed in Python, or no longer exist.
    """
    record = record_in(card)
    if record is None:
        dataset = trained_on(recipe or card.recipe, data_root)
        note = (
            "note: the model file does not remember which images were held out (an earlier version "
            f"wrote it), so {dataset.name} is split anew by its settings"
        )
        return Opened(dataset, note=note)
    source = trained_on(recipe or card.recipe, data_root, undivided=True)
    again = as_trained(source, record)
    return Opened(again.dataset.onto(card.classes), again)


def among(dataset: Dataset, card: Card, split: str | None) -> Opened:
    """Other data; or, if they lack a split of that name, those of them that training had in it."""
    record = record_in(card)
    if record and split in record.splits and split not in dataset.splits:
        again = as_trained(dataset, record)
        return Opened(again.dataset, again)
    return Opened(dataset)


def trained_among(card: Card, samples: Any, indices: list[int]) -> tuple[int, str]:
    """How many of the samples that were scored were trained on, and a line that says so.

    Args:
        card: Of the model.
        samples: The split.
        indices: Those scored.
    """
    record = record_in(card)
    if record is None:
        return 0, ""
    count = record.count_trained_on(keys_of(samples)[indices])
    if not count:
        return 0, ""
    what = f"{count:,} of the {plural(len(indices), 'image')} scored"
    if record.recognisable:
        return count, f"note: {what} were trained on"
    return count, f"note: by their numbers, {what} were trained on, if these are the same data"


def same_data(card: Card, dataset: Dataset) -> bool:
    """Whether a data set is exactly the one of training; by names and sizes for earlier models."""
    if content := card.data.get("content"):
        return contents_of(dataset).fingerprint == str(content)
    same = dataset.fingerprint() == card.data.get("fingerprint")
    return same and (dataset.task, dataset.classes) == (card.task, card.classes)
