"""`onestop predict`: say what is in images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from onestop.errors import DataError
from onestop.recipe import Positive

if TYPE_CHECKING:
    from torch import nn

    from onestop.tasks.task import Guess


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        image: Its path, or its number where it came from memory.
        guesses: Best first; each has a `label` and a `score` (the probability of a class, or the
            number predicted).
        error: Why the image could not be read; there are no guesses then.
    """

    image: str
    guesses: tuple[Guess, ...] = ()
    error: str = ""

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
        return {"image": self.image, "label": self.label, "score": self.score, "top": guesses}


class Predictions(Sequence[Prediction]):
    """Predictions in the order of the images, computed while one walks through them."""

    def __init__(self, stream: Iterator[Prediction], count: int) -> None:
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


def predict(
    model: Any,
    images: Any,
    *,
    top: Positive = 3,
    device: str | None = None,
    network: nn.Module | str | None = None,
) -> Predictions:
    """Say what is in images, best guess first.

    An image that cannot be read is told with its reason and the others go on.

    Args:
        model: run folder or model file
        images: image files, or folders to search for images; in Python also Pillow images, arrays
            (red, green, blue), tensors and bytes, one or a list of them
        top: guesses an image
        device: cpu, cuda, cuda:1, mps (default: the best one here)
        network: path/to/file.py:Class of your own network, where the model is one; in Python also
            the network itself

    Returns:
        A prediction an image, computed as one goes through them.

    Raises:
        OneStopError: No such model, file or folder, or a folder without images.
    """
    found = _images(images)
    from onestop.inference import load_model

    loaded, _ = load_model(model, network, device)
    names = [
        str(image) if isinstance(image, str | Path) else f"#{i}" for i, image in enumerate(found)
    ]

    def stream() -> Iterator[Prediction]:
        for name, said in zip(names, loaded.predict(found, top), strict=True):
            if isinstance(said, list):
                yield Prediction(name, tuple(said))
            else:
                yield Prediction(name, error=str(said))

    return Predictions(stream(), len(found))


def _images(images: Any) -> list[Any]:
    """The images one by one, folders searched; paths are checked before any work."""
    if isinstance(images, str | Path | bytes) or not isinstance(images, list | tuple):
        images = [images]
    found: list[Any] = []
    for image in images:
        if not isinstance(image, str | Path):
            found.append(image)
            continue
        path = Path(image)
        if path.is_dir():
            from onestop.data.sources.folder import images_below

            below, _ = images_below(path)
            if not below:
                raise DataError(f"{path}: no images in this folder")
            found += below
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: no such image or folder")
    return found
