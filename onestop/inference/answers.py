"""What a model may answer: all of its classes, those that the data have, or sums of several.

Legend: B images, K outputs of the network, G possible answers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from onestop.data.dataset import Dataset
from onestop.data.names import key_of, places
from onestop.errors import DataError, UsageError
from onestop.inference.class_map import Row, class_map
from onestop.inference.class_spelling import Spelling
from onestop.inference.model import Model
from onestop.storage.model_file import Card, task_of
from onestop.text import did_you_mean, listing, plural

_NAMED = 5  # of the answers that the data lack


class Grouped(nn.Module):
    """A classifier whose classes are groups of those of another one.

    The probability of a group is the sum of its parts': softmax of log-sum-exps is a sum of softmaxes.
    What is in no group is no possible answer.
    """

    def __init__(
        self, network: nn.Module, groups: Sequence[Sequence[int]], temperature: float = 1.0
    ) -> None:
        """`groups` are G lists of outputs, which are divided by `temperature` before softmax."""
        super().__init__()
        self.network, self._temperature = network, temperature
        self._several = [(g, list(parts)) for g, parts in enumerate(groups) if len(parts) > 1]
        self._first = [parts[0] for parts in groups]
        self.train(network.training)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, ...] -> [B, G], in 32 bits."""
        outputs = self.network(inputs).float()
        grouped: Tensor = outputs[:, self._first]
        for g, parts in self._several:
            parted = outputs[:, parts] / self._temperature
            grouped[:, g] = torch.logsumexp(parted, 1) * self._temperature
        return grouped


@dataclass(frozen=True)
class Answers:
    """What a model may answer, and data whose classes are among that.

    Attributes:
        names: The answer that each output of the model counts for, [K]; what it is called, if the model
            does not choose one of its classes.
        possible: The answers, [G]; outputs that count for others are left out.
        dataset: The data.
        notes: What a person should know of how classes were matched.
    """

    names: tuple[str, ...]
    possible: tuple[str, ...]
    dataset: Dataset
    notes: tuple[str, ...] = ()

    def of(self, model: Model) -> Model:
        """The model, which gives these answers."""
        if self.possible == model.classes:
            return model
        groups = [[k for k, n in enumerate(self.names) if n == answer] for answer in self.possible]
        card = dataclasses.replace(model.card, classes=self.possible)
        grouped = Model(Grouped(model.network, groups, model.task.temperature), card)
        grouped.engine, grouped.notes = model.engine, model.notes
        return grouped


def answering(
    card: Card, dataset: Dataset, *, restrict: bool = False, mapping: Any = None
) -> Answers:
    """Match the classes of data with those of a model, which need not be loaded yet.

    Args:
        card: Of any model; only those that choose one of their classes can be restricted or mapped.
        dataset: Its classes may be written in any way that `Spelling` knows.
        restrict: Whether classes without images are no possible answers.
        mapping: See `onestop.inference.class_map`; classes that are not on it stay as they are.

    Raises:
        UsageError: The model does not choose one class, or the map does not fit it.
        DataError: The data have classes that the model does not know.
    """
    task, classes = task_of(card), card.classes
    if not task.exclusive:
        if restrict or mapping is not None:
            flag = "--restrict" if restrict else "--map"
            raise UsageError(
                f"{flag}: is for models that choose one of their classes; this one is for "
                f"{task.name}; leave it out"
            )
        return Answers(classes, classes, dataset.onto(classes))
    spelling = Spelling(classes)
    names = _with_map(classes, spelling, mapping, dataset.classes)
    meant = _meant(dataset, spelling, names)
    notes = _spelled(dataset, meant)
    dataset = dataset.renamed(meant)
    answers = list(dict.fromkeys(names))
    if restrict:
        used = _used(dataset)
        answers = _restricted([name for name in answers if name in used], dataset)
        notes += [
            f"note: {len(answers)} of {len(set(names)):,} classes are possible answers (--restrict)"
        ]
    return Answers(tuple(names), tuple(answers), dataset.onto(answers), tuple(notes))


def _with_map(
    classes: Sequence[str], spelling: Spelling, mapping: Any, own: Sequence[str]
) -> list[str]:
    """The answer that each class of the model counts for, [K]."""
    rows = [] if mapping is None else class_map(mapping)
    mapped: dict[int, str] = {}
    for number, row in enumerate(rows):
        found = _of_row(row, spelling)
        if found is None and number == 0 and len(rows) > 1 and row.own not in own:
            continue  # the names of the columns
        if found is None:
            raise UsageError(f"{row.place}: {row.part!r} is not a class of the model; correct it")
        if mapped.setdefault(found, row.own) != row.own:
            raise UsageError(
                f"{row.place}: {row.part!r} is mapped to {mapped[found]!r} already; map it once"
            )
    names = [mapped.get(k, name) for k, name in enumerate(classes)]
    for k, name in enumerate(classes):
        if k not in mapped and name in mapped.values():
            raise UsageError(
                f"--map: {name!r} is a class of the model too, and it is not mapped; add the line "
                f"{name},{name} or choose another name"
            )
    return names


def _of_row(row: Row, spelling: Spelling) -> int | None:
    try:
        return spelling.find(row.part)
    except DataError as error:
        raise UsageError(f"{row.place}: {error}") from None


def _meant(dataset: Dataset, spelling: Spelling, names: Sequence[str]) -> dict[str, str]:
    """The answer that each class of the data means, as far as it is known."""
    meant = {n: names[k] for n, k in places(dataset.classes, names).items() if k is not None}
    for name in dataset.classes:
        try:
            found = None if name in meant else spelling.find(name)
        except DataError as error:
            raise DataError(f"{dataset.name}: {error}") from None
        if found is not None:
            meant[name] = names[found]
    if spelling.is_imagenet and (unknown := [n for n in dataset.classes if n not in meant]):
        near = did_you_mean(unknown[0], sorted(set(names)))
        raise DataError(
            f"{dataset.name}: has classes that are not ImageNet's: {listing(unknown)}{near or ';'} "
            "name the folders after its classes, or add up the ones that yours consist of with --map"
        )
    return meant


def _spelled(dataset: Dataset, meant: dict[str, str]) -> list[str]:
    other = [
        f"{name} is {answer}" for name, answer in meant.items() if key_of(name) != key_of(answer)
    ]
    if not other:
        return []
    return [f"note: {dataset.name}: classes are read as the model's: {listing(other, 3)}"]


def _used(dataset: Dataset) -> set[str]:
    """The classes that have images in any split."""
    return {
        samples.targets.names[k]
        for samples in dataset.splits.values()
        for k, count in enumerate(samples.targets.counts())
        if count
    }


def _restricted(answers: list[str], dataset: Dataset) -> list[str]:
    if len(answers) < 2:
        raise DataError(
            f"--restrict: {dataset.name} has {plural(len(answers), 'class', 'classes')} of the model, "
            "so there is nothing to choose from; leave it out"
        )
    return answers


def others_note(labels: Iterable[str], dataset: Dataset) -> str:
    """A line on the answers that the data do not have; empty if there are none.

    Args:
        labels: The answer for each image.
        dataset: Its classes are the possible answers.
    """
    used, labels = _used(dataset), list(labels)
    others = Counter(label for label in labels if label not in used)
    if not others or not used:
        return ""
    ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    texts = [f"{name} {count}" for name, count in ranked]
    return (
        f"note: {others.total():,} of {plural(len(labels), 'answer')} are classes that "
        f"{dataset.name} lacks: {listing(texts, _NAMED)}; --restrict leaves these out"
    )
