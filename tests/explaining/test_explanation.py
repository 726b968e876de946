"""What `explain` gives back, as text, as JSON, as a figure, in a notebook."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from onestop.explaining.explanation import Explanation, Explanations
from onestop.tasks import Label, Prediction


def explanation(image: str = "a.jpg", label: str = "ants", layer: str = "conv2") -> Explanation:
    heat = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    return Explanation(
        image=image,
        explained=Label(label, 0.75 if label == "ants" else 0.25),
        prediction=Prediction(image, (Label("ants", 0.75),)),
        method="gradcam" if layer else "occlusion",
        layer=layer,
        pixels=np.zeros((4, 4, 3), np.uint8),
        heat=heat,
    )


@pytest.mark.parametrize(
    ("label", "layer", "said", "way"),
    [
        ("ants", "conv2", "predicted ants 75.0%", "Grad-CAM at layer conv2"),
        ("bees", "", "predicted ants 75.0%, explained: bees 25.0%", "occlusion"),
    ],
)
def test_it_says_what_is_explained_and_how(label: str, layer: str, said: str, way: str) -> None:
    one = explanation(label=label, layer=layer)
    assert (one.said, one.way) == (said, way)
    assert repr(one) == f"<Explanation of a.jpg: {said}, by {way}>"


def test_a_number_is_said_once() -> None:
    number = Label("3.25", 3.25, number=True)
    heat = np.zeros((4, 4), np.float32)
    predicted = Prediction("a", (number,))
    one = Explanation("a", number, predicted, "occlusion", "", np.zeros((4, 4, 1), np.uint8), heat)
    assert one.said == "predicted 3.25"


def test_json_has_everything_but_pixels() -> None:
    assert Explanations([explanation()], [{"path": "b.jpg", "reason": "empty"}]).to_json() == {
        "picture": None,
        "images": [
            {
                "image": "a.jpg", "label": "ants", "score": 0.75,
                "predicted": {"label": "ants", "score": 0.75}, "method": "gradcam", "layer": "conv2",
            }
        ],
        "skipped": [{"path": "b.jpg", "reason": "empty"}],
    }  # fmt: skip


def test_several_are_a_sequence() -> None:
    all_of_them = Explanations([explanation(f"{number}.jpg") for number in range(7)])
    assert len(all_of_them) == 7
    assert [one.image for one in all_of_them[5:]] == ["5.jpg", "6.jpg"]
    assert all_of_them[-1].image == "6.jpg"
    assert repr(all_of_them).startswith("<7 explanations: 0.jpg: predicted ants 75.0%, 1.jpg")
    assert repr(all_of_them).endswith(", ...>")


def test_one_and_several_show_themselves() -> None:
    both = Explanations([explanation(), explanation("b.jpg", layer="")])
    for shown, images in ((both, 2), (both[0], 1)):
        figure = shown.figure()
        assert isinstance(figure, Figure)
        assert sum(bool(axes.images) for axes in figure.axes) == 3 * images
        assert shown._repr_html_().startswith(f'<img alt="{images} explanation')
    assert both[2:]._repr_html_() == "no explanations"
    assert both.figure().texts[0].get_text() == (
        "Explanation of predictions: Grad-CAM at layer conv2, occlusion"
    )
