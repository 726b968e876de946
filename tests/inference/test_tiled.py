"""Predictions of large images in tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestop
from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import UsageError
from onestop.inference.model import Model
from onestop.inference.tiled import predict_tiled
from onestop.networks import build
from onestop.storage.model_file import Card
from onestop.tasks import make_task
from onestop.tasks.objects_prediction import as_objects


@pytest.fixture(scope="module")
def model() -> Model:
    import torch

    torch.manual_seed(0)
    options = {"parts": ["boxes"], "thresholds": [0.0]}
    needs = make_task("detection", ["cat"], options).head().needs
    preprocessing = ImagePreprocessing(3, (64, 64), (0.5,) * 3, (0.5,) * 3, fit="pad")
    arguments = {"classes": 1, "channels": 3, "image_size": 64}
    network = build("rcnn16:airbench_small", **arguments, needs=needs)
    return Model(network, Card(
        network="rcnn16:airbench_small", arguments=arguments, classes=("cat",),
        preprocessing=preprocessing.to_json(), task="detection", task_options=options,
    ))  # fmt: skip


def pixels(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.thorough
def test_a_small_image_is_predicted_as_ever(model: Model) -> None:
    image = pixels(60, 64)
    tiled, plain = next(predict_tiled(model, [image], 64)), next(model.predict([image]))
    assert as_objects(tiled).found.boxes.tolist() == as_objects(plain).found.boxes.tolist()
    assert len(as_objects(plain).found), "else nothing is compared"


@pytest.mark.thorough
def test_large_images_have_objects_all_over_in_their_own_pixels(
    model: Model, tmp_path: Path
) -> None:
    """Under their own names; those that cannot be read are reported as ever."""
    Image.fromarray(pixels(128, 192)).save(tmp_path / "large.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    images = [tmp_path / "large.png", tmp_path / "broken.png"]
    large, broken = predict_tiled(model, images, 64)
    found = as_objects(large).found
    assert large.image == str(images[0])
    assert found.size == (128, 192)
    assert found.boxes[:, 2].max() > 128, "beyond the first tiles"
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    assert (sides <= (192, 128)).all()
    assert broken.error
    assert broken.image == str(images[1])


def test_tiles_are_for_objects() -> None:
    with pytest.raises(UsageError, match="--tile: is for objects, and the task 'classification'"):
        make_task("classification", ["a", "b"], {}).joined([], (1, 1), 1)


def test_the_flag_is_refused_before_anything_is_predicted(tmp_path: Path) -> None:
    Image.fromarray(pixels(8, 8)).save(tmp_path / "a.png")
    preprocessing = ImagePreprocessing(1, (32, 32), (0.5,), (0.5,))
    arguments = {"classes": 2, "channels": 1, "image_size": 32}
    classifier = Model(build("lenet5", **arguments), Card(
        network="lenet5", arguments=arguments, classes=("a", "b"),
        preprocessing=preprocessing.to_json(),
    ))  # fmt: skip
    with pytest.raises(UsageError, match="--tile: is for objects"):
        onestop.predict(classifier, tmp_path / "a.png", tile=64)
