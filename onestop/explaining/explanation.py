"""What `explain` gives back: for each image a heat map, what it explains and how it was found.

No import of torch or matplotlib until a figure is asked for.

Legend: h and w height and width of an image, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from onestop.text import plural

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from onestop.tasks.prediction import Label, Prediction

Method = Literal["gradcam", "integrated-gradients", "occlusion"]
"""How a heat map is found; `docs/explain.md` says when each misleads."""

_IN_WORDS: dict[Method, str] = {
    "gradcam": "Grad-CAM",
    "integrated-gradients": "integrated gradients",
    "occlusion": "occlusion",
}


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the network said so of one image.

    Attributes:
        image: Its path, or its number where it came from memory.
        explained: What is explained: a class with its probability, or the predicted number.
        prediction: What the network predicts for the image.
        method: How the heat map was found.
        layer: Whose map was read, by its name in the network; empty where the method needs none.
        pixels: uint8 [h, w, C], what the network saw of the image: resized and cut out.
        heat: float32 [h, w], how much each place speaks for the class: 0 not at all, 1 the most of
            this image; all 0 where no place does.
        remark: What is wrong with an image that could be read all the same.
    """

    image: str
    explained: Label
    prediction: Prediction
    method: Method
    layer: str
    pixels: NDArray[np.uint8]
    heat: NDArray[np.float32]
    remark: str = ""

    @property
    def label(self) -> str:
        """Name of the class that is explained; the number as text, of a network that predicts one."""
        return self.explained.name

    @property
    def score(self) -> float:
        """Probability of the class that is explained; the number, of a network that predicts one."""
        return self.explained.score

    @property
    def said(self) -> str:
        """What the network predicted, and what is explained if that is not all of it."""
        said = f"predicted {self.prediction.text}"
        if (self.label,) == tuple(label.name for label in self.prediction.labels):
            return said
        return f"{said}, explained: {self.explained.text}"

    @property
    def way(self) -> str:
        """Method and layer, in words."""
        words = _IN_WORDS[self.method]
        return f"{words} at layer {self.layer}" if self.layer else words

    def figure(self) -> Figure:
        """Image, heat map and overlay, side by side."""
        return Explanations([self]).figure()

    def _repr_html_(self) -> str:
        return Explanations([self])._repr_html_()

    def __repr__(self) -> str:
        return f"<Explanation of {self.image}: {self.said}, by {self.way}>"

    def to_json(self) -> dict[str, Any]:
        """What is not pixels, as `--json` prints it."""
        found = {
            "image": self.image,
            "label": self.label,
            "score": self.score,
            "predicted": self.prediction.summary(),
            "method": self.method,
            "layer": self.layer,
        }
        return {**found, "remark": self.remark} if self.remark else found


class Explanations(Sequence[Explanation]):
    """Explanations in the order of the images; those that could not be read are left out.

    Attributes:
        skipped: `path` and `reason` of each image that could not be read, and of each file of a folder
            that was passed over.
        picture: The file that shows all of them; None where none was asked for.
    """

    def __init__(
        self,
        explanations: Iterable[Explanation],
        skipped: Iterable[dict[str, str]] = (),
        picture: Path | None = None,
    ) -> None:
        self._all = tuple(explanations)
        self.skipped = tuple(skipped)
        self.picture = picture

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, place: int) -> Explanation: ...
    @overload
    def __getitem__(self, place: slice) -> Explanations: ...
    def __getitem__(self, place: int | slice) -> Explanation | Explanations:
        return Explanations(self._all[place]) if isinstance(place, slice) else self._all[place]

    def __repr__(self) -> str:
        said = [f"{one.image}: {one.said}" for one in self._all[:5]]
        return f"<{len(self)} explanations: {', '.join(said)}{', ...' if len(self) > 5 else ''}>"

    def figure(self) -> Figure:
        """All of them on one sheet: image, heat map and overlay, side by side, one row an image."""
        from onestop.figures.explanation import Row, explanation_sheet

        rows = [Row(one.pixels, one.heat, one.said, one.image) for one in self._all]
        ways = ", ".join(dict.fromkeys(one.way for one in self._all))
        return explanation_sheet(rows, f"Why the network said so: {ways}")

    def _repr_html_(self) -> str:
        if not self._all:
            return "no explanations"
        from onestop.figures.files import figure_html

        return figure_html(self.figure(), plural(len(self), "explanation"))

    def to_json(self) -> dict[str, Any]:
        """What is not pixels, as `--json` prints it."""
        return {
            "picture": str(self.picture) if self.picture else None,
            "images": [one.to_json() for one in self._all],
            "skipped": list(self.skipped),
        }
