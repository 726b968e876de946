"""Result types of `explain`: one heat map per image, with its class, method and layer.

torch and matplotlib are not imported until a figure is requested.

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
"""Attribution method; `docs/explain.md` explains the limits of each."""

_IN_WORDS: dict[Method, str] = {
    "gradcam": "Grad-CAM",
    "integrated-gradients": "integrated gradients",
    "occlusion": "occlusion",
}


@dataclass(frozen=True, eq=False)
class Explanation:
    """The explanation of one prediction.

    Attributes:
        image: The path of the image, or its number if it was in memory.
        explained: The class explained, with its probability, or the predicted number.
        prediction: The network's prediction for the image.
        method: The attribution method.
        layer: Name of the layer used, in the network; empty if the method uses none.
        pixels: uint8 [h, w, C], the image as the network sees it, resized and cropped.
        heat: float32 [h, w], evidence for the class: 0 for none, 1 for the strongest in this image;
            all 0 if there is none.
        remark: A warning about an image that could be read all the same.
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
        """Name of the explained class; for regression, the number as text."""
        return self.explained.name

    @property
    def score(self) -> float:
        """Probability of the explained class; for regression, the number."""
        return self.explained.score

    @property
    def said(self) -> str:
        """The prediction as text, and the explained class or label unless it is the only prediction."""
        text = f"predicted {self.prediction.text}"
        if (self.label,) == tuple(label.name for label in self.prediction.labels):
            return text
        return f"{text}, explained: {self.explained.text}"

    @property
    def title(self) -> str:
        """A line for figures: `said`, or shorter if several labels are predicted."""
        if len(self.prediction.labels) < 2:
            return self.said
        return f"{self.explained.text} (predicted {self.prediction.predicted_text})"

    @property
    def way(self) -> str:
        """Method and layer as text."""
        text = _IN_WORDS[self.method]
        return f"{text} at layer {self.layer}" if self.layer else text

    def figure(self) -> Figure:
        """Image, heat map and overlay, side by side."""
        return Explanations([self]).figure()

    def _repr_html_(self) -> str:
        return Explanations([self])._repr_html_()

    def __repr__(self) -> str:
        return f"<Explanation of {self.image}: {self.said}, by {self.way}>"

    def to_json(self) -> dict[str, Any]:
        """All fields except pixels, as printed by `--json`."""
        fields = {
            "image": self.image,
            "label": self.label,
            "score": self.score,
            "predicted": self.prediction.summary(),
            "method": self.method,
            "layer": self.layer,
        }
        return {**fields, "remark": self.remark} if self.remark else fields


class Explanations(Sequence[Explanation]):
    """Explanations in the order of the images, without the unreadable ones.

    Attributes:
        skipped: `path` and `reason` of each unreadable image, and of each skipped file in a folder.
        picture: The image file that shows all of them; None if it was not requested.
        notes: What a person should know of how the model was loaded.
    """

    def __init__(
        self,
        explanations: Iterable[Explanation],
        skipped: Iterable[dict[str, str]] = (),
        picture: Path | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self._all = tuple(explanations)
        self.skipped = tuple(skipped)
        self.picture = picture
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, place: int) -> Explanation: ...
    @overload
    def __getitem__(self, place: slice) -> Explanations: ...
    def __getitem__(self, place: int | slice) -> Explanation | Explanations:
        return Explanations(self._all[place]) if isinstance(place, slice) else self._all[place]

    def __repr__(self) -> str:
        texts = [f"{item.image}: {item.said}" for item in self._all[:5]]
        return f"<{len(self)} explanations: {', '.join(texts)}{', ...' if len(self) > 5 else ''}>"

    def figure(self) -> Figure:
        """One row per image: image, heat map and overlay."""
        from onestop.figures.files import require_figures

        require_figures()
        from onestop.figures.explanation import Row, explanation_sheet

        rows = [Row(item.pixels, item.heat, item.title, item.image) for item in self._all]
        methods = ", ".join(dict.fromkeys(item.way for item in self._all))
        return explanation_sheet(rows, f"Explanation of predictions: {methods}")

    def _repr_html_(self) -> str:
        if not self._all:
            return "no explanations"
        from onestop.figures.files import figure_html

        return figure_html(self.figure(), plural(len(self), "explanation"))

    def to_json(self) -> dict[str, Any]:
        """All fields except pixels, as printed by `--json`."""
        return {
            "picture": str(self.picture) if self.picture else None,
            "images": [item.to_json() for item in self._all],
            "skipped": list(self.skipped),
        }
