"""The estimated cost of a run, as a table for people."""

from __future__ import annotations

from rich import box
from rich.table import Table

from onestop.results.cost import Estimate, Phase
from onestop.text import duration


def cost_table(cost: Estimate) -> Table:
    """One line per question: what is trained, on what, how long it takes and what limits it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False, show_header=False)
    scored = f", {cost.validation_images:,} for validation" if cost.validation_images else ""
    rows = [
        ("network", f"{cost.network}, {cost.parameters:,} parameters, on {cost.device}"),
        ("images", f"{cost.images:,} for training{scored}"),
        ("per epoch", f"{cost.steps_per_epoch:,} steps of {cost.batch_size} images"),
        *(row for phase in cost.phases for row in _phase_rows(phase, several=len(cost.phases) > 1)),
        ("total", f"{duration(cost.total)}: {_sum(cost)}"),
    ]
    if cost.peak_memory is not None:
        rows.append(("peak memory", f"{cost.peak_memory / 2**20:,.0f} MiB"))
    rows.append(("bound by", cost.bound_by))
    for name, text in rows:
        table.add_row(name, text)
    return table


def _phase_rows(phase: Phase, *, several: bool) -> list[tuple[str, str]]:
    frozen = {"none": "nothing frozen", "backbone": "backbone frozen"}.get(
        phase.frozen, f"{phase.frozen} stages frozen"
    )
    name = f"{phase.epochs} epochs" if phase.epochs > 1 else "1 epoch"
    if several or phase.frozen != "none":
        name += f", {frozen}"
    rows = [
        (
            name,
            f"each {duration(phase.training)} training, {duration(phase.evaluation)} evaluation; "
            f"{phase.images_per_second:,.0f} images/s, {phase.waiting:.0%} of the time waiting for "
            "images",
        )
    ]
    if phase.once:
        rows.append(("", f"once {duration(phase.once)} to cache the features of the frozen part"))
    return rows


def _sum(cost: Estimate) -> str:
    training = sum(phase.seconds for phase in cost.phases)
    parts = {
        "preparation": cost.preparation,
        "first steps": cost.starting,
        f"{cost.epochs} epochs": training,
        "final scoring": cost.final,
    }
    return ", ".join(f"{name} {duration(s)}" for name, s in parts.items() if s >= 0.05)
