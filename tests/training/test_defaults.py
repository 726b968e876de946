"""Derived values: what they are for usual data, why, and that nobody's own value is touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from onestop.data.dataset import DatasetInfo
from onestop.errors import UsageError
from onestop.recipe.settings import Settings, settings
from onestop.tasks import Regression
from onestop.training.defaults import derive

ALL = ("train", "val", "test")
DIGITS = DatasetInfo(images=1_293, classes=10, channels=1, height=8, width=8, splits=ALL)
MNIST = DatasetInfo(images=54_000, classes=10, channels=1, height=28, width=28, splits=ALL)
CIFAR = DatasetInfo(images=45_000, classes=10, channels=3, height=32, width=32, splits=ALL)
PHOTOS = DatasetInfo(
    images=220, classes=2, channels=3, height=375, width=500, splits=("train", "val")
)
VECTORS = DatasetInfo(
    images=30,
    classes=1,
    channels=1,
    height=0,
    width=0,
    splits=("train",),
    vectors=True,
    task="regression",
)


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without any, whatever packages are installed here."""
    monkeypatch.setattr("onestop.training.default_network.at_hand", lambda _: None)


def derived(facts: DatasetInfo, **given: object) -> Settings:
    return derive(settings(("flag", {"device": "cpu", **given})), facts)[0]


def refusal(facts: DatasetInfo, **given: object) -> str:
    with pytest.raises(UsageError) as caught:
        derived(facts, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("facts", "given", "expected"),
    [
        (DIGITS, {}, {
            "model": "lenet5", "channels": 1, "image_size": 32, "normalize": "dataset",
            "augment": "crop", "batch_size": 32, "epochs": 40, "lr": 0.025, "patience": 0,
            "momentum": 0.9, "weight_decay": 5e-4, "warmup_epochs": 1.0, "monitor": "accuracy",
            "precision": "fp32", "memory_format": "channels-last", "cached_augmentations": 0,
        }),
        (MNIST, {}, {"model": "lenet5", "batch_size": 128, "epochs": 11, "lr": 0.05,
                     "warmup_epochs": 0.55, "augment": "crop"}),
        (CIFAR, {}, {"model": "resnet9", "channels": 3, "image_size": 32, "epochs": 13,
                     "augment": "flip-crop"}),
        (PHOTOS, {"model": "torchvision:resnet18"}, {
            "channels": 3, "image_size": 224, "normalize": "dataset", "augment": "resized-crop",
            "batch_size": 16, "epochs": 182, "patience": 0,
        }),
        (PHOTOS, {"model": "torchvision:resnet18", "weights": "default"}, {
            "normalize": "weights", "probe": "choose", "freeze": "half", "unfreeze_after": 0,
            "optimizer": "adamw", "layer_decay": 0.9, "label_smoothing": 0.1, "mixup": 0.2,
            "backbone_lr_scale": 1.0, "augment": "resized-crop", "monitor": "loss",
        }),
        (PHOTOS, {"model": "torchvision:resnet18", "weights": "default", "probe": "none"}, {
            "normalize": "weights", "freeze": "backbone", "unfreeze_after": 3, "epochs": 15,
            "lr": 0.004, "backbone_lr_scale": 0.25, "augment": "resized-crop", "patience": 7,
        }),
        (PHOTOS, {"model": "resnet18", "weights": "default", "freeze": "backbone"}, {
            "probe": "choose", "freeze": "backbone", "unfreeze_after": 0, "mixup": 0.0,
        }),
        (PHOTOS, {"model": "resnet18"}, {"freeze": "none", "backbone_lr_scale": 1.0}),
        (PHOTOS, {"model": "torchvision:resnet18", "image_size": 64}, {"augment": "flip-crop"}),
        (PHOTOS, {}, {"model": "resnet18", "image_size": 128, "augment": "resized-crop"}),
        (PHOTOS, {"weights": "default"}, {
            "model": "tf_efficientnet_lite2", "image_size": 260, "probe": "choose",
        }),
        (PHOTOS, {"model": "resnet18", "weights": "default", "channels": 1}, {
            "normalize": "dataset", "probe": "fit", "freeze": "half",
        }),
        (dataclasses.replace(PHOTOS, channels=1), {}, {"model": "resnet18", "channels": 3}),
        (VECTORS, {}, {
            "model": "linear", "channels": 1, "image_size": 1, "normalize": "none",
            "augment": "none", "batch_size": 16, "epochs": 200, "monitor": "rmse",
        }),
    ],
    ids=["digits", "mnist", "cifar", "photographs", "pretrained", "without a probe", "frozen",
         "scratch", "small photographs",
         "photographs and nothing said", "the same from weights",
         "grey from weights", "grey photographs", "vectors"],
)  # fmt: skip
def test_usual_data_get_usual_values(
    facts: DatasetInfo, given: dict[str, object], expected: dict[str, object]
) -> None:
    values = derived(facts, **given).values
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("facts", "given", "padding"),
    [
        (CIFAR, {}, 4),
        (CIFAR, {"image_size": 48}, 6),
        (CIFAR, {"crop_padding": 2}, 2),
        (CIFAR, {"augment": "flip"}, 0),
        (PHOTOS, {}, 0),
        (VECTORS, {}, 0),
    ],
)
def test_crops_are_shifted_by_an_eighth_unless_said(
    facts: DatasetInfo, given: dict[str, object], padding: int
) -> None:
    assert derived(facts, **given).values["crop_padding"] == padding


@pytest.mark.parametrize("facts", [DIGITS, MNIST, CIFAR, PHOTOS, VECTORS])
def test_nothing_stays_open_but_how_the_source_is_read(facts: DatasetInfo) -> None:
    values = derived(facts).recipe.values()
    own = ["data_root", "task", "path_column", "label_column", "image_root", "suffix"]
    own += ["crop_fraction"]
    assert [name for name, value in values.items() if value is None] == own


@pytest.mark.parametrize("facts", [DIGITS, PHOTOS, VECTORS])
def test_every_derived_value_says_why(facts: DatasetInfo) -> None:
    for name, origin in derived(facts).origins.items():
        assert bool(origin.why) == (origin.layer == "derived"), name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model", "small and good enough for small grey images"),
        ("image_size", "what lenet5 takes"),
        ("batch_size", "for 1,293 training images"),
        (
            "epochs",
            "10 to 40 passes over 1,293, and with few images up to 200 to see 40,000 in all",
        ),
        ("lr", "0.05 for a batch of 128, growing with its root, at most 0.1"),
        ("augment", "grey images are often signs: they may be shifted, but not mirrored"),
        ("warmup_epochs", "a twentieth of the run, at most one epoch"),
    ],
)
def test_the_reason_is_about_the_data_at_hand(name: str, words: str) -> None:
    assert derived(DIGITS).origins[name].why == words


@pytest.mark.parametrize(
    ("facts", "given", "cache", "words"),
    [
        (DIGITS, {}, "memory", "1.3 MiB of images are no more than 2 GiB"),
        (CIFAR, {}, "memory", "131.8 MiB of images are no more than 2 GiB"),
        (CIFAR, {"image_size": 224}, "none", "crops are taken from whole images"),
        (CIFAR, {"image_size": 224, "augment": "flip"}, "none", "6.3 GiB of images are more than"),
        (VECTORS, {}, "memory", "vectors are taken as they are"),
    ],
)
def test_what_is_kept_follows_from_its_size_and_the_augmentation(
    facts: DatasetInfo, given: dict[str, object], cache: str, words: str
) -> None:
    chosen = derived(facts, **given)
    assert chosen.values["cache"] == cache
    assert chosen.origins["cache"].why.startswith(words)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"optimizer": "adam"}, {"lr": 1e-3, "weight_decay": 0.0}),
        ({"optimizer": "adamw"}, {"lr": 1e-3, "weight_decay": 0.01}),
        ({"optimizer": "rmsprop"}, {"lr": 1e-3, "momentum": 0.0}),
        ({"schedule": "constant"}, {"warmup_epochs": 0.0}),
        ({"schedule": "step"}, {"warmup_epochs": 0.0, "step_epochs": 10}),
        ({"schedule": "one-cycle", "epochs": 10}, {"warmup_epochs": 3.0}),
        ({"batch_size": 4096}, {"lr": 0.1}),
        ({"batch_size": 32, "epochs": 2}, {"lr": 0.025, "warmup_epochs": 0.1, "ema": 0.7561}),
        ({"epochs": 1, "batch_size": 1293}, {"ema": 0.0}),
    ],
)
def test_values_follow_from_others_that_were_given(
    given: dict[str, object], expected: dict[str, object]
) -> None:
    values = derived(DIGITS, **given).values
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("count", "batch", "epochs"),
    [(10, 10, 200), (20, 16, 200), (499, 16, 80), (500, 32, 80), (1_999, 32, 40),
     (2_000, 64, 40), (9_999, 64, 40), (10_000, 128, 40),
     (30_000, 128, 20), (60_000, 128, 10), (1_281_167, 128, 10)],
)  # fmt: skip
def test_more_images_mean_larger_batches_and_fewer_passes(
    count: int, batch: int, epochs: int
) -> None:
    optim = derived(dataclasses.replace(MNIST, images=count)).recipe.optim
    assert (optim.batch_size, optim.epochs) == (batch, epochs)


@pytest.mark.parametrize(
    ("model", "precision", "memory_format"),
    [
        ("lenet5_color", "fp32", "channels-last"),
        ("resnet20", "bf16", "channels-last"),
        ("squeezenet1_1", "bf16", "channels-last"),
        ("mobilenet_v2_small", "fp32", "channels-last"),
        ("regnet_y_400mf", "bf16", "channels-last"),
    ],
)
def test_arithmetic_follows_from_the_network_and_the_processor(
    model: str, precision: str, memory_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for able in (True, False):
        monkeypatch.setattr("onestop.training.defaults.computes_in_bf16", lambda _, able=able: able)
        machine = derived(CIFAR, model=model, image_size=64).recipe.machine
        assert machine.memory_format == memory_format
        assert machine.precision == (precision if able else "fp32")


def test_of_a_users_own_network_nothing_is_taken_for_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onestop.training.defaults.computes_in_bf16", lambda _: True)
    (tmp_path / "net.py").write_text("raise RuntimeError('must not be run')")
    chosen = derived(CIFAR, model=f"{tmp_path}/net.py:Net")
    machine = chosen.recipe.machine
    assert (machine.precision, machine.memory_format) == ("fp32", "contiguous")
    assert "your own network was not measured" in chosen.origins["precision"].why


@pytest.mark.parametrize(
    ("given", "augmentations", "why"),
    [
        ({}, 4, "a few augmentations"),
        ({"augment": "none"}, 1, "without augmentation"),
        ({"augment": "none", "color_jitter": 0.4}, 4, "a few augmentations"),
        ({"augment": "none", "erase": 0.4}, 4, "a few augmentations"),
        ({"augment": "none", "auto_augment": "trivial"}, 4, "a few augmentations"),
        ({"mixup": 0.2}, 0, "features cannot be cached with --mixup 0.2"),
        ({"cutmix": 1.0, "augment": "none"}, 0, "features cannot be cached with --cutmix 1"),
        ({"tta": "flip"}, 0, "features cannot be cached with --tta flip"),
        ({"freeze": "none"}, 0, "features cannot be cached with --freeze none"),
        ({"freeze": "2"}, 0, "features cannot be cached with --freeze 2"),
    ],
)
def test_cached_augmentations_follow_from_what_makes_an_image_differ(
    given: dict[str, object], augmentations: int, why: str
) -> None:
    chosen = derived(PHOTOS, weights="default", probe="none", **given)
    assert chosen.recipe.network.cached_augmentations == augmentations
    assert why in chosen.origins["cached_augmentations"].why


@pytest.mark.parametrize(
    "facts", [VECTORS, dataclasses.replace(DIGITS, classes=0, task="regression")]
)
def test_numbers_are_watched_by_a_metric_that_their_task_has(facts: DatasetInfo) -> None:
    chosen = derived(facts)
    assert chosen.recipe.evaluation.monitor == Regression.metrics[0].name == "rmse"
    assert chosen.origins["monitor"].why == "the main metric of regression"


def test_a_value_that_was_given_is_never_replaced() -> None:
    given = {
        "channels": 3, "image_size": 48, "normalize": "half", "augment": "none", "epochs": 3,
        "model": "lenet5_max", "batch_size": 7, "lr": 0.5, "momentum": 0.1, "weight_decay": 0.2,
        "warmup_epochs": 0.0, "ema": 0.5, "monitor": "loss", "workers": 0, "threads": 1,
        "precision": "bf16",
    }  # fmt: skip
    chosen = derived(DIGITS, **given)
    assert {name: chosen.values[name] for name in given} == given
    assert {chosen.origins[name].layer for name in given} == {"flag"}


def test_the_same_data_and_flags_give_the_same_recipe() -> None:
    assert derived(CIFAR, epochs=3) == derived(CIFAR, epochs=3)


def test_the_network_behind_the_name_comes_with_it() -> None:
    chosen, entry = derive(settings(("flag", {"model": "LeNet5-Color"})), PHOTOS)
    assert (entry.name, entry.channels) == ("lenet5_color", 3)
    assert chosen.recipe.network.model == "LeNet5-Color"


def test_networks_for_images_and_for_vectors_are_not_mixed_up() -> None:
    assert refusal(DIGITS, model="linear").startswith(
        "--model linear: takes vectors, and these are images; leave it out"
    )
    assert refusal(VECTORS, model="lenet5").startswith(
        "--model lenet5: takes images, and these are vectors; leave it out"
    )
