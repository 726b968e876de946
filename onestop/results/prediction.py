"""What a model says of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from onestop.tasks.task import Guess


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        image: Its path, or its number where it came from memory.
        guesses: Best first; each has a `label` and a `score` (the probability of a class, or the
            number predicted).
        error: Why the image could not be read; there are no guesses then.
        remark: What is wrong with an image that could be read all the same.
    """

    image: str
    guesses: tuple[Guess, ...] = ()
    error: str = ""
    remark: str = ""

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


class Predictions(Sequence[Prediction]):
    """Predictions in the order of the images, computed while one walks through them.

    Attributes:
        skipped: `path` and `reason` of each file of a folder that was passed over.
    """

    def __init__(
        self, stream: Iterator[Prediction], count: int, skipped: Sequence[dict[str, str]] = ()
    ) -> None:
        self.skipped = tuple(skipped)
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

    def _at(self, place: int) -> Prediction:
        while len(self._done) <= place:
            self._done.append(next(self._stream))
        return self._done[place]
