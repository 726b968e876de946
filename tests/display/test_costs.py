"""What a run would take, as the table that people see."""

from __future__ import annotations

import dataclasses
import re

from onestop.display.costs import cost_table
from onestop.results.cost import Estimate, Phase

HEAD = Phase(3, "backbone", 20.0, 1.0, 0.5, 2000.0, 0.25)
WHOLE = Phase(1, "none", 0.0, 20.0, 2.5, 100.0, 0.0)
COST = Estimate(
    network="cnn1", parameters=1234, device="cpu", images=6000, validation_images=600,
    steps_per_epoch=24, batch_size=256, epochs=4, phases=(HEAD, WHOLE), preparation=2.0,
    starting=0.01, final=3.0, total=52.0, peak_memory=2**30, bound_by="computing",
)  # fmt: skip


def rows(cost: Estimate) -> list[tuple[str, str]]:
    names, texts = (list(column.cells) for column in cost_table(cost).columns)
    return [(str(name), str(text)) for name, text in zip(names, texts, strict=True)]


def test_each_phase_has_its_line_and_what_is_computed_once() -> None:
    numbers = [re.findall(r"\d(?:[\d,.]*\d)?", text) for _, text in rows(COST)]
    assert numbers == [
        ["1", "1,234"],  # cnn1
        ["6,000", "600"],
        ["24", "256"],
        ["1", "0.5", "2,000", "25"],  # seconds of training and scoring, images/s, % waiting
        ["20"],
        ["20", "2.5", "100", "0"],
        ["52", "2", "4", "47", "3"],  # all, preparation, of 4 epochs, final scoring
        ["1,024"],
        [],
    ]
    assert rows(COST)[-1][1] == "computing"


def test_what_is_not_known_or_not_there_is_left_out() -> None:
    plain = dataclasses.replace(COST, validation_images=0, phases=(WHOLE,), peak_memory=None)
    names, texts = zip(*rows(plain), strict=True)
    assert len(names) == 6
    assert re.findall(r"\d(?:[\d,.]*\d)?", texts[1]) == ["6,000"]
    assert names[3] == "1 epoch", "nothing is frozen, which need not be said"
    assert not [text for text in texts if "MiB" in text]
