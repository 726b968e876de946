"""All that is looked for in a data set, together; leaks first."""

from __future__ import annotations

import numpy as np

from onestop.data import open_data
from onestop.linting import lint_dataset
from tests.linting.made import arrays


def test_good_data_has_no_findings_and_what_is_done_is_told() -> None:
    told = list[tuple[str, int, int]]()
    dataset = arrays(train=["ant"] * 10 + ["bee"] * 10, val=["ant", "bee"])
    assert lint_dataset(dataset, near=True, workers=0, watch=lambda *w: told.append(w)) == []
    assert {what for what, _, _ in told} == {"inspecting", "comparing"}
    assert all(0 < done <= total for _, done, total in told)


def test_leaks_come_first() -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    images[3] = 7
    dataset = open_data(
        {"train": (images, ["ant", "bee"] * 12), "val": (images[:2], ["ant", "bee"])}
    )
    found = lint_dataset(dataset, near=False, workers=0, watch=lambda *_: None)
    assert [(finding.kind, finding.level) for finding in found] == [
        ("copies across splits", "leak"), ("one colour", "warning"),
    ]  # fmt: skip
