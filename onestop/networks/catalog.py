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

OWN: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("linear", "onestop.networks.linear:Linear", 1, 0, 0, "linear regression on vectors",
              parameters=2, vectors=True),
        Entry("cnn1", "onestop.networks.cnn:OneLayerCNN", 3, 224, 3, "a single convolution",
              parameters=7_885_898),
        Entry("nested", "onestop.networks.cnn:Nested", 3, 32, 1, "one block used three times",
              parameters=948),
        Entry("lenet5", "onestop.networks.lenet:lenet5", 1, 32, 16, "LeNet-5 for grey images",
              _LECUN, 61_706),
        Entry("lenet5_color", "onestop.networks.lenet:lenet5", 3, 32, 16, "LeNet-5 for colour images",
              _LECUN, 62_006),
        Entry("lenet5_max", "onestop.networks.lenet:lenet5_max", 3, 32, 16,
              "LeNet-5 for colour images with max pooling", _LECUN, 62_006),
        Entry("lenet_3x3", "onestop.networks.lenet:lenet_3x3", 1, 32, 10,
              "LeNet with 3x3 convolutions and max pooling", _LECUN, 81_194),
    )
}  # fmt: skip
