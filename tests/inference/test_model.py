from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onestop.data.preprocess import ImagePreprocessing
from onestop.inference.model import Model
from onestop.networks import build
from onestop.storage.model_file import Card


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    preprocessing = ImagePreprocessing(3, (32, 32), (0.4,) * 3, (0.2,) * 3)
    arguments = {"classes": 3, "channels": 3, "image_size": 32}
    card = Card("lenet5_color", arguments, ("a", "b", "c"), preprocessing.to_json())
    return Model(build("lenet5_color", **arguments), card)


def test_an_image_is_understood_alike_in_every_form(model: Model, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    forms = [path, str(path), path.read_bytes(), Image.open(path), pixels, torch.from_numpy(pixels),
             torch.from_numpy(pixels).permute(2, 0, 1), pixels / 255.0]  # fmt: skip
    said = list(model.predict(forms, top=3))
    assert all(prediction.labels == said[0].labels for prediction in said[1:])
    assert [p.image for p in said[:3]] == [str(path), str(path), "#2"]
    assert sum(label.score for label in said[0].labels) == pytest.approx(1)


def test_unreadable_images_keep_their_place(model: Model, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    good = np.zeros((32, 32, 3), np.uint8)
    said = list(model.predict([good, tmp_path / "bad.jpg", good]))
    assert [bool(prediction.error) for prediction in said] == [False, True, False]
    assert said[0].labels == said[2].labels
    assert [prediction.image for prediction in said] == ["#0", str(tmp_path / "bad.jpg"), "#2"]


def test_predictions_come_while_images_are_still_read(model: Model) -> None:
    taken = []

    def images() -> object:
        for number in range(5000):
            taken.append(number)
            yield np.zeros((32, 32, 3), np.uint8)

    next(model.predict(images()))  # type: ignore[arg-type]
    assert len(taken) < 5000


def test_the_same_image_alone_or_among_many(model: Model) -> None:
    images = np.random.default_rng(1).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    alone = next(model.predict([images[299]], top=3))
    among = list(model.predict(images, top=3))[299]
    assert [label.name for label in alone.labels] == [label.name for label in among.labels]
    scores = [label.score for label in among.labels]
    assert [label.score for label in alone.labels] == pytest.approx(scores, abs=1e-6)
