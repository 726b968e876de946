"""Scoring counts every sample once, whatever the batches are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.data.preprocess import ImagePreprocessing
from onestop.data.samples import ArraySamples
from onestop.data.targets import Classes
from onestop.inference.model import Model
from onestop.inference.score import batch_size, score
from onestop.networks import build
from onestop.storage.model_file import Card


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    preprocessing = ImagePreprocessing(3, (32, 32), (0.4,) * 3, (0.2,) * 3)
    arguments = {"classes": 3, "channels": 3, "image_size": 32}
    card = Card("lenet5_color", arguments, ("a", "b", "c"), preprocessing.to_json())
    return Model(build("lenet5_color", **arguments), card)


def test_score_counts_every_sample_once_and_keeps_the_mode(model: Model) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (600, 32, 32, 3), dtype=np.uint8)
    samples = ArraySamples(images, Classes(rng.integers(0, 3, 600), ("a", "b", "c")))
    model.network.train()
    batches = model.feed(samples).in_order(256)
    scored = score(model.network, model.task, batches, model.engine, keep_outputs=True)
    assert model.network.training
    assert scored.metrics["images"] == 600
    assert scored.indices == list(range(600))
    assert scored.outputs is not None
    by_hand = model.network.eval()(
        model.preprocessing.normalise(torch.from_numpy(images).permute(0, 3, 1, 2))
    )
    assert torch.allclose(scored.outputs, by_hand, atol=1e-5)
    assert scored.metrics["accuracy"] == np.mean(by_hand.argmax(1).numpy() == samples.targets[:])


@pytest.mark.parametrize(
    ("shape", "count"), [((1, 28, 28), 256), ((3, 224, 224), 27), ((3, 999, 999), 8), ((13,), 256)]
)
def test_batches_fit_the_caches_and_are_the_same_everywhere(
    shape: tuple[int, ...], count: int
) -> None:
    assert batch_size(shape) == count


def test_without_being_asked_no_outputs_are_kept(model: Model) -> None:
    samples = ArraySamples(np.zeros((3, 32, 32, 3), np.uint8), Classes(np.arange(3), "abc"))
    scored, feed = model.score(samples)
    assert scored.outputs is None
    assert scored.indices == []
    assert scored.metrics["images"] == len(feed.samples) == 3
