"""The names of ImageNet's classes, by which the outputs of published networks are told apart."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

from onestop.reading import read_text
from onestop.runtime.lazy_torchvision import without_compiler

_LARGER = {
    11_221: "imagenet-21k-miil", 11_821: "imagenet-12k", 21_841: "imagenet-22k",
    21_842: "imagenet-22k-ms", 21_843: "imagenet-21k-goog",
}  # fmt: skip
"""The larger sets of classes that timm's networks have, by their number, as timm calls them."""


def imagenet_names() -> tuple[str, ...]:
    """The names of the 1,000 classes, in the usual order; torchvision has them."""
    with without_compiler():
        from torchvision import models

    return tuple(models.ResNet18_Weights.DEFAULT.meta["categories"])


def names_for(count: int) -> tuple[str, ...]:
    """Names of the outputs of a network, as far as their number tells: else `class 17`.

    The larger sets have names if timm is installed.
    """
    if count == 1000:
        return imagenet_names()
    if subset := _LARGER.get(count):
        try:
            from timm.data.imagenet_info import ImageNetInfo
        except ImportError:
            pass
        else:
            known: Any = ImageNetInfo(subset)
            return told_apart([known.index_to_description(index) for index in range(count)])
    return tuple(map(numbered_name, range(count)))


def numbered_name(index: int) -> str:
    """The name of an output of which only the number is known."""
    return f"class {index}"


@functools.cache
def synsets(count: int) -> tuple[tuple[str, str], ...]:
    """WordNet's number and synonyms of each class, such as ("n01440764", "tench, Tinca tinca").

    Args:
        count: Number of classes, which tells one of ImageNet's sets from another.

    Returns:
        As many, in the order of the outputs; none if no set has that many, or timm is not there to say.
    """
    if count == 1000:
        lines = read_text(Path(__file__).with_name("imagenet_classes.txt"), 2**20).splitlines()
        return tuple((line[:9], line[10:]) for line in lines)
    if count not in _LARGER:
        return ()
    try:
        from timm.data.imagenet_info import ImageNetInfo
    except ImportError:
        return ()
    known: Any = ImageNetInfo(_LARGER[count])
    numbers = range(count)
    return tuple((known.index_to_label_name(i), known.index_to_description(i)) for i in numbers)


def told_apart(descriptions: list[str]) -> tuple[str, ...]:
    """A name of its own for each: the first synonym, all of them, or with its number.

    >>> told_apart(["tench, Tinca tinca", "crane, bird", "crane, machine", "ox", "ox"])
    ('tench', 'crane, bird', 'crane, machine', 'ox (3)', 'ox (4)')
    """
    short = [text.partition(",")[0] for text in descriptions]
    by_name, whole = Counter(short), Counter(descriptions)
    return tuple(
        name if by_name[name] == 1 else text if whole[text] == 1 else f"{text} ({index})"
        for index, (name, text) in enumerate(zip(short, descriptions, strict=True))
    )
