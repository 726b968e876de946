"""Which class of a model is meant: those of ImageNet are written in several ways.

Legend: K classes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from onestop.data.names import finder
from onestop.errors import DataError
from onestop.networks.imagenet import names_for, synsets
from onestop.text import listing

_NUMBER = re.compile(r"(?<![^\W_])(n\d{8})(?![^\W_])")  # WordNet's, also beside a name
_NUMBERED = re.compile(r"(\d+)[\W_]+(.+)")  # 000_tench
_ENOUGH = 0.99  # share of the names of a list that must be ImageNet's, in its order


class Spelling:
    """The classes of a model, to be found by any of the names that people give them.

    Any model's are known by their names. ImageNet's are known, too, by WordNet's number (`n01440764`),
    by their synonyms, one or all of them (`tench, Tinca tinca`), by the number of the output (`0`,
    `000`), and by a number beside a name (`n01440764_tench`); outputs without names by their number.

    Attributes:
        is_imagenet: Whether the classes are those of one of ImageNet's sets.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._place = finder(classes)
        self._numbers: dict[str, int] = {}
        self._synonyms: dict[str, set[int]] = defaultdict(set)
        usual = tuple(classes) == names_for(len(classes))
        self._learn(synsets(len(classes)))
        self.is_imagenet = bool(self._numbers) and (usual or self._is_in_order())
        self._counted = usual or self.is_imagenet

    def _learn(self, known: Sequence[tuple[str, str]]) -> None:
        for k, (number, synonyms) in enumerate(known):
            self._numbers[number] = k
            for name in (synonyms, *synonyms.split(",")):
                self._synonyms[_plain(name)].add(k)

    def _is_in_order(self) -> bool:
        """Whether the names, whoever wrote them, are ImageNet's in the usual order."""
        fitting = sum(k in self._meant(name) for k, name in enumerate(self._classes))
        return fitting >= _ENOUGH * len(self._classes)

    def find(self, name: str) -> int | None:
        """The number of the class that is meant; None if there is no such class.

        Raises:
            DataError: Several may be meant.
        """
        if (exact := self._place(name)) is not None:
            return exact
        if not self._counted:
            return None
        if name.isdecimal():
            return int(name) if int(name) < len(self._classes) else None
        meant = sorted(self._meant(name))
        if len(meant) > 1:
            raise DataError(
                f"{name!r} may be {listing((f'{self._classes[k]} ({k})' for k in meant), 4)}; "
                "use the number instead"
            )
        return meant[0] if meant else None

    def _meant(self, name: str) -> set[int]:
        """The classes of ImageNet that a name may mean."""
        if number := _NUMBER.search(name):
            return {self._numbers[number[1]]} if number[1] in self._numbers else set()
        found = self._synonyms.get(_plain(name), set())
        if not found and (numbered := _NUMBERED.fullmatch(name)):
            found = self._synonyms.get(_plain(numbered[2]), set()) & {int(numbered[1])}
        return found


def _plain(name: str) -> str:
    """What is equal for two spellings: no case, and words without signs between them."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
