"""One look at each image of a data set: can it be read, what is it like, what does it hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

from onestop.data.dataset import Dataset
from onestop.data.prefetch import groups, prefetch
from onestop.data.samples import Samples
from onestop.images.decode import Header, Pixels, decode, header
from onestop.images.formats import BadImageError
from onestop.linting.findings import Place

THUMB = 32  # pixels a side of the small grey picture that copies are found by


@dataclass(frozen=True)
class Look:
    """What one look at an image showed.

    Attributes:
        error: Why it cannot be read; nothing else is known then.
        remark: What is wrong with it though it can be read.
        header: Format, mode and whether it is turned by EXIF, of a file.
        height: In pixels, upright.
        width: In pixels, upright.
        digest: Hash of its pixels as they are decoded; copies have the same.
        plain: Whether all its pixels have one colour.
        thumb: [THUMB, THUMB] of uint8, grey.
        color: Mean of red, green and blue.
    """

    error: str = ""
    remark: str = ""
    header: Header | None = None
    height: int = 0
    width: int = 0
    digest: bytes = b""
    plain: bool = False
    thumb: NDArray[np.uint8] | None = None
    color: tuple[float, ...] = ()


def look_at_all(
    dataset: Dataset, workers: int, watch: Callable[[int, int], None]
) -> dict[Place, Look]:
    """Look at every image of every split, in threads.

    Args:
        dataset: Of images.
        workers: Threads.
        watch: Called with how many are done and how many there are.
    """
    total = sum(map(len, dataset.splits.values()))
    looks: dict[Place, Look] = {}
    for split, samples in dataset.splits.items():

        def load(index: int, samples: Samples = samples) -> Look:
            return look_at(samples, index)

        parts = groups(len(samples))
        for numbers, found in zip(
            parts, prefetch(groups(len(samples)), load, workers), strict=True
        ):
            looks |= {Place(split, i): look for i, look in zip(numbers, found, strict=True)}
            watch(len(looks), total)
    return looks


def look_at(samples: Samples, index: int) -> Look:
    """Look at one image."""
    try:
        data, remarks = samples.content(index), list[str]()
        if data is None:
            return _of_pixels(samples.read(index, 3))
        about = header(data)
        return _of_pixels(decode(data, 3, remarks.append), about, "; ".join(remarks))
    except BadImageError as error:
        return Look(error=str(error))


def _of_pixels(pixels: Pixels, about: Header | None = None, remark: str = "") -> Look:
    height, width = pixels.shape[:2]
    digest = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    picture = Image.fromarray(pixels)
    thumb = picture.convert("L").resize((THUMB, THUMB), Image.Resampling.LANCZOS, reducing_gap=3.0)
    plain = bool((pixels == pixels[0, 0]).all())
    color = tuple(ImageStat.Stat(picture).mean)
    return Look("", remark, about, height, width, digest.digest(), plain, np.asarray(thumb), color)
