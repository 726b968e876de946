"""When two names are one: names compare as a person reads them, not byte by byte.

`café` can be stored with one character for é (NFC) or with two (NFD, as macOS writes folder names). A
spreadsheet may turn the label 1 into 1.0. Wherever a class, a label or a file is looked up by its
name, this decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def nfc(text: str) -> str:
    """Text in one encoding of its accents."""
    return unicodedata.normalize("NFC", text)


def key_of(name: str) -> str:
    """What is equal for two spellings of one name: NFC, and whole numbers without `.0`.

    >>> key_of("cafe\u0301") == key_of("caf\u00e9"), key_of("1.0"), key_of("01")
    (True, '1', '01')
    """
    whole = _WHOLE.fullmatch(name)
    return whole[1] if whole else nfc(name)


def one_each(names: Iterable[str]) -> list[str]:
    """Names, sorted, with one spelling each: the shortest, which is NFC and 1 rather than 1.0."""
    spellings: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        spellings.setdefault(key_of(name), []).append(name)
    return sorted(min(same, key=len) for same in spellings.values())


def doubled(names: Iterable[str]) -> list[list[str]]:
    """The spellings of each name that has several."""
    spellings: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        spellings.setdefault(key_of(name), []).append(name)
    return [same for same in spellings.values() if len(same) > 1]


def positions(names: Sequence[str]) -> Mapping[str, int]:
    """The position of each name by its `key_of`; of a name that is there twice, the first."""
    return {key_of(name): number for number, name in reversed(list(enumerate(names)))}


def places(own: Iterable[str], known: Sequence[str]) -> dict[str, int | None]:
    """Where each name stands in a list, spelled exactly so or else in another way; None if nowhere."""
    place = finder(known)
    return {name: place(name) for name in own}


def finder(known: Sequence[str]) -> Callable[[str], int | None]:
    """A function that gives the place of a name in a list, as `places` does."""
    exact, spelled = {name: number for number, name in enumerate(known)}, positions(known)
    return lambda name: exact.get(name, spelled.get(key_of(name)))
