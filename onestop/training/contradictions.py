"""Settings that contradict each other or the data, each refused in one line with a way out."""

from __future__ import annotations

from onestop.data.dataset import DatasetInfo
from onestop.errors import UsageError
from onestop.recipe import Recipe
from onestop.recipe.markers import flag
from onestop.recipe.settings import Settings


def refuse_range(settings: Settings, info: DatasetInfo) -> None:
    """Stop if a pixel range was asked for that no training image needs.

    Raises:
        UsageError: All of them have 8 bits.
    """
    value = settings.values["pixel_range"]
    if settings.given("pixel_range") and value != "full" and not info.values and not info.vectors:
        raise UsageError(
            f"{flag('pixel_range', value)}: changes nothing, since all training images have 8 bits; "
            "leave it out"
        )


def refuse_budget(settings: Settings) -> None:
    """Stop if both a time and a number of epochs were asked for.

    Raises:
        UsageError: Names both.
    """
    value = settings.values["time_budget"]
    if value and settings.given("time_budget") and settings.given("epochs"):
        raise UsageError(
            f"{flag('time_budget', value)}: chooses the epochs, which "
            f"{flag('epochs', settings.values['epochs'])} sets; drop one"
        )


def refuse_contradictions(recipe: Recipe, info: DatasetInfo) -> None:
    """Stop before any work if settings do not fit together.

    Raises:
        UsageError: Names the setting, what it contradicts and what to do.
    """
    optim, augmentation = recipe.optim, recipe.augmentation
    if recipe.evaluation.patience and "val" not in info.splits:
        raise UsageError(
            f"--patience {recipe.evaluation.patience}: there is no validation split to watch; "
            "hold images out with --val-fraction 0.1"
        )
    if not optim.epochs and recipe.network.probe == "none":
        raise UsageError("--epochs 0: without a probe nothing would be trained; ask for more")
    if optim.warmup_epochs > optim.epochs > 0:
        raise UsageError(
            f"--warmup-epochs {optim.warmup_epochs:g}: longer than the run of {optim.epochs} "
            "epochs; lower it or raise --epochs"
        )
    if optim.accumulate > optim.batch_size:
        raise UsageError(
            f"--accumulate {optim.accumulate}: more parts than the batch has images "
            f"({optim.batch_size}); raise --batch-size"
        )
    if augmentation.crop_padding >= recipe.data.image_size:
        raise UsageError(
            f"--crop-padding {augmentation.crop_padding}: could leave nothing of an image of "
            f"{recipe.data.image_size} pixels; lower it"
        )
    for name, value in (("mixup", augmentation.mixup), ("cutmix", augmentation.cutmix)):
        if value and optim.batch_size == 1:
            raise UsageError(
                f"--{name} {value:g}: mixes images within a batch, which has only one; "
                "raise --batch-size"
            )
