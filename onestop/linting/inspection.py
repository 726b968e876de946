"""Inspection of every image of a data set: readability, size, format and digest, in one pass."""

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
from onestop.errors import BadImageError
from onestop.images.decode import decode
from onestop.images.header import Header, header
from onestop.images.pillow import Pixels
from onestop.images.pixel_range import PixelRange
from onestop.linting.findings import Place

THUMB = 32  # side of the grey thumbnail used to find near copies, in pixels


@dataclass(frozen=True)
class Inspection:
    """Properties of one image.

    Attributes:
        error: Why it cannot be read; no other field is set then.
        remark: A warning about an image that can be read all the same.
        header: Format, mode and EXIF rotation, if it is a file.
        height: In pixels, upright.
        width: In pixels, upright.
        digest: Hash of the decoded pixels, equal for exact copies.
        plain: Whether all pixels have the same colour.
        thumb: Grey thumbnail, uint8 [THUMB, THUMB].
        color: Mean red, green and blue.
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


def inspect_all(
    dataset: Dataset,
    workers: int,
    watch: Callable[[int, int], None],
    pixel_range: PixelRange = "full",
) -> dict[Place, Inspection]:
    """Inspect every image of every split, in threads.

    Args:
        dataset: A data set of images.
        workers: Threads.
        watch: Progress callback: images done and total.
        pixel_range: What is black and white in images of more than 8 bits.
    """
    total = sum(map(len, dataset.splits.values()))
    inspections: dict[Place, Inspection] = {}
    for split, samples in dataset.splits.items():

        def load(index: int, samples: Samples = samples) -> Inspection:
            return inspect_image(samples, index, pixel_range)

        loaded = prefetch(groups(len(samples)), load, workers)
        for indices, images in zip(groups(len(samples)), loaded, strict=True):
            inspections |= {
                Place(split, i): image for i, image in zip(indices, images, strict=True)
            }
            watch(len(inspections), total)
    return inspections


def inspect_image(samples: Samples, index: int, pixel_range: PixelRange = "full") -> Inspection:
    """Inspect one image."""
    try:
        data, remarks = samples.content(index), list[str]()
        if data is None:
            return _of_pixels(samples.read(index, 3, pixel_range))
        name = samples.name(index)
        file_header = header(data, name)
        pixels = decode(data, 3, remarks.append, pixel_range, name)
        return _of_pixels(pixels, file_header, "; ".join(remarks))
    except BadImageError as error:
        return Inspection(error=str(error))


def _of_pixels(pixels: Pixels, file_header: Header | None = None, remark: str = "") -> Inspection:
    height, width = pixels.shape[:2]
    digest = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    image = Image.fromarray(pixels)
    thumb = image.convert("L").resize((THUMB, THUMB), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return Inspection(
        remark=remark,
        header=file_header,
        height=height,
        width=width,
        digest=digest.digest(),
        plain=bool((pixels == pixels[0, 0]).all()),
        thumb=np.asarray(thumb),
        color=tuple(ImageStat.Stat(image).mean),
    )
