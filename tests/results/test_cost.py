"""What a run would take, as Python and JSON have it."""

from __future__ import annotations

import dataclasses

from onestop.results.cost import Estimate, Phase


def test_a_phase_takes_its_pass_and_each_of_its_epochs() -> None:
    phase = Phase(3, "backbone", 20.0, 1.0, 0.5, 2000.0, 0.25)
    assert phase.seconds == 20 + 3 * 1.5


def test_json_has_every_field_and_those_of_the_phases() -> None:
    phase = Phase(1, "none", 0.0, 1.0, 0.5, 10.0, 0.0)
    cost = Estimate(
        "cnn1", 9, "cpu", 10, 0, 1, 10, 1, (phase,), 0.1, 0.2, 0.3, 2.1, None, "computing"
    )
    assert cost.to_json() == {**vars(cost), "phases": (dataclasses.asdict(phase),)}
