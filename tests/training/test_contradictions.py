"""Settings that contradict each other or the data end the command in one line."""

from __future__ import annotations

import dataclasses

import pytest

from onestop.data.dataset import DatasetInfo
from tests.training.test_defaults import DIGITS, VECTORS, refusal

NUMBERS = dataclasses.replace(DIGITS, classes=0, task="regression")


@pytest.mark.parametrize(
    ("facts", "given", "expected"),
    [
        (dataclasses.replace(DIGITS, splits=("train", "test")), {"patience": 3},
         "--patience 3: there is no validation split to watch; hold images out"),
        (DIGITS, {"warmup_epochs": 5.0, "epochs": 2},
         "--warmup-epochs 5: longer than the run of 2 epochs; lower it or raise --epochs"),
        (DIGITS, {"accumulate": 64, "batch_size": 32},
         "--accumulate 64: more parts than the batch has images (32); raise --batch-size"),
        (DIGITS, {"accumulate": 64}, "--accumulate 64: more parts than the batch"),
        (DIGITS, {"model": "lenet6"}, "--model lenet6: no such network; did you mean 'lenet5'"),
        (DIGITS, {"step_epochs": 3}, "--step-epochs 3: changes nothing with --schedule cosine"),
        (DIGITS, {"crop_padding": 3, "augment": "none"},
         "--crop-padding 3: changes nothing with --augment none; drop one"),
        (DIGITS, {"crop_padding": 32},
         "--crop-padding 32: could leave nothing of an image of 32 pixels; lower it"),
        (VECTORS, {"crop_padding": 1}, "--crop-padding 1: is for images, these are vectors"),
        (VECTORS, {"label_smoothing": 0.1},
         "--label-smoothing 0.1: is for classes or labels, this is regression; leave it out"),
        (DIGITS, {"pixel_range": "0,9"},
         "--pixel-range 0,9: changes nothing, since all training images have 8 bits; leave it out"),
        (VECTORS, {"pixel_range": "full"}, "--pixel-range full: is for images, these are vectors"),
        (VECTORS, {"image_size": 32}, "--image-size 32: is for images, these are vectors"),
        (VECTORS, {"cache": "none"}, "--cache none: is for images, these are vectors"),
        (VECTORS, {"augment": "flip"}, "--augment flip: is for images, these are vectors"),
        (VECTORS, {"auto_augment": "rand"}, "--auto-augment rand: is for images, these are vectors"),
        (VECTORS, {"color_jitter": 0.4}, "--color-jitter 0.4: is for images, these are vectors"),
        (VECTORS, {"erase": 0.5}, "--erase 0.5: is for images, these are vectors"),
        (VECTORS, {"mixup": 0.2}, "--mixup 0.2: is for images, these are vectors"),
        (VECTORS, {"cutmix": 1.0}, "--cutmix 1: is for images, these are vectors"),
        (NUMBERS, {"mixup": 0.2}, "--mixup 0.2: is for classes or labels, this is regression"),
        (NUMBERS, {"cutmix": 1.0}, "--cutmix 1: is for classes or labels, this is regression"),
        (NUMBERS, {"balance": "loss"}, "--balance loss: is for classes or labels, this is regression"),
        (NUMBERS, {"label_smoothing": 0.1},
         "--label-smoothing 0.1: is for classes or labels, this is regression; leave it out"),
        (DIGITS, {"cutmix": 1.0, "batch_size": 1},
         "--cutmix 1: mixes images within a batch, which has only one; raise --batch-size"),
        (DIGITS, {"device": "tpu"}, "--device tpu: not in this machine; use cpu"),
    ],
)  # fmt: skip
def test_contradictions_are_refused_in_one_line(
    facts: DatasetInfo, given: dict[str, object], expected: str
) -> None:
    assert refusal(facts, **given).startswith(expected)
