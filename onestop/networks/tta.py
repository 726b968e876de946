"""Test-time augmentation: averages the outputs for an image and its mirror image.

A classifier makes different mistakes on the two, so their mean is wrong less often, at twice the cost
(Krizhevsky et al. 2012, section 4.1, averages ten crops and mirror images of each image,
https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks).
"""

from __future__ import annotations

from torch import Tensor, nn

from onestop.recipe import TestTimeAugmentation


class Mirrored(nn.Module):
    """A network for evaluation that averages its outputs for an image and its mirror image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> the mean of both outputs, [B, K]."""
        both: Tensor = self.network(images).float() + self.network(images.flip(-1)).float()
        return both / 2


def augmented(network: nn.Module, how: TestTimeAugmentation) -> nn.Module:
    """The network to evaluate with a recipe's `tta`: itself, or `Mirrored`."""
    return Mirrored(network) if how == "flip" else network
