"""Features of a training split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from onestop.data import open_data
from onestop.data.preprocess import ImagePreprocessing
from onestop.networks import build
from onestop.runtime.device import CPU
from onestop.training.probe import features as module
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.head import head_inputs, pooled

PREPROCESSING = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def bank(photos: Callable[..., Path]) -> FeatureBank:
    folder = photos({"red": 9, "blue": 5})
    (folder / "blue" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    return FeatureBank(open_data(folder, val_fraction=0).splits["train"], CPU, 0)


def test_they_are_what_the_head_gets(bank: FeatureBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VALUES", 1)  # as few images at once as there may be
    network = build("lenet5_color", 2)
    seen: list[tuple[int, int]] = []
    plain = bank.features(network, "fc3", PREPROCESSING, watch=lambda *two: seen.append(two))
    assert seen == [(7, 15), (14, 15)], "of eight, one of which cannot be read"
    mirrored = bank.features(network, "fc3", PREPROCESSING, mirrored=True)
    assert plain.values.shape == mirrored.values.shape == (len(plain.indices), 84)
    image = PREPROCESSING.prepare(bank._samples, int(plain.indices[3]))
    for features, inputs in ((plain, image), (mirrored, image.flip(-1))):
        with torch.no_grad():
            there, _ = head_inputs(network.eval(), "fc3", PREPROCESSING.normalise(inputs[None]))
        assert there is not None
        assert torch.allclose(features.values[3], pooled(there)[0], atol=1e-5)


def test_unreadable_images_are_left_out(bank: FeatureBank) -> None:
    features = bank.features(build("lenet5_color", 2), "fc3", PREPROCESSING)
    broken = [i for i in range(len(bank._samples)) if "broken" in bank._samples.name(i)]
    assert not set(broken) & set(features.indices.tolist())
    assert len(features.indices) == 14


def test_they_are_computed_once(bank: FeatureBank) -> None:
    network = build("lenet5_color", 2)
    first = bank.features(network, "fc3", PREPROCESSING)
    assert bank.features(network, "fc3", PREPROCESSING) is first
    some = bank.features(network, "fc3", PREPROCESSING, some=np.array([0, 2]))
    assert some is not first
    assert torch.allclose(some.values, first.values[[0, 2]], atol=1e-5)


def test_the_network_keeps_its_mode(bank: FeatureBank) -> None:
    network = build("lenet5_color", 2).train()
    bank.features(network, "fc3", PREPROCESSING)
    assert network.training
