"""One small trained model for all tests of the verbs that need one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestop

COLOURS = ("blue", "green", "red")  # sorted, as the model numbers its classes


@dataclass(frozen=True)
class Trained:
    """A run, the folder of photographs it learned from, and a photograph of each class."""

    run: onestop.Run
    source: Path

    @property
    def model(self) -> str:
        return str(self.run.folder / "model.safetensors")

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(json.loads((self.run.folder / "metrics.json").read_text()))

    def photo(self, colour: str, number: int = 0) -> Path:
        return self.source / "test" / colour / f"{number:03d}.png"


def paint(file: Path, colour: str, seed: int) -> None:
    """A noisy photograph of one colour."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(36, 64, 2)
    pixels = rng.integers(0, 80, (height, width, 3), dtype=np.uint8)
    pixels[..., ("red", "green", "blue").index(colour)] += 150
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Learns to tell red, green and blue apart, in less than a second."""
    folder = tmp_path_factory.mktemp("trained")
    for split, count in (("train", 12), ("test", 3)):
        for place, colour in enumerate(COLOURS):
            for number in range(count):
                file = folder / "photos" / split / colour / f"{number:03d}.png"
                paint(file, colour, 1000 * count + 100 * place + number)
    run = onestop.train(
        folder / "photos", model="lenet5_color", epochs=3, optimizer="adam", lr=0.01, ema=0,
        augment="none", quiet=True, threads=1, workers=1, device="cpu", out=folder / "runs",
    )  # fmt: skip
    return Trained(run, folder / "photos")
