"""The weights a run starts from, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from onestop.data.preprocess import Preprocessing, from_json
from onestop.errors import OneStopError, UsageError
from onestop.inference.published import inputs_text, is_tag, preprocessing_of, published_for
from onestop.networks.catalog import Entry
from onestop.recipe import Network
from onestop.storage.model_file import model_path, read_card, read_weights
from onestop.storage.tensor_digest import tensor_digest
from onestop.weights import published_weights


@dataclass(frozen=True)
class Start:
    """Weights to start from and what goes with them.

    Attributes:
        tensors: By name.
        source: Where they come from, for a person.
        preprocessing: How images are prepared for them; None if nothing is known of it.
        whose: What `preprocessing` comes from.
        digest: A hash of the tensors.
        classes: Classes that they were trained for; empty if they are not known.
    """

    tensors: dict[str, Tensor]
    source: str
    preprocessing: Preprocessing | None
    whose: str
    digest: str
    classes: tuple[str, ...] = ()


def start_of(settings: Network, entry: Entry, *, download: bool) -> Start | None:
    """The weights the recipe asks for; None for random ones.

    Args:
        settings: What the recipe says of the network.
        entry: The recipe's network.
        download: Whether published weights may be downloaded.

    Raises:
        UsageError: There are no such weights, or they could not be downloaded.
        ModelFileError: The file is damaged, or holds code.
    """
    if settings.weights == "none":
        return None
    if settings.weights == "default" or is_tag(settings.weights):
        return _published(entry, settings.weights, download=download)
    path = model_path(settings.weights)
    tensors = read_weights(path)
    preprocessing, whose, classes = _of_file(path, entry)
    place = getattr(tensors, "place", "")
    source = f"{path} (under {place!r})" if place else str(path)
    return Start(tensors, source, preprocessing, whose, tensor_digest(tensors), classes)


def _published(entry: Entry, which: str, *, download: bool) -> Start:
    try:
        published = published_weights(entry, which, download=download)
    except UsageError as error:
        if download:
            raise
        raise UsageError(
            f"{error}; or allow the download by naming them: --weights {which}"
        ) from None
    return Start(
        published.state, f"published weights of {entry.name}", preprocessing_of(published.inputs),
        "published for them", tensor_digest(published.state), published.classes,
    )  # fmt: skip


def _of_file(path: Path, entry: Entry) -> tuple[Preprocessing | None, str, tuple[str, ...]]:
    """The preprocessing in the file's card; else what was published for weights of this network.

    And whose it is, and the classes in the card.
    """
    try:
        card = read_card(path)
    except OneStopError:  # a plain weights file
        preprocessing = published_for(entry)
        return preprocessing, f"published for {entry.name}" if preprocessing else "", ()
    return from_json(card.preprocessing), "in that file", card.classes


def preparation_note(start: Start, declared: Preprocessing, *, by_weights: bool) -> str:
    """How images are prepared for weights, in a line for a person; empty if they do not decide it.

    Args:
        start: The weights.
        declared: What the run uses.
        by_weights: Whether mean and deviation are those of the weights.
    """
    if not by_weights or not declared.is_image:
        return ""
    if start.preprocessing is None:
        return (
            f"note: {start.source}: nothing is known of the images it was trained on; mean and "
            "deviation of ImageNet are assumed, --normalize sets others"
        )
    return f"images are prepared as {start.whose}: {inputs_text(declared)}"
