"""What a model says of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, overload

from onestop.errors import UsageError
from onestop.results.notebook import heading, image, svg, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.images.decode import Pixels
    from onestop.tasks.task import Label


_IN_A_NOTEBOOK = 16
"""Predictions that show themselves there."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        image: Its path, or its number where it came from memory.
        guesses: Best first; each has a `label` and a `score` (the probability of a class, or the
            number predicted).
        error: Why the image could not be read; there are no guesses then.
        remark: What is wrong with an image that could be read all the same.
        given: The image, as it was given.
    """

    image: str
    guesses: tuple[Label, ...] = ()
    error: str = ""
    remark: str = ""
    given: Any = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """The best guess."""
        return self.guesses[0].label if self.guesses else ""

    @property
    def score(self) -> float:
        """The score of the best guess."""
        return self.guesses[0].score if self.guesses else 0.0

    def to_json(self) -> dict[str, Any]:
        """The prediction, as `--json` prints it."""
        if self.error:
            return {"image": self.image, "error": self.error}
        guesses = [{"label": g.label, "score": g.score} for g in self.guesses]
        found = {"image": self.image, "label": self.label, "score": self.score, "top": guesses}
        return {**found, "remark": self.remark} if self.remark else found

    def _repr_html_(self) -> str:
        rows = [
            (g.label, "" if g.label == f"{g.score:.6g}" else f"{g.score:.1%}") for g in self.guesses
        ]
        said = table(rows) if self.guesses else heading(self.error)
        pixels = _seen(self.given)
        picture = "" if pixels is None else image(pixels, self.image)
        return f"{heading(self.image)}{picture}{said}"


class Predictions(Sequence[Prediction]):
    """Predictions in the order of the images, computed while one walks through them.

    Attributes:
        skipped: `path` and `reason` of each file of a folder that was passed over.
        classes: Names that the model knows.
    """

    def __init__(
        self,
        stream: Iterator[Prediction],
        count: int,
        skipped: Sequence[dict[str, str]] = (),
        classes: Sequence[str] = (),
    ) -> None:
        self.skipped = tuple(skipped)
        self.classes = tuple(classes)
        self._stream = stream
        self._count = count
        self._done: list[Prediction] = []

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Prediction]:
        for place in range(self._count):
            yield self._at(place)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...
    @overload
    def __getitem__(self, place: slice) -> list[Prediction]: ...
    def __getitem__(self, place: int | slice) -> Prediction | list[Prediction]:
        if isinstance(place, slice):
            return [self._at(i) for i in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(f"{place} of {self._count} predictions")
        return self._at(place % self._count)

    def __repr__(self) -> str:
        shown = ", ".join(f"{p.image}: {p.label} {p.score:.3g}" for p in self[:5])
        return f"<{self._count} predictions: {shown}{', ...' if self._count > 5 else ''}>"

    def figure(self, most: int = 64) -> Figure:
        """The first images as a grid, titled with what was said of each.

        Titles are green or red where the truth is known: where an image lies in a folder that is named
        like a class of the model.

        Raises:
            UsageError: There are none.
        """
        from onestop.figures.grid import guess_title, image_grid

        if not len(self):
            raise UsageError("figure: there are no predictions; give images")
        shown = self[:most]
        titles = [
            guess_title(p.label, p.score if self.classes else None, self._truth(p))
            if p.guesses
            else ("", None)
            for p in shown
        ]
        names, right = zip(*titles, strict=True)
        return image_grid([_seen(p.given) for p in shown], names, right)

    def _truth(self, prediction: Prediction) -> str | None:
        folder = PurePath(prediction.image).parent.name
        return folder if folder in self.classes else None

    def _repr_html_(self) -> str:
        if not len(self):
            return heading("no predictions")
        return svg(self.figure(_IN_A_NOTEBOOK), f"predictions-{id(self)}") + (
            heading(f"and {len(self) - _IN_A_NOTEBOOK:,} more")
            if len(self) > _IN_A_NOTEBOOK
            else ""
        )

    def _at(self, place: int) -> Prediction:
        while len(self._done) <= place:
            self._done.append(next(self._stream))
        return self._done[place]


def _seen(given: Any) -> Pixels | None:
    """An image as it was given, made small; None where it cannot be read, or is a vector."""
    from onestop.data.preview import small
    from onestop.data.samples import pixels_of
    from onestop.images.formats import BadImageError

    try:
        return None if given is None else small(pixels_of(given, 3))
    except BadImageError:
        return None
