"""A target that looks wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Doubt:
    """A target that looks wrong, as its task puts it in words.

    Attributes:
        place: Of the image among those that were compared.
        label: As the data has it.
        suggested: As a model that has not seen it predicts it.
        score: How doubtful it is, more if higher: how improbable the label is, 0 to 1, or for numbers
            the distance from the prediction in robust standard deviations.
    """

    place: int
    label: str
    suggested: str
    score: float
