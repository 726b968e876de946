"""From images to explanations: each keeps its name, and what there is to remark on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from onestop.explaining.images import explain_images
from onestop.inference.model import Model


def test_each_is_explained_by_its_own_prediction(
    sees_patches: Model, patched: Callable[[int, int], NDArray[np.uint8]]
) -> None:
    with_patch = patched(4, 20)
    without = with_patch.copy()
    without[4:12, 20:28] = 100
    found = explain_images(sees_patches, [without, with_patch], ["without", "with"])
    assert [(one.image, one.label) for one in found] == [("without", "plain"), ("with", "patch")]
    assert [one.layer for one in found] == ["act", "act"]
    assert found[1].score > 0.75
    assert np.array_equal(found[1].pixels, with_patch)
    assert divmod(int(found[1].heat.argmax()), 32)[1] in range(20, 28)


def test_another_class_is_explained_with_its_own_score(
    sees_patches: Model, patched: Callable[[int, int], NDArray[np.uint8]]
) -> None:
    (one,) = explain_images(sees_patches, [patched(4, 4)], ["a"], target="plain")
    assert (one.label, one.prediction.label) == ("plain", "patch")
    assert one.score == pytest.approx(1 - one.prediction.labels[0].score, abs=1e-6)
    assert not one.heat.any()


def test_remarks_and_unreadable_images_keep_their_names(
    sees_patches: Model, tmp_path: Path
) -> None:
    frames = [Image.new("L", (32, 24), shade) for shade in (0, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "bad.png").write_bytes(b"")
    files = [tmp_path / "bad.png", tmp_path / "film.gif"]
    found = explain_images(sees_patches, files, ["bad", "film"])
    assert [(one.image, bool(one.remark)) for one in found] == [("film", True)]
    assert found.skipped == ({"path": "bad", "reason": "empty file"},)


def test_none_that_can_be_read_gives_none(sees_patches: Model) -> None:
    assert len(explain_images(sees_patches, [b"no image"], ["a"])) == 0
