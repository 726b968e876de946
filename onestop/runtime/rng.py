"""Counter-based random numbers: each is a pure function of its purpose, so there is no state to save.

Order of the images = f(seed, epoch); augmentation of an image = f(seed, epoch, image); dropout =
f(seed, step). So the number of threads, evaluation and interruptions cannot change a result.

The stream is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014, https://doi.org/10.1145/2660193.2660195), started at a BLAKE2 hash of the purpose. It
does not depend on any library's generator, so a seed means the same with every version of numpy and
torch.

torch is imported only to seed its generators: data sets are opened and checked without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key_for(*words: int | str) -> int:
    """An integer in [0, 2**63) that identifies a purpose: `key_for(seed, "order", epoch)`."""
    text = "\x1f".join(f"{type(word).__name__}:{word}" for word in words)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def bits(key: int, counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 random bits for each counter: the `counter`-th output of SplitMix64 started at `key`."""
    z = np.uint64(key) + (counters + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(key: int, samples: NDArray[np.int64], draws: int) -> NDArray[np.float64]:
    """Uniform values in [0, 1), [samples, draws]; a sample's values do not depend on the others."""
    first = samples.astype(np.uint64)[:, None] * np.uint64(draws)
    counters: NDArray[np.uint64] = np.add(first, np.arange(draws, dtype=np.uint64))
    high = bits(key, counters) >> np.uint64(11)  # as many bits as a float64 has
    return high.astype(np.float64) / 2.0**53


def permutation(key: int, count: int) -> NDArray[np.int64]:
    """The integers 0 to count-1 in random order."""
    order = np.argsort(bits(key, np.arange(count, dtype=np.uint64)), kind="stable")
    return order.astype(np.int64)


def seed_torch(*words: int | str) -> None:
    """Seed torch's generators (dropout draws from them) for the purpose that these words name."""
    import torch

    seed = key_for(*words)
    # `torch.manual_seed` does this and more: if no GPU is in use yet, it records the whole call
    # stack for later, which takes longer than a small network's step.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


@contextmanager
def preserved() -> Iterator[None]:
    """Restore torch's own generators afterwards: they belong to the caller."""
    import torch

    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        yield
