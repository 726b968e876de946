"""Pictures of a page: images as the network saw them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import torch

import onestop
from onestop.reporting.gather import gather
from onestop.reporting.images import (
    as_image,
    has_images,
    mixture,
    pictures_of,
    prediction_table,
    training_tiles,
)
from tests.reporting.made import classified, prediction


def test_mixed_images_are_those_of_the_first_batches(odd_photos: Path) -> None:
    run = onestop.train(
        odd_photos, model="lenet5", image_size=32, epochs=1, batch_size=8, mixup=1.0, quiet=True
    )
    found = gather(run.folder)
    assert found.dataset is not None
    assert found.model is not None
    tiles = training_tiles(run.recipe, found.dataset, found.model)
    assert len(tiles) > 16
    mixed = [
        sorted(set(re.findall(r"\d+%", tile.lines[0]))) for tile in tiles if "+" in tile.lines[0]
    ]
    assert len({tuple(shares) for shares in mixed}) > 1, "each batch has its own proportion"


def test_a_mixed_image_is_named_by_its_shares() -> None:
    shares = torch.tensor([0.25, 0.0, 0.75, 0.004])
    assert mixture(shares, ["a", "b", "c", "d"]) == "75% c + 25% a"


def test_pixels_are_turned_for_the_eye() -> None:
    pixels = torch.arange(24, dtype=torch.uint8).view(3, 2, 4)
    image = as_image(pixels)
    assert image.shape == (2, 4, 3)
    assert image[1, 2].tolist() == pixels[:, 1, 2].tolist()


def test_without_pictures_there_is_a_table() -> None:
    table = prediction_table([prediction("ant", "bee", 0.75)], "caption", 5)
    assert [tuple(row) for row in table.rows] == [("a.jpg", "ant", "bee", "75.0%")]


def test_a_run_without_data_or_model_has_no_pictures() -> None:
    assert pictures_of(classified()) is None
    assert not has_images(classified())


def test_pictures_are_found_by_their_names(trained: Callable[..., onestop.Run]) -> None:
    known = trained("first").predictions[0]
    pictures = pictures_of(gather(trained("first").folder))
    assert pictures is not None
    pixels = pictures.prepared(known.image)
    assert pixels is not None
    assert pixels.dtype == torch.uint8
    assert pictures.prepared("none") is None
    first, gone = pictures.explained([known, dataclasses.replace(known, image="none")])
    assert first.overlay
    assert not gone.image
