"""Black and white for one image, where no range of a data set says it."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.errors import BadImageError
from onestop.images.scale import bounds


def test_a_range_is_what_it_says_whatever_the_image() -> None:
    assert bounds((3, 9), [np.array([0, 1])]) == (3, 9)


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [([0, 300], "u2", (0, 65535)), ([0, 65535], "i4", (0, 65535)), ([3, 100], "i1", (0, 127)),
     ([0.1, 0.5], "f4", (0, 1))],
)  # fmt: skip
def test_the_full_scale_is_that_of_the_type(
    values: list[float], kind: str, wanted: tuple[float, float]
) -> None:
    assert bounds("full", [np.array(values).astype(kind)]) == wanted


def test_overshoot_of_a_few_pixels_fits_the_full_scale() -> None:
    values = np.full(1000, 0.5, np.float32)
    values[:2] = [1.004, -0.002]
    assert bounds("full", [values[:500], values[500:]]) == (0, 1)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [([0, 255], "f4", "floats 0 to 255, and the pixel range is 0,1; scale them, or train with"),
     ([-5, 5], "i2", "values -5 to 5, and the pixel range is 0,65535"),
     ([0, 65536], "u4", "values 0 to 65536"), ([-5, 5], "i1", "values -5 to 5.* 0,127")],
)  # fmt: skip
def test_what_does_not_fit_the_full_scale_is_refused(
    values: list[float], kind: str, message: str
) -> None:
    with pytest.raises(BadImageError, match=message):
        bounds("full", [np.array(values).astype(kind)])


def test_old_models_go_by_the_image_itself() -> None:
    def own(*values: float) -> tuple[float, float]:
        return bounds("image", [np.array(values, np.float32)])

    assert own(0, 1) == (0, 1)
    assert own(0, 1.01) == (0, 255)
    assert own(0, 256) == (0, 65535)
    assert own(-1, 3) == (-1, 3)
    assert bounds("image", [np.array([0, 70000], np.int32)]) == (0, 2**31 - 1)
