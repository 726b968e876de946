"""What is known of the contents of samples: 64 bits of a hash of each, noted as they are read.

Two samples with the same key have the same content: by chance, a billion different ones have two equal
keys once in forty times. Nothing else may follow from a key; it does not withstand an attack.

Legend: N samples.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint64]
"""A key per sample, [N]."""
UNKNOWN = 0
"""The key of a sample that has not been read yet."""
UNREADABLE = 1
"""The key of a sample that cannot be read."""
_BYTES = 8


def key_of(digest: bytes) -> int:
    """The key of a sample with this hash, which has at least 8 bytes."""
    key = int.from_bytes(digest[:_BYTES], "little")
    return key if key > UNREADABLE else key + 2


class Digests:
    """The keys of the samples of a split, as far as they are known.

    Attributes:
        keys: [N]; `UNKNOWN` where nothing is known yet.
        begun: Nothing was read before this time, in nanoseconds since 1970.
    """

    def __init__(self, keys: Keys, begun: int | None = None) -> None:
        self.keys = keys
        self.begun = time.time_ns() if begun is None else begun

    @classmethod
    def of(cls, count: int) -> Digests:
        """Of samples of which nothing is known."""
        return cls(np.zeros(count, np.uint64))

    def take(self, indices: NDArray[np.int64]) -> Digests:
        """Those of some of the samples."""
        return Digests(self.keys[indices], self.begun)

    def note(self, index: int, digest: bytes) -> None:
        """Keep the hash of a sample that was read."""
        self.keys[index] = key_of(digest)

    def has(self, index: int) -> bool:
        """Whether the key of a sample is known."""
        return bool(self.keys[index])

    def unknown(self) -> NDArray[np.int64]:
        """The samples that have not been read yet."""
        return np.flatnonzero(self.keys == UNKNOWN)


def short_keys(texts: Iterable[str]) -> NDArray[np.uint32]:
    """32 bits of a hash of each text: enough to recognise a name or a label of one data set."""
    encoded = (text.encode(errors="surrogateescape") for text in texts)
    digests = b"".join(hashlib.blake2b(text, digest_size=4).digest() for text in encoded)
    return np.frombuffer(digests, "<u4").astype(np.uint32)
