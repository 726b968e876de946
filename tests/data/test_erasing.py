"""Random erasing: rectangles of one colour, of the sizes and as often as asked."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.erasing import ERASE_DRAWS, erased

COUNT, HEIGHT, WIDTH = 500, 20, 30
MEAN = (0.5, 0.25, 0.0)
COLOUR = torch.tensor([128, 64, 0], dtype=torch.uint8)  # 127.5 to the even one


def draws(count: int = COUNT) -> NDArray[np.float64]:
    return np.random.default_rng(0).random((count, ERASE_DRAWS))


def noise(count: int = COUNT) -> Tensor:
    pixels = np.random.default_rng(1).integers(200, 256, (count, 3, HEIGHT, WIDTH), dtype=np.uint8)
    return torch.from_numpy(pixels)


def test_a_rectangle_has_the_mean_colour_and_the_rest_stays() -> None:
    before, areas, ratios = noise(), [], []
    for image, after in zip(before, erased(before, 1.0, MEAN, draws()), strict=True):
        changed = (image != after).any(0)
        assert torch.equal(changed, (after == COLOUR[:, None, None]).all(0))
        rows, columns = changed.any(1), changed.any(0)
        assert torch.equal(changed, rows[:, None] & columns[None])
        h, w = int(rows.sum()), int(columns.sum())
        for line, length in ((rows, h), (columns, w)):
            where = line.nonzero().flatten()
            assert where[-1] - where[0] + 1 == length  # in one piece
        areas.append(h * w / (HEIGHT * WIDTH))
        ratios.append(h / w)
    assert 0.015 < min(areas) < 0.04
    assert 0.36 < max(areas) < 0.43
    assert 0.2 < min(ratios) < 0.45  # rounded to whole pixels
    assert 2.2 < max(ratios) < 4.5


def test_so_many_images_are_changed_as_asked() -> None:
    def share(probability: float) -> float:
        after = erased(noise(), probability, MEAN, draws())
        return float((after != noise()).flatten(1).any(1).float().mean())

    assert (share(0.0), share(1.0)) == (0.0, 1.0)
    assert 0.24 < share(0.3) < 0.36


def test_rectangles_lie_everywhere() -> None:
    hit = (erased(noise(), 1.0, MEAN, draws()) != noise()).any(1).float().mean(0)
    assert hit.min() > 0
    assert hit[HEIGHT // 2, WIDTH // 2] > hit[0, 0]
    assert torch.allclose(hit, hit.flip(0), atol=0.1)


def test_each_image_has_its_own() -> None:
    whole = erased(noise(), 0.5, MEAN, draws())
    part = erased(noise()[7:8], 0.5, MEAN, draws()[7:8])
    assert torch.equal(whole[7:8], part)


def test_an_image_of_one_pixel_is_left_alone() -> None:
    image = torch.full((3, 1, 1, 1), 9, dtype=torch.uint8)
    assert torch.equal(erased(image, 1.0, (0.0,), draws(3)), image)


def test_one_mean_serves_all_channels() -> None:
    after = erased(noise(), 1.0, (0.0,), draws())
    assert ((after == 0).all(1) == (after == 0).any(1)).all()
