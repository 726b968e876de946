"""Preprocessing: from an image of any size to the network's input.

It is declared once, stored in the model file, and shared by evaluation during training, `evaluate`,
`predict` and every other use of the model.

Legend: N images, B samples in a batch, C channels, H and W original height and width, h and w those of
the network's input, F values of a vector.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from onestop.data.targets import Indices
from onestop.errors import BadImageError, UsageError
from onestop.images.decode import pixels_of
from onestop.images.forms import Deferred, is_array, loaded, plain_array
from onestop.images.pixel_range import PixelRange, is_possible
from onestop.metrics.objects import Frame
from onestop.recipe import Fit

if TYPE_CHECKING:
    from onestop.data.samples import Samples

_MOST = 2**14  # pixels per side, or values of a vector
_LONG = 16  # times the side of the centre crop


class Preprocessing(ABC):
    """From a stored sample to a row of the network's input.

    Attributes:
        is_image: Whether samples are images rather than vectors.
        mean: Subtracted; one value per channel, or per value of a vector.
        std: The divisor after that.
        pixel_range: What is black and white in images of more than 8 bits.
    """

    is_image: ClassVar[bool]
    pixel_range: PixelRange = "full"
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared input, without the batch dimension."""

    @abstractmethod
    def prepare(self, samples: Samples, index: int) -> Tensor:
        """One sample in its stored dtype and final shape; raises `BadImageError`."""

    @abstractmethod
    def prepare_many(self, samples: Samples, indices: Indices | slice) -> Tensor:
        """The same for several samples in memory at once, [n, ...]."""

    @abstractmethod
    def prepare_input(self, value: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        """The same for one sample passed by a user; see `onestop.images.decode.pixels_of`."""

    def prepare_placed(
        self, value: Any, remark: Callable[[str], None] | None = None
    ) -> tuple[Tensor, tuple[int, int] | None]:
        """The same, with the height and width of the image as it was given; None for vectors."""
        return self.prepare_input(value, remark), None

    @abstractmethod
    def room(self, count: int) -> Tensor:
        """Zeros for `count` prepared samples, [count, ...]."""

    def geometry(self, size: tuple[int, int]) -> Frame:
        """Where an image of some height and width lies in the input; see `Frame`.

        Raises:
            NotImplementedError: Samples are not images.
        """
        raise NotImplementedError

    @abstractmethod
    def normalise(self, batch: Tensor) -> Tensor:
        """Convert a batch of prepared samples to the network's input, in float32."""

    @abstractmethod
    def denormalise(self, batch: Tensor) -> Tensor:
        """The inverse of `normalise`."""

    def normalised_by(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Self:
        """The same preprocessing with another mean and standard deviation."""
        return dataclasses.replace(self, mean=mean, std=std)  # type: ignore[type-var]

    def is_possible(self) -> bool:
        """Whether it is valid: sizes that fit into memory, and one mean and deviation per channel."""
        sizes = self.shape
        per_channel = len(self.mean) == len(self.std) == sizes[0]
        finite = all(map(math.isfinite, (*self.mean, *self.std)))
        fits = all(1 <= size <= _MOST for size in sizes)
        return per_channel and finite and fits and min(self.std) > 0

    def to_json(self) -> dict[str, Any]:
        """The declaration as stored in the model file."""
        return {"kind": type(self).__name__, **dataclasses.asdict(self)}  # type: ignore[call-overload]


class _Plan(NamedTuple):
    """How an image is resized.

    Attributes:
        middle: Height and width of the part of the original that is resized, around its centre.
        scaled: Height and width of that after resizing.
        offset: Where it lies in the input, down and right; negative if it is cropped.
    """

    middle: tuple[int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]


@dataclass(frozen=True)
class ImagePreprocessing(Preprocessing):
    """Convert channels, resize, subtract the mean and divide by the standard deviation.

    Attributes:
        channels: 1, 3 or 4.
        size: Height and width in pixels, (h, w).
        fit: `crop` resizes the shorter side and takes the centre crop, `stretch` ignores the aspect
            ratio, `pad` resizes the longer side and pads with black.
        crop_fraction: With `crop`, the fraction of the resized shorter side that is kept; 0.875 is
            the usual 224 of 256.
        interpolation: Interpolation mode; always antialiased.
        mean: One value per channel, for pixels in [0, 1].
        std: One value per channel, above 0.
        pixel_range: The values that are black and white in images of more than 8 bits; or `full`, or
            `image` (see `onestop.images.pixel_range`).
    """

    is_image = True
    channels: int
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    crop_fraction: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    pixel_range: PixelRange = "full"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, *self.size)

    def prepare(self, samples: Samples, index: int) -> Tensor:
        return self.resize(pixel_tensor(samples.read(index, self.channels, self.pixel_range)))[0]

    def prepare_many(self, samples: Samples, indices: Indices | slice) -> Tensor:
        pixels = samples.read_many(indices, self.channels, self.pixel_range)
        return self.resize(pixel_tensor(pixels))

    def prepare_input(self, value: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        return self.prepare_placed(value, remark)[0]

    def prepare_placed(
        self, value: Any, remark: Callable[[str], None] | None = None
    ) -> tuple[Tensor, tuple[int, int] | None]:
        pixels = pixels_of(value, self.channels, remark, self.pixel_range)
        return self.resize(pixel_tensor(pixels))[0], (pixels.shape[0], pixels.shape[1])

    def room(self, count: int) -> Tensor:
        """Black images uint8 [count, C, h, w] in channels-last format, as decoders write them."""
        channels, h, w = self.shape
        return torch.zeros(count, h, w, channels, dtype=torch.uint8).permute(0, 3, 1, 2)

    def resize(self, images: Tensor) -> Tensor:
        """Resize images of equal size: uint8 [N, C, H, W] -> [N, C, h, w]."""
        height, width = images.shape[-2:]
        h, w = self.size
        if (height, width) == (h, w):
            return images
        plan = self._plan(height, width)
        if plan.middle != (height, width):
            # Else a strip of one pixel by thousands would be scaled to gigabytes before the crop.
            images = _middle(images, *plan.middle)
        images = interpolate(images, plan.scaled, self.interpolation)
        top, left = plan.offset
        if self.fit == "pad":
            return F.pad(images, (left, w - plan.scaled[1] - left, top, h - plan.scaled[0] - top))
        return images[..., -top : h - top, -left : w - left]

    def geometry(self, size: tuple[int, int]) -> Frame:
        height, width = size
        plan = self._plan(height, width)
        (top, left), (rows, columns) = plan.offset, plan.middle
        scale_y, scale_x = plan.scaled[0] / rows, plan.scaled[1] / columns
        cut_x, cut_y = (width - columns) // 2, (height - rows) // 2
        return scale_x, scale_y, left - cut_x * scale_x, top - cut_y * scale_y

    def _plan(self, height: int, width: int) -> _Plan:
        """How an original of H x W pixels is resized: what is cut off first, its size, its place."""
        h, w = self.size
        if self.fit == "stretch" or (height, width) == (h, w):
            return _Plan((height, width), (h, w), (0, 0))
        by_side = (h / height, w / width)
        scale = min(by_side) if self.fit == "pad" else max(by_side) / self.crop_fraction
        middle = (height, width)
        if self.fit == "crop" and max(height * scale / h, width * scale / w) > _LONG:
            longest = math.ceil(_LONG * h / scale), math.ceil(_LONG * w / scale)
            middle = min(height, longest[0]), min(width, longest[1])
        scaled = (max(1, round(middle[0] * scale)), max(1, round(middle[1] * scale)))
        if self.fit == "pad":
            return _Plan(middle, scaled, ((h - scaled[0]) // 2, (w - scaled[1]) // 2))
        return _Plan(middle, scaled, (-((scaled[0] - h) // 2), -((scaled[1] - w) // 2)))

    def normalise(self, batch: Tensor) -> Tensor:
        # One multiplication and one addition per pixel: (x/255 - mean)/std = x*scale + shift.
        mean = torch.tensor(self.mean, device=batch.device)
        std = torch.tensor(self.std, device=batch.device)
        scale, shift, pixels = 1 / (255 * std), -mean / std, batch.float()
        if self.channels > 1 and pixels.is_contiguous(memory_format=torch.channels_last):
            # By rows of pixels, [B, h, w*C]: broadcasting over three values takes four times as long.
            width = pixels.shape[3]
            lines = pixels.permute(0, 2, 3, 1).flatten(2)
            lines.mul_(scale.repeat(width)).add_(shift.repeat(width))
            return pixels
        return pixels.mul_(scale.view(-1, 1, 1)).add_(shift.view(-1, 1, 1))

    def is_possible(self) -> bool:
        scaled = max(self.size) / max(self.crop_fraction, 0.01)  # pixels, before the crop
        possible = super().is_possible() and is_possible(self.pixel_range)
        return possible and 0.01 <= self.crop_fraction <= 1 and scaled <= _MOST

    def denormalise(self, batch: Tensor) -> Tensor:
        """Pixels, uint8 [B, C, h, w]."""
        mean = torch.tensor(self.mean, device=batch.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=batch.device).view(-1, 1, 1)
        return ((batch * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class VectorPreprocessing(Preprocessing):
    """Vectors of `features` values: subtract the mean and divide by the standard deviation."""

    is_image = False
    features: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.features,)

    def prepare(self, samples: Samples, index: int) -> Tensor:
        return self.prepare_many(samples, np.array([index]))[0]

    def prepare_many(self, samples: Samples, indices: Indices | slice) -> Tensor:
        return torch.from_numpy(samples.many(indices))

    def prepare_input(
        self,
        value: Any,
        remark: Callable[[str], None] | None = None,  # noqa: ARG002
    ) -> Tensor:
        value = loaded(value) if isinstance(value, Deferred) else value
        try:
            vector = np.asarray(plain_array(value) if is_array(value) else value, dtype=np.float32)
        except (TypeError, ValueError):
            kind = type(value).__name__
            raise UsageError(
                f"input of type {kind}: the model takes vectors of {self.features} values"
            ) from None
        vector = vector.reshape(-1)
        if vector.shape != self.shape:
            raise BadImageError(f"has {len(vector)} values, expected {self.features}")
        return torch.from_numpy(vector)

    def room(self, count: int) -> Tensor:
        return torch.zeros(count, self.features)

    def normalise(self, batch: Tensor) -> Tensor:
        mean = torch.tensor(self.mean, device=batch.device)
        return (batch.float() - mean) / torch.tensor(self.std, device=batch.device)

    def denormalise(self, batch: Tensor) -> Tensor:
        mean = torch.tensor(self.mean, device=batch.device)
        return batch * torch.tensor(self.std, device=batch.device) + mean


def from_json(stored: Mapping[str, Any]) -> Preprocessing:
    """Restore the preprocessing written by `to_json`.

    Raises:
        UsageError: This version does not know the kind, a field or a value.
    """
    kinds = {kind.__name__: kind for kind in (ImagePreprocessing, VectorPreprocessing)}
    fields = {name: value for name, value in stored.items() if name != "kind"}
    if stored.get("kind") == ImagePreprocessing.__name__:
        fields.setdefault("pixel_range", "image")  # older files have none
    try:
        kind = kinds[stored["kind"]]
        known = fields.keys() <= {field.name for field in dataclasses.fields(kind)}
        preprocessing: Preprocessing = TypeAdapter(kind).validate_python(fields)
        if known and preprocessing.is_possible():
            return preprocessing
    except (KeyError, TypeError, ValidationError):
        pass
    raise UsageError(f"preprocessing {dict(stored)!s:.200}: not known to this version") from None


def pixel_tensor(pixels: np.ndarray[Any, Any]) -> Tensor:
    """Pixels [H, W, C] or [N, H, W, C] as a tensor [N, C, H, W]."""
    tensor = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
    return (tensor if tensor.ndim == 4 else tensor[None]).permute(0, 3, 1, 2)


def _middle(images: Tensor, height: int, width: int) -> Tensor:
    """The centre of images, at most `height` x `width`: [N, C, h, w]."""
    for dimension, limit in ((2, height), (3, width)):
        size = images.shape[dimension]
        length = min(size, limit)
        images = images.narrow(dimension, (size - length) // 2, length)
    return images


def interpolate(images: Tensor, size: Sequence[int], mode: str = "bilinear") -> Tensor:
    """Resize images uint8 [N, C, H, W], within one grey level of Pillow's `resize`.

    Bicubic differs by more in the few pixels at hard edges, where it overshoots black or white.
    """
    return F.interpolate(images, tuple(size), mode=mode, antialias=True)
