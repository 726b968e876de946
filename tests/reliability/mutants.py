"""Images with flipped bits, missing ends and parts of others in them: read, or refused, never a crash.

    python -m tests.reliability.mutants --count 20000 --seed 0

Each mutant of a small image of one of seven formats is decoded as training does it, and measured. A
crash in a library, a limit on memory or a hang that the clock finds ends the process: the last number
printed and the seed say which mutant it was.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import sys
import time
from collections import Counter

import numpy as np
from PIL import features

from onestop.errors import BadImageError
from onestop.images.decode import decode
from onestop.images.header import measure
from tests.reliability.bad_inputs import encoded, picture

_MEMORY = 6 * 2**30  # bytes of address space, far more than any small image needs
_SECONDS = 60.0  # for one image


def originals() -> list[bytes]:
    """Small images of all formats that are read, in their usual kinds."""
    color = picture(1, 33, 47)
    found = [
        encoded(color, "JPEG"), encoded(color, "JPEG", progressive=True),
        encoded(color[..., 0], "JPEG"), encoded(color, "PNG"),
        encoded(color[..., 0].astype(np.uint16) * 256, "PNG"), encoded(color, "WEBP"),
        encoded(color, "WEBP", lossless=True), encoded(color, "BMP"), encoded(color, "GIF"),
        encoded(color, "TIFF"), encoded(color, "TIFF", compression="tiff_lzw"),
        encoded(color, "PPM"),
    ]  # fmt: skip
    return [*found, encoded(color, "AVIF")] if features.check("avif") else found


def mutant(sources: list[bytes], rng: np.random.Generator) -> bytes:
    """One image, changed in one or two ways."""
    content = bytearray(sources[int(rng.integers(len(sources)))])
    for _ in range(int(rng.integers(1, 3))):
        kind, size = int(rng.integers(5)), len(content)
        if size < 8:
            break
        at = int(rng.integers(size))
        if kind == 0:  # bits, most of them near the beginning, where sizes and tables are
            for _ in range(int(rng.integers(1, 9))):
                place = int(size * rng.random() ** 3)
                content[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del content[at:]
        elif kind == 2:  # a part of another image, or of itself
            other = sources[int(rng.integers(len(sources)))]
            begin = int(rng.integers(len(other)))
            part = other[begin : begin + int(rng.integers(1, 200))]
            content[at : at + len(part)] = part
        elif kind == 3:
            length = int(rng.integers(1, 64))
            content[at : at + length] = bytes([int(rng.choice([0, 255, 127]))]) * length
        else:
            del content[at : at + int(rng.integers(1, 64))]
    return bytes(content)


def main() -> None:
    """Make them, decode them, say how many were read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    limit_memory()
    sources, found, slowest = originals(), Counter[str](), 0.0
    for number in range(words.count):
        if number % 100 == 0:
            print(f"from {number}", flush=True)
        content = mutant(sources, np.random.default_rng([words.seed, number]))
        faulthandler.dump_traceback_later(_SECONDS, exit=True)
        begun = time.perf_counter()
        found[outcome(content)] += 1
        slowest = max(slowest, time.perf_counter() - begun)
        faulthandler.cancel_dump_traceback_later()
    told = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
    print(f"{words.count} mutants: {told}; slowest {slowest:.2f} s")


def outcome(content: bytes) -> str:
    """What became of a mutant; anything but a refusal of ours ends the program."""
    with contextlib.suppress(BadImageError):
        measure(content)
    remarks: list[str] = []
    try:
        pixels = decode(content, 3, remarks.append)
    except BadImageError as error:
        if not str(error) or "\n" in str(error):
            raise
        return "refused"
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    return "read with a remark" if remarks else "read"


def limit_memory() -> None:
    """Have an allocation without bounds fail at once."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
