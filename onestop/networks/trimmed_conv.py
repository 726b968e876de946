"""Trimmed kernels: convolutions on feature maps smaller than the kernel, trained without unused taps.

Large networks downsample small images until a 3x3 kernel covers a feature map of a single pixel: a
ResNet-18 for 224 pixels does so in its last four convolutions with the 32 pixels of CIFAR-10. Eight of
the nine taps then only ever multiply padding. oneDNN computes their gradients all the same, which takes
about ten times as long as the whole forward pass. Without them the sums are the same up to zeros and
their order; on the CPU, a step of that ResNet-18 takes two thirds of the time.

Legend: B images in a batch, C channels in, O out, k kernel size, H and W of a feature map.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

Span = tuple[int, int, int]
"""First used tap, end of the used taps, and the remaining padding."""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` that skips unused taps in training steps on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, O, H', W']."""
        if self.training and x.device.type == "cpu":
            spans = [self._span(side, x.shape[2 + side]) for side in (0, 1)]
            if any(spans):
                return self._trimmed(x, *(span or self._all(i) for i, span in enumerate(spans)))
        return super().forward(x)

    def _span(self, side: int, size: int) -> Span | None:
        """The used taps along one side; None if all are used, or for dilation and the like."""
        kernel, stride, padding = self.kernel_size[side], self.stride[side], self.padding[side]
        if size >= kernel or isinstance(padding, str) or self.dilation[side] != 1:
            return None
        if size + 2 * padding < kernel:  # an error in torch
            return None
        last = (size + 2 * padding - kernel) // stride * stride  # start of the last window
        first, end = max(0, padding - last), min(kernel, size + padding)
        left = padding - first
        same = (size + 2 * left - (end - first)) // stride * stride == last
        return (first, end, left) if same and end - first < kernel else None

    def _all(self, side: int) -> Span:
        return 0, self.kernel_size[side], int(self.padding[side])

    def _trimmed(self, x: Tensor, rows: Span, columns: Span) -> Tensor:
        taps = self.weight.permute(0, 2, 3, 1)  # [O, k, k, C], the layout of a channels-last weight
        if rows[1] - rows[0] == columns[1] - columns[0] == 1:
            kernel = taps.flatten(1, 2)[:, rows[0] * self.kernel_size[1] + columns[0], None, None]
        else:
            kernel = taps[:, rows[0] : rows[1], columns[0] : columns[1]]
        padding = rows[2], columns[2]
        if padding == (0, 0) and kernel.shape[1:3] == x.shape[2:] and self.groups == 1:
            pixels = x.permute(0, 2, 3, 1).flatten(1)
            return F.linear(pixels, kernel.flatten(1), self.bias)[..., None, None]
        kernel = kernel.permute(0, 3, 1, 2)
        return F.conv2d(x, kernel, self.bias, self.stride, padding, 1, self.groups)


def without_idle_taps(network: nn.Module) -> nn.Module:
    """Make the convolutions of a network skip unused taps; changes it in place and returns it."""
    for module in network.modules():
        if type(module) is nn.Conv2d and module.padding_mode == "zeros":
            module.__class__ = Conv2d
    return network
