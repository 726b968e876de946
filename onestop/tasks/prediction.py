"""What a network predicts for one image, in words: one type for `predict`, predictions.csv and reports.

No import of torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onestop.figures.notebook import heading, picture, table

if TYPE_CHECKING:
    from onestop.data.preprocess import Preprocessing
    from onestop.images.pillow import Pixels
    from onestop.images.pixel_range import PixelRange
    from onestop.metrics.objects import Frame, ImageObjects

UNSURE = "unsure"
"""A doubt: the prediction does not keep the error rate that was asked for."""
UNLIKE = "unlike the training images"
"""A doubt: the features of the image are far from those of the training images."""
_NONE = "no label"  # of tasks in which an image may have none


@dataclass(frozen=True)
class Label:
    """One thing that a network predicts for an image.

    Attributes:
        name: A class name; a predicted number as text.
        score: Probability of the class; the number itself.
        number: Whether it is a predicted number.
    """

    name: str
    score: float
    number: bool = False

    @property
    def text(self) -> str:
        """The label as people read it.

        >>> Label("cat", 0.971).text, Label("3.25", 3.25, number=True).text
        ('cat 97.1%', '3.25')
        """
        return self.name if self.number else f"{self.name} {self.score:.1%}"


@dataclass(frozen=True)
class Prediction:
    """What a network predicts for one image, and, if that is known, what would have been correct.

    A task whose predictions hold more gives a subclass.

    Attributes:
        image: Its path, or `#` and its number if it has none.
        labels: Best first; none if the image could not be read, or has none.
        truth: The classes or labels of the image, or the number to predict as text; None if not known.
        loss: Of this image, as the evaluation sums it.
        truth_score: Probability of the true class, if the task has one.
        correct: Whether the prediction is correct; None if not known, and for numbers.
        error: Why the image could not be read.
        warning: What is wrong with an image that could be read all the same.
        doubts: What speaks against the prediction: `unsure`, `unlike the training images`, both, or
            nothing.
        given: The image as it was given.
        pixel_range: What is black and white in it if it has more than 8 bits, as the model has it.
    """

    image: str
    labels: tuple[Label, ...] = ()
    truth: tuple[str, ...] | None = None
    loss: float | None = None
    truth_score: float | None = None
    correct: bool | None = None
    error: str = ""
    warning: str = ""
    doubts: tuple[str, ...] = ()
    given: Any = field(default=None, repr=False, compare=False)
    pixel_range: PixelRange = field(default="full", repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name of the best label; empty if there is none."""
        return self.labels[0].name if self.labels else ""

    @property
    def score(self) -> float | None:
        """Score of the best label; None if there is none: nothing was predicted, or it has an error."""
        return self.labels[0].score if self.labels else None

    @property
    def second(self) -> Label | None:
        """The second-best label."""
        return self.labels[1] if len(self.labels) > 1 else None

    @property
    def margin(self) -> float:
        """How far the best score is above the second, 0 to 1; small if the two are nearly tied."""
        return (self.score or 0.0) - (self.second.score if self.second else 0.0)

    @property
    def text(self) -> str:
        """All labels as people read them; empty if the image could not be read."""
        return ", ".join(label.text for label in self.labels) or ("" if self.error else _NONE)

    @property
    def unsure(self) -> bool:
        """Whether the prediction does not keep the error rate that was asked for."""
        return UNSURE in self.doubts

    @property
    def unlike_training(self) -> bool:
        """Whether the image is unlike the training images, so that the prediction may mean nothing."""
        return UNLIKE in self.doubts

    @property
    def line(self) -> str:
        """All labels as people read them, with the doubts in parentheses."""
        return f"{self.text} ({', '.join(self.doubts)})" if self.doubts else self.text

    @property
    def predicted_text(self) -> str:
        """The names that are predicted, as people read them, without scores."""
        return self.label

    @property
    def truth_text(self) -> str:
        """What would have been correct, as people read it; empty if not known."""
        return "" if self.truth is None else ", ".join(self.truth) or _NONE

    def placed(self, frame: Frame, size: tuple[int, int]) -> Prediction:  # noqa: ARG002
        """The prediction with places of the network's input turned into places of the image.

        Args:
            frame: Where the image lies in the input.
            size: Height and width of the image.
        """
        return self

    def draw(
        self,
        pixels: Pixels,
        preprocessing: Preprocessing | None = None,  # noqa: ARG002
        *,
        truth: bool = False,  # noqa: ARG002
        longest: int = 0,  # noqa: ARG002
    ) -> Pixels:
        """Its image with what is predicted drawn over it, if that lies somewhere in it.

        Args:
            pixels: [H, W, C].
            preprocessing: How they were prepared; they are the original if None.
            truth: Whether to draw what would have been correct instead.
            longest: Pixels of the longer side of the result; 0 keeps the size.
        """
        return pixels

    def places(self) -> ImageObjects | None:
        """The objects that are predicted; None of tasks that predict none."""
        return None

    def title(self, truth: str | None = None) -> tuple[str, bool | None]:
        """What stands above its image in a grid, and whether it is right.

        Args:
            truth: The class of the image; None if it is not known, and then neither is the latter.
        """
        from onestop.figures.grid import prediction_title

        number = any(label.number for label in self.labels)
        return prediction_title(self.label, None if number else self.score, truth)

    def summary(self) -> dict[str, Any]:
        """What is predicted, for JSON."""
        return {"label": self.label, "score": self.score}

    def to_json(self) -> dict[str, Any]:
        """The prediction, as `--json` prints it."""
        if self.error:
            return {"image": self.image, "error": self.error}
        values = {"image": self.image, **self.summary(), "top": self._top()}
        values["doubts"] = list(self.doubts)
        return {**values, "remark": self.warning} if self.warning else values

    def _top(self) -> list[dict[str, Any]]:
        return [{"label": label.name, "score": label.score} for label in self.labels]

    def to_csv(self, top: int = 1) -> dict[str, str]:
        """The prediction as a row of `--csv`: `image`, `label`, `score`, `error`, `doubts`.

        Args:
            top: How many labels; those after the best are `label2`, `score2` and so on.
        """
        score = "" if self.score is None else f"{self.score:.6g}"
        doubts = "; ".join(self.doubts)
        row = {"image": self.image, "label": self.label, "score": score, "error": self.error}
        row["doubts"] = doubts
        for number, label in enumerate(self.labels[1:top], 2):
            row |= {f"label{number}": label.name, f"score{number}": f"{label.score:.6g}"}
        return row

    def thumbnail(self) -> Pixels | None:
        """The image as it was given, made small; None if it cannot be read, or is a vector."""
        from onestop.errors import BadImageError, UsageError
        from onestop.images.decode import pixels_of
        from onestop.images.thumbnail import SIDE, small

        try:
            if self.given is None:
                return None
            pixels = pixels_of(self.given, 3, pixel_range=self.pixel_range)
            return small(self.draw(pixels, longest=SIDE))
        except (BadImageError, UsageError):
            return None

    def _repr_html_(self) -> str:
        rows = [(label.name, "" if label.number else f"{label.score:.1%}") for label in self.labels]
        pixels = self.thumbnail()
        image = "" if pixels is None else picture(pixels, self.image)
        return (
            heading(self.image)
            + image
            + (table(rows) if rows else heading(self.error or self.text))
            + "".join(map(heading, self.doubts))
        )
