"""Convolution and pooling of a small tensor, with loops and with torch.

Run it: python examples/convolution_and_pooling.py
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve(image: Tensor, kernel: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """[H, W] and [k, k] -> [h, w] with h = (H + 2 padding - k) / stride + 1, rounded down."""
    image = F.pad(image, (padding,) * 4)
    size = kernel.shape[0]
    rows, columns = ((side - size) // stride + 1 for side in image.shape)
    out = torch.zeros(rows, columns)
    for y in range(rows):
        for x in range(columns):
            # Multiply the kernel with a part of the image elementwise, and sum.
            part = image[y * stride : y * stride + size, x * stride : x * stride + size]
            out[y, x] = (part * kernel).sum()
    return out


def main() -> None:
    image = torch.tensor([
        [1.0, 2, 0, 3, 1],
        [0.0, 1, 2, 3, 1],
        [1.0, 2, 1, 0, 0],
        [5.0, 2, 3, 1, 1],
        [2.0, 1, 0, 1, 1],
    ])  # fmt: skip
    kernel = torch.tensor([[1.0, 2, 1], [0, 1, 0], [2, 1, 0]])
    for stride, padding in ((1, 0), (2, 0), (1, 1)):
        by_hand = convolve(image, kernel, stride, padding)
        # torch's operators expect batches and channels: [B, C, H, W].
        by_torch = F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)
        assert torch.equal(by_hand, by_torch[0, 0])
        print(f"stride {stride}, padding {padding}: {by_hand.int().tolist()}")

    # Pooling reduces each window to one value; `ceil_mode` includes windows that overlap the edge.
    for ceil_mode in (False, True):
        pooled = F.max_pool2d(image[None, None], 3, ceil_mode=ceil_mode)[0, 0]
        print(f"largest of 3 x 3, ceil_mode {ceil_mode}: {pooled.int().tolist()}")
    mean = F.avg_pool2d(image[None, None], 5)
    print(f"mean of 5 x 5: {mean.item():.2f}")


if __name__ == "__main__":
    main()
