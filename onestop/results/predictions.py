"""Predictions for images, computed lazily."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, overload

from onestop.data.names import places
from onestop.errors import UsageError
from onestop.figures.files import require_figures, svg
from onestop.figures.notebook import heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.tasks.prediction import Prediction


_IN_A_NOTEBOOK = 16
"""Predictions that are displayed there."""


class Predictions(Sequence["Prediction"]):
    """Predictions in the order of the images, computed as they are iterated over.

    Attributes:
        skipped: `path` and `reason` of each file of a folder that was skipped.
        classes: Class names of the model.
        notes: What a person should know of how the model was loaded, and of the predictions, such as
            what `max_error` guarantees.
    """

    def __init__(
        self,
        stream: Iterator[Prediction],
        count: int,
        skipped: Sequence[dict[str, str]] = (),
        classes: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.skipped = tuple(skipped)
        self.classes = tuple(classes)
        self.notes = tuple(notes)
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
        shown = ", ".join(f"{p.image}: {p.error or p.text}" for p in self[:5])
        return f"<{self._count} predictions: {shown}{', ...' if self._count > 5 else ''}>"

    def figure(self, most: int = 64) -> Figure:
        """The first images as a grid, titled with their predictions.

        Titles are green or red if the truth is known, that is if an image is in a folder named after
        a class of the model.

        Raises:
            UsageError: There are none.
        """
        require_figures()
        from onestop.figures.grid import image_grid

        if not len(self):
            raise UsageError("figure: there are no predictions; give images")
        shown = self[:most]
        titles = [("", None) if p.error else p.title(self._truth(p)) for p in shown]
        names, right = zip(*titles, strict=True)
        return image_grid([p.thumbnail() for p in shown], names, right)

    def _truth(self, prediction: Prediction) -> str | None:
        folder = PurePath(prediction.image).parent.name
        place = places([folder], self.classes)[folder]
        return None if place is None else self.classes[place]

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
