"""What a run keeps that ends because its loss, or all of its outputs, are not finite."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from onestop.storage.model_file import write_model
from onestop.storage.run_folder import MODEL, STATE
from onestop.training.checkpoint import States, restore_state
from onestop.training.setup import Session
from onestop.training.state import outputs_finite


def keep_finite(session: Session, folder: Path, problem: str, advice: str) -> str:
    """See that the run has no model but one whose outputs are finite; the line to end with.

    The best epoch's is there already. Without one, the weights as they are now are kept, or those of
    the last state, if their outputs for the validation split (else for training images) are finite.

    Args:
        session: Of the run; may be brought to its last state.
        folder: Of the run.
        problem: What was not finite, and when.
        advice: What to do about it.
    """
    model = folder / MODEL
    if not model.exists() and _now_or_at_last_state(session, folder):
        card = dataclasses.replace(session.card, metrics={})
        write_model(model, session.training.scored.state_dict(), card)
    kept = (
        f"weights with finite outputs are kept in {model}" if model.exists() else
        "no weights had finite outputs, so none are kept"
    )  # fmt: skip
    return f"{problem}; {kept}; {advice}"


def _now_or_at_last_state(session: Session, folder: Path) -> bool:
    if outputs_finite(session.judge(session.training.scored)):
        return True
    state = States(folder / STATE).newest()
    if state is None:
        return False
    restore_state(state, session.training)
    return outputs_finite(session.judge(session.training.scored))
