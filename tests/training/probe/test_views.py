"""The size and the crop of a probe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from onestop.data import open_data
from onestop.data.preprocess import ImagePreprocessing
from onestop.networks import build
from onestop.runtime.device import CPU
from onestop.tasks import Classification
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.head import LinearHead
from onestop.training.probe.views import candidates, choose_view, view_text

BASE = ImagePreprocessing(3, (224, 224), (0.5,) * 3, (0.5,) * 3, crop_fraction=0.875)


def sizes(views: list[ImagePreprocessing]) -> list[tuple[int, float]]:
    return [(view.size[0], view.crop_fraction) for view in views]


def test_usual_whole_and_larger_are_compared() -> None:
    network = build("squeezenet1_1", 2, 3, 224)
    assert sizes(candidates(network, BASE)) == [(224, 0.875), (224, 1.0), (288, 0.875)]


def test_a_network_of_one_size_is_not_shown_others() -> None:
    base = ImagePreprocessing(3, (96, 96), (0.5,) * 3, (0.5,) * 3, crop_fraction=0.875)
    assert sizes(candidates(build("lenet5_color", 2, 3, 96), base)) == [(96, 0.875), (96, 1.0)]


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_without_a_crop_there_is_none_to_choose(fit: str) -> None:
    base = ImagePreprocessing(3, (224, 224), (0.5,) * 3, (0.5,) * 3, fit)  # type: ignore[arg-type]
    assert sizes(candidates(build("squeezenet1_1", 2, 3, 224), base)) == [(224, 1.0), (288, 1.0)]
    assert view_text(base) == "224 pixels"


def test_the_lowest_loss_wins(photos: Callable[..., Path]) -> None:
    dataset = open_data(photos({"red": 12, "blue": 12}), val_fraction=0)
    torch.manual_seed(0)
    network = build("lenet5_color", 2, 3, 32).eval()
    base = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (0.5,) * 3)
    dark = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (1e30,) * 3)  # nothing to be seen
    bank, lines = FeatureBank(dataset.splits["train"], CPU, 0), list[str]()
    for views in ([base, dark], [dark, base]):
        compared = choose_view(
            network, LinearHead("fc3"), Classification(("blue", "red")), dataset, 0, views, bank,
            lines.append,
        )  # fmt: skip
        assert [view.preprocessing for view in compared] == [base, dark]
        assert compared[0].loss < 0.2 < compared[1].loss
    assert lines[0].startswith("32 pixels, whole images: cross-validated loss 0.")
