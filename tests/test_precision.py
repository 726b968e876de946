"""What 16 bits cost in correctness, and that every arithmetic repeats itself bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import onestop

pytestmark = pytest.mark.thorough

RESNET: dict[str, Any] = {
    "model": "resnet20",
    "image_size": 16,
    "batch_size": 32,
    "quiet": True,
    "ema": 0.9,
}


def digits(count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    train = onestop.open_data("digits", val_fraction=0).splits["train"]
    return np.stack([train.read(i, 1) for i in range(count)]), train.targets[:count]


def test_16_bits_name_images_as_32_do() -> None:
    """bf16 has 8 bits of mantissa: only images that are close calls may be named otherwise."""
    images, targets = digits(1000)
    data = {"train": (images[:500], targets[:500]), "val": (images[500:], targets[500:])}
    run = onestop.train(data, epochs=8, precision="bf16", **RESNET)
    assert run.metrics["accuracy"] > 0.9, "a network that knows nothing would agree with itself too"
    named = {
        precision: [
            p.label for p in onestop.predict(run.folder, list(images[500:]), precision=precision)
        ]
        for precision in ("fp32", "bf16")
    }
    agreement = np.mean([a == b for a, b in zip(named["fp32"], named["bf16"], strict=True)])
    assert agreement >= 0.99
    exact = onestop.evaluate(run.folder, data=data, split="val", precision="fp32").metrics
    assert abs(exact["accuracy"] - run.metrics["accuracy"]) <= 0.01


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("threads", [1, 2])
def test_runs_repeat_themselves_bit_for_bit(precision: str, threads: int) -> None:
    data = digits(96)
    settings = {
        **RESNET,
        "epochs": 2,
        "precision": precision,
        "threads": threads,
        "val_fraction": 0.3,
    }
    runs = [onestop.train(data, **settings) for _ in range(2)]
    first, second = (load_file(run.folder / "model.safetensors") for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [e["train_loss"] for e in runs[0].epochs] == [e["train_loss"] for e in runs[1].epochs]
