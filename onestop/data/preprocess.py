"""The one preprocessing: from an image of any size to what the network sees.

Declared once, stored in the model file, and used alike by training's evaluation, `evaluate`,
`predict` and whatever comes later.

Legend: N images, B samples of a batch, C channels, H and W height and width as found, h and w as the
network sees them, F values of a vector.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from onestop.data.targets import Indices
from onestop.errors import BadImageError, UsageError
from onestop.images.decode import pixels_of, to_channels
from onestop.recipe import Fit

if TYPE_CHECKING:
    from onestop.data.samples import Samples

_MOST = 2**14  # pixels a side, or values of a vector
_LONG = 16  # times the side that is cut out of an image


class Preprocessing(ABC):
    """From a sample as it is stored to a row of the network's input.

    Attributes:
        is_image: Whether samples are images rather than vectors.
        mean: What is subtracted: a value per channel, or per value of a vector.
        std: What is divided by then.
    """

    is_image: ClassVar[bool]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared input, without the batch dimension."""

    @abstractmethod
    def prepare(self, samples: Samples, index: int) -> Tensor:
        """One sample in its stored type and final shape; raises `BadImageError`."""

    @abstractmethod
    def prepare_many(self, samples: Samples, indices: Indices | slice) -> Tensor:
        """The same for several samples in memory at once, [n, ...]."""

    @abstractmethod
    def prepare_input(self, value: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        """The same for one sample as a person gives it; see `onestop.images.decode.pixels_of`."""

    @abstractmethod
    def room(self, count: int) -> Tensor:
        """Zeros with room for so many prepared samples, [count, ...]."""

    @abstractmethod
    def normalise(self, batch: Tensor) -> Tensor:
        """A batch of prepared samples as the network's input, in float32."""

    @abstractmethod
    def denormalise(self, batch: Tensor) -> Tensor:
        """A batch that `normalise` gave as prepared samples again."""

    def normalised_by(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Self:
        """The same preparation with another mean and deviation."""
        return dataclasses.replace(self, mean=mean, std=std)  # type: ignore[type-var]

    def is_possible(self) -> bool:
        """Whether it can be carried out: sizes that fit into memory, as many means as channels."""
        sizes = self.shape
        per_channel = len(self.mean) == len(self.std) == sizes[0]
        finite = all(map(math.isfinite, (*self.mean, *self.std)))
        fits = all(1 <= size <= _MOST for size in sizes)
        return per_channel and finite and fits and min(self.std) > 0

    def to_json(self) -> dict[str, Any]:
        """The declaration as it stands in the model file."""
        return {"kind": type(self).__name__, **dataclasses.asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class ImagePreprocessing(Preprocessing):
    """Bring to a number of channels, to a size, then subtract a mean and divide by a deviation.

    Attributes:
        channels: 1, 3 or 4.
        size: Height and width in pixels, (h, w).
        fit: `crop` scales the shorter side and cuts out the middle, `stretch` ignores the aspect
            ratio, `pad` scales the longer side and adds black.
        crop_fraction: With `crop`, the part of the scaled shorter side that is kept; 0.875 is the
            usual 224 of 256.
        interpolation: How pixels between pixels are found; always with antialiasing.
        mean: A value per channel, for pixels in [0, 1].
        std: A value per channel, above 0.
    """

    is_image = True
    channels: int
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    crop_fraction: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, *self.size)

    def prepare(self, samples: Samples, index: int) -> Tensor:
        return self.resize(pixel_tensor(samples.read(index, self.channels)))[0]

    def prepare_many(self, samples: Samples, indices: Indices | slice) -> Tensor:
        return self.resize(pixel_tensor(to_channels(samples.many(indices), self.channels)))

    def prepare_input(self, value: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        return self.resize(pixel_tensor(pixels_of(value, self.channels, remark)))[0]

    def room(self, count: int) -> Tensor:
        """Black images uint8 [count, C, h, w] that lie channels-last, as decoders write."""
        channels, h, w = self.shape
        return torch.zeros(count, h, w, channels, dtype=torch.uint8).permute(0, 3, 1, 2)

    def resize(self, images: Tensor) -> Tensor:
        """Images of one size, uint8 [N, C, H, W], as uint8 [N, C, h, w]."""
        height, width = images.shape[-2:]
        h, w = self.size
        if (height, width) == (h, w):
            return images
        if self.fit == "stretch":
            return interpolate(images, (h, w), self.interpolation)
        by_side = (h / height, w / width)
        scale = min(by_side) if self.fit == "pad" else max(by_side) / self.crop_fraction
        if self.fit == "crop" and max(height * scale / h, width * scale / w) > _LONG:
            # A strip of one pixel by thousands would be scaled to gigabytes, to cut out the middle.
            images = _middle(images, math.ceil(_LONG * h / scale), math.ceil(_LONG * w / scale))
            height, width = images.shape[-2:]
        scaled = (max(1, round(height * scale)), max(1, round(width * scale)))
        images = interpolate(images, scaled, self.interpolation)
        if self.fit == "pad":
            top, left = (h - scaled[0]) // 2, (w - scaled[1]) // 2
            return F.pad(images, (left, w - scaled[1] - left, top, h - scaled[0] - top))
        top, left = (scaled[0] - h) // 2, (scaled[1] - w) // 2
        return images[..., top : top + h, left : left + w]

    def normalise(self, batch: Tensor) -> Tensor:
        # One multiplication and one addition per pixel: (x/255 - mean)/std = x*scale + shift.
        mean = torch.tensor(self.mean, device=batch.device)
        std = torch.tensor(self.std, device=batch.device)
        scale, shift, pixels = 1 / (255 * std), -mean / std, batch.float()
        if self.channels > 1 and pixels.is_contiguous(memory_format=torch.channels_last):
            # By lines of pixels, [B, h, w*C]: runs of three values take four times as long.
            width = pixels.shape[3]
            lines = pixels.permute(0, 2, 3, 1).flatten(2)
            lines.mul_(scale.repeat(width)).add_(shift.repeat(width))
            return pixels
        return pixels.mul_(scale.view(-1, 1, 1)).add_(shift.view(-1, 1, 1))

    def is_possible(self) -> bool:
        return super().is_possible() and 0.01 <= self.crop_fraction <= 1

    def denormalise(self, batch: Tensor) -> Tensor:
        """Pixels, uint8 [B, C, h, w]."""
        mean = torch.tensor(self.mean, device=batch.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=batch.device).view(-1, 1, 1)
        return ((batch * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class VectorPreprocessing(Preprocessing):
    """Vectors of `features` values, from which a mean is subtracted and which are then divided."""

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
        vector = np.asarray(value, dtype=np.float32).reshape(-1)
        if vector.shape != self.shape:
            raise BadImageError(f"{len(vector)} numbers, {self.features} wanted")
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
    """The preprocessing that `to_json` wrote.

    Raises:
        UsageError: A kind, a field or a value that this version does not know.
    """
    kinds = {kind.__name__: kind for kind in (ImagePreprocessing, VectorPreprocessing)}
    fields = {name: value for name, value in stored.items() if name != "kind"}
    try:
        kind = kinds[stored["kind"]]
        known = fields.keys() <= {field.name for field in dataclasses.fields(kind)}
        found: Preprocessing = TypeAdapter(kind).validate_python(fields)
        if known and found.is_possible():
            return found
    except (KeyError, TypeError, ValidationError):
        pass
    raise UsageError(f"preprocessing {dict(stored)!s:.200}: not known to this version") from None


def pixel_tensor(pixels: np.ndarray[Any, Any]) -> Tensor:
    """Pixels [H, W, C] or [N, H, W, C] as a tensor [N, C, H, W]."""
    tensor = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
    return (tensor if tensor.ndim == 4 else tensor[None]).permute(0, 3, 1, 2)


def _middle(images: Tensor, height: int, width: int) -> Tensor:
    """The middle of images, at most so high and wide, [N, C, h, w]."""
    for dimension, most in ((2, height), (3, width)):
        size = images.shape[dimension]
        kept = min(size, most)
        images = images.narrow(dimension, (size - kept) // 2, kept)
    return images


def interpolate(images: Tensor, size: Sequence[int], mode: str = "bilinear") -> Tensor:
    """Images uint8 [N, C, H, W] at another size, within one grey level of Pillow's `resize`.

    Bicubic differs by more in the few pixels beside hard edges, where it overshoots black or white.
    """
    return F.interpolate(images, tuple(size), mode=mode, antialias=True)
