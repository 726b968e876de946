"""Test-time augmentation: an image and its mirror image, and the mean of what both give.

A classifier's mistakes on the two differ, so that the mean errs less often, for twice the work
(Krizhevsky et al. 2012, section 4.1, averages ten crops and mirror images of each image,
https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks).
"""

from __future__ import annotations

from torch import Tensor, nn

from onestop.recipe import TestTimeAugmentation


class Mirrored(nn.Module):
    """A network in evaluation that sees each image also mirrored left-right."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, C, H, W] -> the mean of both outputs, [B, K]."""
        both: Tensor = self.network(images).float() + self.network(images.flip(-1)).float()
        return both / 2


def augmented(network: nn.Module, how: TestTimeAugmentation) -> nn.Module:
    """A network as a recipe's `tta` wants it scored: as it is, or `Mirrored`."""
    return Mirrored(network) if how == "flip" else network
