"""The catalogue of built-in networks, one row per network.

It does not import torch, so a mistyped name is reported immediately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Entry:
    """A network that `build` can build.

    Attributes:
        name: The name to type.
        where: `module:Class` of the builder, which is called with classes and channels.
        channels: Default number of channels.
        image_size: Default pixels per side.
        min_size: Minimum pixels per side; smaller images leave an empty feature map.
        summary: A one-line description.
        paper: The reference.
        parameters: Number of parameters with 10 classes at the default size (1 output for `linear`).
        multiply_adds: Those of convolutions and linear layers, for one input of the default size.
        weights: Whether there are published weights.
        accuracy: Top-1 accuracy of the best ones on ImageNet's validation images, in percent.
        origin: onestop, torchvision, timm, or `file` or `python` for a custom network.
        vectors: Whether it takes vectors rather than images.
        depthwise: Whether it has depthwise convolutions, with one group per channel.
        size: Whether the builder also takes `image_size`, because layers depend on it.
        whole: Whether its predictions are about whole images; else about things somewhere in them.
        ap: Published average precision in percent, of networks that find things.
        options: Further keyword arguments of the builder.
    """

    name: str
    where: str
    channels: Literal[1, 3]
    image_size: int
    min_size: int
    summary: str
    paper: str = ""
    parameters: int = 0
    multiply_adds: int = 0
    weights: bool = False
    accuracy: float = 0.0
    origin: str = "onestop"
    vectors: bool = False
    depthwise: bool = False
    size: bool = False
    whole: bool = True
    ap: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def users(self) -> bool:
        """Whether it is a custom network, with properties that are unknown until its code runs."""
        return self.origin in ("file", "python")


_LECUN = "LeCun et al. 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf"
_ALEX = "Krizhevsky 2014, https://arxiv.org/abs/1404.5997"
_VGG = "Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556"
_GOOGLE = "Szegedy et al. 2015, https://arxiv.org/abs/1409.4842"
_HE = "He et al. 2016, https://arxiv.org/abs/1512.03385"
_WIDE = "Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146"
_XIE = "Xie et al. 2017, https://arxiv.org/abs/1611.05431"
_DENSE = "Huang et al. 2017, https://arxiv.org/abs/1608.06993"
_MOBILE = "Sandler et al. 2018, https://arxiv.org/abs/1801.04381"
_TAN = "Tan & Le 2019, https://arxiv.org/abs/1905.11946"
_PAGE = "Page 2018, https://myrtle.ai/learn/how-to-train-your-resnet-4-architecture/"
_JORDAN = "Jordan 2024, https://arxiv.org/abs/2404.00498"
_CAPS = "Sabour et al. 2017, https://arxiv.org/abs/1710.09829"


@dataclass(frozen=True)
class _Row:
    """The fields of an `Entry` that differ within a family."""

    name: str
    min_size: int
    parameters: int
    multiply_adds: int
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    channels: Literal[1, 3] = 3
    image_size: int = 32
    vectors: bool = False
    depthwise: bool = False
    accuracy: float = 0.0
    weights: bool = False


def _family(builder: str, paper: str, *rows: _Row, size: bool = False) -> Iterator[Entry]:
    """The networks made by one builder of this package, `module:Class`, with different options.

    `size`: whether it takes the image size as well.
    """
    for row in rows:
        yield Entry(where=f"onestop.networks.{builder}", paper=paper, size=size, **vars(row))


def _lite(
    number: int, size: int, accuracy: float, parameters: int, multiply_adds: int, **options: float
) -> _Row:
    """An EfficientNet-Lite, under timm's name for those padded as TensorFlow does.

    Accuracy: the authors' table,
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """
    return _Row(
        f"tf_efficientnet_lite{number}", 1, parameters, multiply_adds,
        "for CPUs, with ImageNet weights", options, image_size=size, depthwise=True,
        accuracy=accuracy, weights=True,
    )  # fmt: skip


# fmt: off
_FAMILIES = (
    *_family("linear:Linear", "",
        _Row("linear", 0, 2, 0, "linear regression on vectors", channels=1, image_size=0,
             vectors=True),
    ),
    *_family("cnn:OneLayerCNN", "",
        _Row("cnn1", 3, 7_885_898, 29_176_128, "a single convolution", image_size=224),
        size=True,
    ),
    *_family("cnn:Nested", "",
        _Row("nested", 1, 948, 758_944, "one block used three times"),
    ),
    *_family("lenet:LeNet", _LECUN,
        _Row("lenet5", 16, 61_706, 416_520, "LeNet-5 for grey images",
             {"kernel": 5, "pool": "average"}, channels=1),
        _Row("lenet5_color", 16, 62_006, 651_720, "LeNet-5 for colour images",
             {"kernel": 5, "pool": "average"}),
        _Row("lenet5_max", 16, 62_006, 651_720, "LeNet-5 for colour images with max pooling",
             {"kernel": 5, "pool": "max"}),
        _Row("lenet_3x3", 10, 81_194, 274_656, "LeNet with 3x3 convolutions",
             {"kernel": 3, "pool": "max"}, channels=1),
        size=True,
    ),
    *_family("alexnet:AlexNet", _ALEX,
        _Row("alexnet_small", 29, 2_472_266, 14_957_056, "AlexNet's convolutions"),
    ),
    *_family("vgg:VGG", _VGG,
        _Row("vgg11_small", 32, 9_225_610, 152_769_536, "VGG-11 with one linear layer",
             {"depth": 11}),
        _Row("vgg13_small", 32, 9_410_122, 228_267_008, "VGG-13 with one linear layer",
             {"depth": 13}),
        _Row("vgg16_small", 32, 14_719_818, 313_201_664, "VGG-16 with one linear layer",
             {"depth": 16}),
        _Row("vgg19_small", 32, 20_029_514, 398_136_320, "VGG-19 with one linear layer",
             {"depth": 19}),
        _Row("vgg11_bn_small", 32, 9_228_362, 152_769_536, "VGG-11 with BatchNorm",
             {"depth": 11, "norm": True}),
        _Row("vgg13_bn_small", 32, 9_413_066, 228_267_008, "VGG-13 with BatchNorm",
             {"depth": 13, "norm": True}),
        _Row("vgg16_bn_small", 32, 14_724_042, 313_201_664, "VGG-16 with BatchNorm",
             {"depth": 16, "norm": True}),
        _Row("vgg19_bn_small", 32, 20_035_018, 398_136_320, "VGG-19 with BatchNorm",
             {"depth": 19, "norm": True}),
    ),
    *_family("googlenet:GoogLeNet", _GOOGLE,
        _Row("googlenet_small", 25, 6_189_066, 1_521_786_880, "nine inception modules"),
        size=True,
    ),
    *_family("resnet_cifar:CifarResNet", _HE,
        _Row("resnet20", 1, 269_722, 40_551_040, "ResNet-20 for CIFAR", {"depth": 20}),
        _Row("resnet32", 1, 464_154, 68_862_592, "ResNet-32 for CIFAR", {"depth": 32}),
        _Row("resnet44", 1, 658_586, 97_174_144, "ResNet-44 for CIFAR", {"depth": 44}),
        _Row("resnet56", 1, 853_018, 125_485_696, "ResNet-56 for CIFAR", {"depth": 56}),
        _Row("resnet110", 1, 1_727_962, 252_887_680, "ResNet-110 for CIFAR", {"depth": 110}),
    ),
    *_family("resnet:ResNet", _HE,
        _Row("resnet18_small", 1, 11_173_962, 555_422_720, "ResNet-18 with a 3x3 stem",
             {"depth": 18}),
        _Row("resnet34_small", 1, 21_282_122, 1_159_402_496, "ResNet-34 with a 3x3 stem",
             {"depth": 34}),
        _Row("resnet50_small", 1, 23_520_842, 1_297_829_888, "ResNet-50 with a 3x3 stem",
             {"depth": 50}),
    ),
    *_family("wide_resnet:WideResNet", _WIDE,
        _Row("wrn_28_10", 1, 36_479_194, 5_243_328_768, "28 layers, ten times as wide",
             {"depth": 28, "factor": 10}),
        _Row("wrn_16_4", 1, 2_748_890, 392_612_352, "16 layers, four times as wide",
             {"depth": 16, "factor": 4}),
    ),
    *_family("resnext:ResNeXt", _XIE,
        _Row("resnext29_8x64d", 1, 34_426_698, 5_387_266_048, "eight groups of 64 channels",
             {"groups": 8, "group_width": 64}),
        _Row("resnext29_2x64d", 1, 9_130_314, 1_411_065_856, "two groups of 64 channels",
             {"groups": 2, "group_width": 64}),
    ),
    *_family("densenet:DenseNet", _DENSE,
        _Row("densenet_bc_100_12", 4, 769_162, 287_929_692, "100 layers of 12 new channels",
             {"growth": 12, "counts": (16, 16, 16)}),
        _Row("densenet121_small", 8, 6_956_298, 888_350_720, "DenseNet-121, 3x3 stem",
             {"growth": 32, "counts": (6, 12, 24, 16)}),
    ),
    *_family("mobilenet:MobileNetV2", _MOBILE,
        _Row("mobilenet_v2_small", 1, 2_236_682, 87_976_448, "MobileNet v2, smaller strides",
             depthwise=True),
    ),
    *_family("efficientnet_lite:EfficientNetLite", _TAN,
        _lite(0, 224, 74.8, 3_383_818, 383_920_352, width=1.0, depth=1.0, dropout=0.2),
        _lite(1, 240, 76.7, 4_148_490, 598_918_032, width=1.0, depth=1.1, dropout=0.2),
        _lite(2, 260, 77.6, 4_823_882, 858_469_072, width=1.1, depth=1.2, dropout=0.3),
        _lite(3, 300, 79.8, 6_928_906, 1_606_287_344, width=1.2, depth=1.4, dropout=0.3),
        _lite(4, 380, 81.5, 11_738_378, 3_942_296_912, width=1.4, depth=1.8, dropout=0.3),
    ),
    *_family("resnet9:ResNet9", _PAGE,
        _Row("resnet9", 8, 6_573_120, 379_261_952, "small, for fast training on CIFAR-10"),
    ),
    *_family("airbench:Airbench", _JORDAN,
        _Row("airbench94", 9, 1_972_792, 118_147_360, "plain, for even faster training on CIFAR-10",
             {"widths": (64, 256, 256)}),
        _Row("airbench_small", 9, 498_104, 33_066_272, "the same, half as wide, for CPUs",
             {"widths": (32, 128, 128)}),
    ),
    *_family("capsnet:CapsNet", _CAPS,
        _Row("capsnet", 17, 8_215_568, 199_397_376, "capsules, routing, reconstruction",
             channels=1, image_size=28),
        size=True,
    ),
)
# fmt: on
OWN: dict[str, Entry] = {entry.name: entry for entry in _FAMILIES}
"""The built-in networks by name."""
