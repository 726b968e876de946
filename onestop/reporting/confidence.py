"""How far predictions can be trusted: calibration, error rates that can be guaranteed, outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onestop.errors import ModelFileError
from onestop.inference.confidence import Confidence, confidence_of
from onestop.metrics.calibration import calibration_text
from onestop.metrics.outliers import FALSE_ALARMS
from onestop.metrics.selective import CERTAINTY
from onestop.reporting.blocks import Block, Table, Text
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData

_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)


def confidence_blocks(run: RunData) -> list[Block]:
    """What the model file holds of it; nothing for a run that is not done, or of an earlier version."""
    blocks: list[Block] = []
    if text := calibration_text(run.metrics.get("calibration", {})):
        optimistic = (
            "; calibration was fitted on these images, so the error after it is slightly optimistic"
        )
        seen = run.split == "val" and run.metrics["calibration"]["calibrated"]
        blocks.append(Text(f"{text[:1].upper()}{text[1:]}{optimistic if seen else ''}."))
    if run.card is None or not run.card.confidence:
        return blocks
    try:
        known = confidence_of(run.card)
    except ModelFileError as error:
        return [*blocks, Text(f"The model file cannot be used for more: {error}.", "warning")]
    return [*blocks, *_errors(known), *_outliers(known)]


def _errors(known: Confidence) -> list[Block]:
    images = plural(len(known.scores), "validation image")
    if not len(known.scores):
        return [Text(f"No error rate can be guaranteed: {known.why_not}.")]
    rows = []
    for rate in _RATES:
        found = known.guarantee(rate)
        answers = ("none", "") if found is None else (f"{found.answered:,}", f"{found.wrong:,}")
        rows.append((f"{rate:.0%}", *answers))
    text = (
        "predict --max-error marks predictions as unsure so that of the others at most this share is "
        f"wrong, with {CERTAINTY:.0%} certainty, for images like the {images}. Of those:"
    )
    return [Text(text), Table(("maximum error", "not unsure", "of these wrong"), rows, "")]


def _outliers(known: Confidence) -> list[Block]:
    learned = known.outliers
    if learned is None:
        return [Text("There are too few images to tell others that are unlike them.")]
    layer = f"what layer {known.layer} takes in" if known.layer else "inputs and outputs"
    return [
        Text(
            f"predict marks images unlike the training images, judged by {layer} for "
            f"{plural(learned.images, 'training image')}; of images like the validation images, "
            f"{FALSE_ALARMS:.0%} are marked too."
        )
    ]
