"""A run in its folder: train, keep the results of each epoch, evaluate once at the end.

Whatever happens in between (Ctrl-C, a full disk, a loss that is not finite), the folder holds a state
to resume from and the best network so far.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from onestop.data.dataset import require_none_skipped
from onestop.errors import (
    InterruptedRun,
    NonFiniteLossError,
    OutOfMemoryError,
    is_out_of_memory,
)
from onestop.figures.files import require_figures
from onestop.inference.model import Model
from onestop.jobs.finish import finish, skipped_files
from onestop.jobs.observers import Observers
from onestop.jobs.resume import restore
from onestop.linting.quick import warning
from onestop.networks import count_parameters
from onestop.results.run import Run
from onestop.runtime.rng import preserved
from onestop.runtime.signals import Stop, Stopped
from onestop.storage.model_file import read_card, write_model
from onestop.storage.run_folder import MODEL, REPORT, STATE, remove_leftovers
from onestop.text import plural
from onestop.training.checkpoint import States, restore_state
from onestop.training.checkpointer import Checkpointer, require_space
from onestop.training.loop import fit
from onestop.training.out_of_memory import advice
from onestop.training.plan import Plan
from onestop.training.records import EpochRecord
from onestop.training.setup import Session, set_up


def run_in(folder: Path, plan: Plan, *, quiet: bool, report: bool, inexact: bool = False) -> Run:
    """Train in a folder that this process has locked, from the state that is there, if any.

    Args:
        folder: Of the run.
        plan: What to train.
        quiet: Print no progress.
        report: Write report.html at the end.
        inexact: Continue a state of other arithmetic (hardware, libraries, threads) too.
    """
    observers = Observers(folder, plan, quiet=quiet)
    observers.say(f"run folder: {folder.resolve()}")
    for line in (*(f"note: {note}" for note in plan.dataset.notes), *plan.notes):
        observers.say(line)
    if problems := warning(plan.dataset):
        observers.say(problems)
    remove_leftovers(folder)
    with preserved(), plan.engine.applied(), Stop() as stop, observers.tracking:
        try:
            run = _run(folder, plan, observers, stop, inexact=inexact)
            if report:
                _report(folder, plan, observers)
            observers.info.flush()
            return run
        except Stopped:
            raise InterruptedRun(
                f"stopped; resume with: onestop train {folder}", stop.exit_code
            ) from None


def _run(folder: Path, plan: Plan, observers: Observers, stop: Stop, *, inexact: bool) -> Run:
    session, states = set_up(plan), States(folder / STATE)
    about = restore(folder, session, states, inexact=inexact)
    for line in (*states.damaged, *about["inexact"], *session.notes, _summary(session)):
        observers.say(line)
    if plan.recipe.data.strict:
        _require_all(session)
    require_space(folder, session)
    observers.tracking.begin(session.training.progress)
    checkpointer = Checkpointer(folder, session, states, about, observers.say)
    try:
        with observers.watcher:
            _train(session, checkpointer, observers, stop)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # its frames hold the tensors of the step
        problem = advice(session, str(error) or type(error).__name__)
        raise OutOfMemoryError(problem + _what_remains(folder, states)) from None
    run = Run(folder, finish(folder, session, observers.say, about["inexact"]))
    observers.tracking.final(run.metrics)
    return run


def _require_all(session: Session) -> None:
    """Refuse a source if any of its files would be left out."""
    for loader in session.loaders.values():
        loader.look_through()
    require_none_skipped(skipped_files(session), session.plan.dataset.name)


def _summary(session: Session) -> str:
    plan, optim, machine = session.plan, session.recipe.optim, session.recipe.machine
    sizes = {name: len(split) for name, split in plan.dataset.splits.items()}
    facts = [session.task.counted()] if session.task.counted() else []
    facts += [f"{sizes[name]:,} {name}" for name in ("train", "val", "test") if name in sizes]
    parameters, step = count_parameters(plan.network), session.training.progress.step
    return (
        f"{plan.dataset.name}: {', '.join(facts)}; {plan.entry.name}, {parameters:,} parameters, on "
        f"{machine.device} in {machine.precision}; {plural(optim.epochs, 'epoch')} of batch "
        f"{optim.batch_size}" + (f"; resumed after step {step:,}" if step else "")
    )


def _what_remains(folder: Path, states: States) -> str:
    """How to resume a run that ran out of memory, if it got anywhere."""
    if states.last is None:
        return ""
    return f"; what was saved remains valid: with more memory, resume with: onestop train {folder}"


def _train(session: Session, checkpointer: Checkpointer, observers: Observers, stop: Stop) -> None:
    """Run the loop; save the results of each epoch, and the state so that nothing is lost."""
    training, goal = session.training, session.goal
    loop = fit(training, session.task, session.phases(), session.step, goal, session.rate)
    try:
        for record in loop:
            observers.show(record, goal.epochs)
            if isinstance(record, EpochRecord):
                checkpointer.note(record)
            if training.progress.finished(goal.epochs):
                checkpointer.save_now()
            elif stop.requested:
                raise Stopped
            elif isinstance(record, EpochRecord) or checkpointer.due:
                checkpointer.save()
    except Stopped:
        checkpointer.save_now()
        raise InterruptedRun(
            f"stopped after step {training.progress.step:,}, state saved; resume with: "
            f"onestop train {checkpointer.folder}",
            stop.exit_code,
        ) from None
    except NonFiniteLossError as error:
        raise NonFiniteLossError(_keep_finite(session, checkpointer, str(error))) from None
    finally:
        loop.close()


def _keep_finite(session: Session, checkpointer: Checkpointer, problem: str) -> str:
    """See that the run has a model of finite weights; the error message, with what can be done."""
    model, training = checkpointer.folder / MODEL, session.training
    weights = training.scored.state_dict().values()
    finite = all(bool(torch.isfinite(t).all()) for t in weights if t.is_floating_point())
    state = None if finite else States(checkpointer.folder / STATE).newest()
    if state is not None:
        restore_state(state, training)
        finite = True
    if finite and not model.exists():
        card = dataclasses.replace(session.card, metrics={})
        write_model(model, training.scored.state_dict(), card)
    kept = f"finite weights are kept in {model}" if model.exists() else "none kept"
    return f"{problem}; {kept}; lower --lr (now {session.recipe.optim.lr:g}) or set --clip-grad 1"


def _report(folder: Path, plan: Plan, observers: Observers) -> None:
    """Write report.html; the run is complete and valid without it, whatever goes wrong with it."""
    try:
        require_figures()
        from onestop.reporting import write_report  # matplotlib is only loaded here
        from onestop.reporting.gather import gather

        model = Model(plan.network, read_card(folder / MODEL)).on("cpu", "fp32")
        write_report(gather(folder, dataset=plan.dataset, model=model, busy=False))
    except Exception as error:  # hours of training must not end in the traceback of a page
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        observers.say(f"warning: no {REPORT} ({why}); try again with: onestop report {folder}")
