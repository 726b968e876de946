"""Test-time augmentation: what it computes, and that all who score a model do the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.networks.tta import augmented


def test_the_mean_of_an_image_and_its_mirror_image() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    images = torch.randn(5, 1, 2, 2)
    scored = augmented(network, "flip")
    expected = (network(images) + network(images.flip(-1))) / 2
    torch.testing.assert_close(scored(images), expected)
    torch.testing.assert_close(scored(images), scored(images.flip(-1)))
    assert not scored.training
    assert augmented(network, "none") is network


def halves(count: int, seed: int = 0) -> tuple[Any, Any]:
    """Images of which the upper or the lower half is bright, and noise."""
    labels = np.arange(count) % 2
    pixels = np.random.default_rng(seed).integers(0, 120, (count, 16, 16, 3), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[8 * label : 8 * label + 8] += 60
    return pixels, labels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    return onestop.train(
        {"train": halves(80), "val": halves(40, 1)}, model="lenet5_color", epochs=2, tta="flip",
        quiet=True, threads=1, out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def test_every_verb_scores_alike(run: onestop.Run) -> None:
    images, labels = halves(40, 1)
    data = {"train": (images, labels), "val": (images, labels)}
    scored = onestop.evaluate(run.folder, data=data, split="val")
    assert scored.metrics["loss"] == pytest.approx(run.metrics["loss"], abs=1e-6)
    straight = list(onestop.predict(run.folder, list(images[:4])))
    mirrored = list(onestop.predict(run.folder, list(images[:4, :, ::-1])))
    for one, other in zip(straight, mirrored, strict=True):
        assert one.label == other.label
        assert one.score == pytest.approx(other.score, abs=1e-6)


def test_not_for_vectors(tmp_path: Path) -> None:
    numbers = np.arange(20, dtype=np.float32).reshape(10, 2), np.arange(10, dtype=np.float32)
    with pytest.raises(UsageError, match="--tta flip: is for images, these are vectors"):
        onestop.train(numbers, tta="flip", out=tmp_path)


def test_features_cannot_be_cached_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "digits", "--model", "lenet5", "--freeze", "backbone", "--tta", "flip"]
    assert main([*words, "--views", "2"]) == 2
    assert "changes nothing with --tta flip" in capsys.readouterr().err
    assert main([*words, "--epochs", "1", "--threads", "1"]) == 0
