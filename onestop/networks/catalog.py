"""What can be built: a line a network. No import of torch, so that a mistyped name is told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Entry:
    """A network that `build` knows.

    Attributes:
        name: What the user types.
        where: `module:function` of the builder; see `onestop.networks.build` for its arguments.
        channels: Channels of an image where nothing else is asked for.
        image_size: Pixels a side where nothing else is asked for.
        min_size: Fewer pixels a side leave nothing after the last layer.
        summary: One line for a person.
        paper: Where it is described.
        parameters: Their number with 10 classes at the usual size (1 output for `linear`).
    """

    name: str
    where: str
    channels: Literal[1, 3]
    image_size: int
    min_size: int
    summary: str
    paper: str = ""
    parameters: int = 0
    origin: str = "onestop"
    vectors: bool = False


_LECUN = "LeCun et al. 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf"
_ALEX = "Krizhevsky 2014, https://arxiv.org/abs/1404.5997"
_VGG = "Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556"
_GOOGLE = "Szegedy et al. 2015, https://arxiv.org/abs/1409.4842"
_HE = "He et al. 2016, https://arxiv.org/abs/1512.03385"
_WIDE = "Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146"
_XIE = "Xie et al. 2017, https://arxiv.org/abs/1611.05431"
_DENSE = "Huang et al. 2017, https://arxiv.org/abs/1608.06993"
_MOBILE = "Sandler et al. 2018, https://arxiv.org/abs/1801.04381"
_PAGE = "Page 2018, https://myrtle.ai/learn/how-to-train-your-resnet-4-architecture/"
_CAPS = "Sabour et al. 2017, https://arxiv.org/abs/1710.09829"

OWN: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "linear",
            "onestop.networks.linear:Linear",
            1,
            0,
            0,
            "linear regression on vectors",
            parameters=2,
            vectors=True,
        ),
        Entry(
            "cnn1",
            "onestop.networks.cnn:OneLayerCNN",
            3,
            224,
            3,
            "a single convolution",
            parameters=7_885_898,
        ),
        Entry(
            "nested",
            "onestop.networks.cnn:Nested",
            3,
            32,
            1,
            "one block used three times",
            parameters=948,
        ),
        Entry(
            "lenet5",
            "onestop.networks.lenet:lenet5",
            1,
            32,
            16,
            "LeNet-5 for grey images",
            _LECUN,
            61_706,
        ),
        Entry(
            "lenet5_color",
            "onestop.networks.lenet:lenet5",
            3,
            32,
            16,
            "LeNet-5 for colour images",
            _LECUN,
            62_006,
        ),
        Entry(
            "lenet5_max",
            "onestop.networks.lenet:lenet5_max",
            3,
            32,
            16,
            "LeNet-5 for colour images with max pooling",
            _LECUN,
            62_006,
        ),
        Entry(
            "lenet_3x3",
            "onestop.networks.lenet:lenet_3x3",
            1,
            32,
            10,
            "LeNet with 3x3 convolutions and max pooling",
            _LECUN,
            81_194,
        ),
        Entry(
            "alexnet_small",
            "onestop.networks.alexnet:alexnet_small",
            3,
            32,
            29,
            "AlexNet's convolutions",
            _ALEX,
            2_472_266,
        ),
        Entry(
            "vgg11_small",
            "onestop.networks.vgg:vgg11_small",
            3,
            32,
            32,
            "VGG-11 with one linear layer",
            _VGG,
            9_225_610,
        ),
        Entry(
            "vgg13_small",
            "onestop.networks.vgg:vgg13_small",
            3,
            32,
            32,
            "VGG-13 with one linear layer",
            _VGG,
            9_410_122,
        ),
        Entry(
            "vgg16_small",
            "onestop.networks.vgg:vgg16_small",
            3,
            32,
            32,
            "VGG-16 with one linear layer",
            _VGG,
            14_719_818,
        ),
        Entry(
            "vgg19_small",
            "onestop.networks.vgg:vgg19_small",
            3,
            32,
            32,
            "VGG-19 with one linear layer",
            _VGG,
            20_029_514,
        ),
        Entry(
            "vgg11_bn_small",
            "onestop.networks.vgg:vgg11_bn_small",
            3,
            32,
            32,
            "VGG-11 with BatchNorm",
            _VGG,
            9_228_362,
        ),
        Entry(
            "vgg13_bn_small",
            "onestop.networks.vgg:vgg13_bn_small",
            3,
            32,
            32,
            "VGG-13 with BatchNorm",
            _VGG,
            9_413_066,
        ),
        Entry(
            "vgg16_bn_small",
            "onestop.networks.vgg:vgg16_bn_small",
            3,
            32,
            32,
            "VGG-16 with BatchNorm",
            _VGG,
            14_724_042,
        ),
        Entry(
            "vgg19_bn_small",
            "onestop.networks.vgg:vgg19_bn_small",
            3,
            32,
            32,
            "VGG-19 with BatchNorm",
            _VGG,
            20_035_018,
        ),
        Entry(
            "googlenet_small",
            "onestop.networks.googlenet:googlenet_small",
            3,
            32,
            25,
            "nine inception modules",
            _GOOGLE,
            6_189_066,
        ),
        Entry(
            "resnet20",
            "onestop.networks.resnet_cifar:resnet20",
            3,
            32,
            1,
            "ResNet-20 for CIFAR",
            _HE,
            269_722,
        ),
        Entry(
            "resnet32",
            "onestop.networks.resnet_cifar:resnet32",
            3,
            32,
            1,
            "ResNet-32 for CIFAR",
            _HE,
            464_154,
        ),
        Entry(
            "resnet44",
            "onestop.networks.resnet_cifar:resnet44",
            3,
            32,
            1,
            "ResNet-44 for CIFAR",
            _HE,
            658_586,
        ),
        Entry(
            "resnet56",
            "onestop.networks.resnet_cifar:resnet56",
            3,
            32,
            1,
            "ResNet-56 for CIFAR",
            _HE,
            853_018,
        ),
        Entry(
            "resnet110",
            "onestop.networks.resnet_cifar:resnet110",
            3,
            32,
            1,
            "ResNet-110 for CIFAR",
            _HE,
            1_727_962,
        ),
        Entry(
            "resnet18_small",
            "onestop.networks.resnet:resnet18_small",
            3,
            32,
            1,
            "ResNet-18 with a 3x3 stem",
            _HE,
            11_173_962,
        ),
        Entry(
            "resnet34_small",
            "onestop.networks.resnet:resnet34_small",
            3,
            32,
            1,
            "ResNet-34 with a 3x3 stem",
            _HE,
            21_282_122,
        ),
        Entry(
            "resnet50_small",
            "onestop.networks.resnet:resnet50_small",
            3,
            32,
            1,
            "ResNet-50 with a 3x3 stem",
            _HE,
            23_520_842,
        ),
        Entry(
            "wrn_28_10",
            "onestop.networks.wide_resnet:wrn_28_10",
            3,
            32,
            1,
            "28 layers, ten times as wide",
            _WIDE,
            36_479_194,
        ),
        Entry(
            "wrn_16_4",
            "onestop.networks.wide_resnet:wrn_16_4",
            3,
            32,
            1,
            "16 layers, four times as wide",
            _WIDE,
            2_748_890,
        ),
        Entry(
            "resnext29_8x64d",
            "onestop.networks.resnext:resnext29_8x64d",
            3,
            32,
            1,
            "eight groups of 64 channels",
            _XIE,
            34_426_698,
        ),
        Entry(
            "resnext29_2x64d",
            "onestop.networks.resnext:resnext29_2x64d",
            3,
            32,
            1,
            "two groups of 64 channels",
            _XIE,
            9_130_314,
        ),
        Entry(
            "densenet_bc_100_12",
            "onestop.networks.densenet:densenet_bc_100_12",
            3,
            32,
            4,
            "100 layers of 12 new channels",
            _DENSE,
            769_162,
        ),
        Entry(
            "densenet121_small",
            "onestop.networks.densenet:densenet121_small",
            3,
            32,
            8,
            "DenseNet-121, 3x3 stem",
            _DENSE,
            6_956_298,
        ),
        Entry(
            "mobilenet_v2_small",
            "onestop.networks.mobilenet:mobilenet_v2_small",
            3,
            32,
            1,
            "MobileNet v2, smaller strides",
            _MOBILE,
            2_236_682,
        ),
        Entry(
            "resnet9",
            "onestop.networks.resnet9:resnet9",
            3,
            32,
            8,
            "small, learns CIFAR-10 fast",
            _PAGE,
            6_573_120,
        ),
        Entry(
            "capsnet",
            "onestop.networks.capsnet:capsnet",
            1,
            28,
            17,
            "capsules, routing, reconstruction",
            _CAPS,
            8_215_568,
        ),
    )
}
