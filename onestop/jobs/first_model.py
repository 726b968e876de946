"""The first model of a run: there after one pass over the images, before anything is chosen.

A linear head on the features of the images as the network usually sees them. Until the run has a recipe
it is all that its folder holds; the model of the run then replaces it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from onestop.storage.model_file import write_model
from onestop.storage.run_folder import MODEL
from onestop.training.plan import Plan
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.stage import cross_validated, fill_head
from onestop.training.probe.strength import Chosen, Examples, fit
from onestop.training.setup import card_of


def keep_first_model(
    folder: Path, planned: Plan, bank: FeatureBank, examples: Examples, chosen: Chosen,
    begun: float, say: Callable[[str], None],
) -> None:  # fmt: skip
    """Write the model file of a probe.

    Args:
        folder: Of the run that is to be.
        planned: Its network gets the head; it is to be planned anew for the run.
        bank: Of the training split.
        examples: What the head is fitted to.
        chosen: The strength of its penalty.
        begun: When the run was asked for, by `time.perf_counter`.
        say: Takes a line about it.
    """
    head, task, network = planned.linear_head, planned.task, planned.network
    assert head is not None
    weight, bias = fit(examples, task, task.head().outputs, chosen.strength)
    fill_head(network, head, weight, bias, bank, planned.preprocessing)
    metrics = cross_validated(task, chosen, examples.targets)
    card = dataclasses.replace(card_of(planned, planned.preprocessing), metrics=metrics)
    write_model(folder / MODEL, network.state_dict(), card)
    shown = [f"{metric.title} {metric.text(metrics[f'train_{metric.name}'])}"
             for metric in task.metrics if f"train_{metric.name}" in metrics]  # fmt: skip
    seconds, where = time.perf_counter() - begun, folder / MODEL
    say(f"first model after {seconds:.0f} s: {where} (cross-validated {', '.join(shown)})")
