"""What a data set holds: a key for the content of each sample, and one hash of all of them.

Names, sizes and times do not tell whether images are those of before; their content does. Every file is
read once, in threads; what reads it anyway (statistics, caches, a search for copies) notes its key in
passing, and the keys of large sets stay in the user's cache (`onestop/data/signatures.py`).

Legend: N samples of a split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.digests import UNKNOWN, UNREADABLE, Keys, key_of
from onestop.data.prefetch import groups, prefetch
from onestop.data.samples import Samples
from onestop.data.signatures import Signatures
from onestop.errors import BadImageError
from onestop.runtime.device import cores

_LONG = 4 * 10**9  # bytes; reading more takes so long that people are told


@dataclass(frozen=True)
class Contents:
    """What a data set holds.

    Attributes:
        keys: For each split, the key of each sample, [N].
        fingerprint: A hash of classes, targets and the content of all samples, in their order.
        recognisable: Whether keys follow from contents; those of some torch data sets follow from the
            numbers of the samples.
    """

    keys: Mapping[str, Keys]
    fingerprint: str
    recognisable: bool = True


def _ignore(_: str) -> None:
    pass


def recall(dataset: Dataset) -> None:
    """Note the keys of files that have not changed since they were read, without reading them.

    Whoever reads the others afterwards notes theirs, so that `contents_of` has less to do.
    """
    _recalled(list(dataset.splits.values()))


def contents_of(dataset: Dataset, say: Callable[[str], None] = _ignore) -> Contents:
    """Read what has not been read yet, and give the key of every sample.

    Args:
        dataset: Its samples keep their keys, so that asking again costs nothing.
        say: Takes a line if this will take long.
    """
    _complete(list(dataset.splits.values()), say)
    keys = {split: samples.digests.keys for split, samples in dataset.splits.items()}
    digest = hashlib.sha256("\0".join(dataset.classes).encode(errors="surrogateescape"))
    for split, samples in sorted(dataset.splits.items()):
        digest.update(f"\n{split} {len(samples)} {samples.form}\n".encode())
        digest.update(samples.targets.identity())
        digest.update(keys[split].astype("<u8").tobytes())
    known = all(samples.recognisable for samples in dataset.splits.values())
    return Contents(keys, digest.hexdigest(), known)


def keys_of(samples: Samples) -> Keys:
    """The key of each sample of one split, [N]; reads what has not been read yet."""
    _complete([samples], _ignore)
    return samples.digests.keys


def _complete(parts: Sequence[Samples], say: Callable[[str], None]) -> None:
    """Note the keys of all samples of some splits."""
    if all(not len(samples.digests.unknown()) for samples in parts):
        return
    signatures = _recalled(parts)
    size = _unread_bytes(parts, signatures) if signatures else 0
    if size > _LONG:
        say(f"reading {size / 1e9:,.1f} GB of images once, to notice later if they have changed")
    unread = sum(len(samples.digests.unknown()) for samples in parts)
    for samples in parts:
        _read(samples)
    if signatures and unread:
        begun = min(samples.digests.begun for samples in parts)
        signatures.keep(np.concatenate([samples.digests.keys for samples in parts]), begun)


def _read(samples: Samples) -> None:
    """Read all samples of a split whose keys are not known."""
    unread = samples.digests.unknown()

    def keys(part: range) -> list[int]:  # one file is too little work for a task
        return [_key(samples, int(unread[place])) for place in part]

    # Arrays are hashed in a moment, and threads would only get into each other's way.
    workers = 0 if samples.in_memory else cores()
    parts = prefetch(([part] for part in groups(len(unread))), keys, workers)
    found = [key for [part] in parts for key in part]
    samples.digests.keys[unread] = np.array(found, np.uint64)


def _key(samples: Samples, index: int) -> int:
    try:
        return key_of(samples.identify(index))
    except (OSError, BadImageError):
        return UNREADABLE


def _recalled(parts: Sequence[Samples]) -> Signatures | None:
    """The signatures of the files of some splits, whose keys are noted if they are stored.

    None if the samples have no files, or too few to be worth it.
    """
    if any(not len(samples) or not samples.place(0) for samples in parts):
        return None
    places = [samples.place(index) for samples in parts for index in range(len(samples))]
    signatures = Signatures(places, cores())
    if not signatures.pays:
        return None
    cuts = np.cumsum([len(samples) for samples in parts])[:-1]
    for samples, stored in zip(parts, np.split(signatures.keys(), cuts), strict=True):
        fresh = (samples.digests.keys == UNKNOWN) & (stored > 0)
        samples.digests.keys[fresh] = stored[fresh]
    return signatures


def _unread_bytes(parts: Sequence[Samples], signatures: Signatures) -> int:
    unknown = np.concatenate([samples.digests.keys == UNKNOWN for samples in parts])
    return int(signatures.table[unknown, 2].sum())
