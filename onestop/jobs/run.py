"""A run in its folder: train, keep the results of each epoch, evaluate once at the end.

Whatever happens in between (Ctrl-C, a full disk, a loss that is not finite), the folder holds a state
to resume from and the best network so far.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from onestop.data.contents import recall
from onestop.data.dataset import require_none_skipped
from onestop.errors import (
    InterruptedRun,
    NonFiniteLossError,
    OutOfMemoryError,
    is_out_of_memory,
)
from onestop.figures.files import require_figures
from onestop.inference.model import Model
from onestop.jobs.derived_rate import advice as rate_advice
from onestop.jobs.derived_rate import begin_anew, lower_rate
from onestop.jobs.finish import finish, skipped_files
from onestop.jobs.finite import keep_finite
from onestop.jobs.label_issues import note_label_issues
from onestop.jobs.observers import Observers
from onestop.jobs.resume import restore
from onestop.linting.quick import warning
from onestop.networks import count_parameters
from onestop.recipe.files import resume_command, write_recipe
from onestop.results.run import Run
from onestop.runtime.files import write_atomic
from onestop.runtime.rng import preserved
from onestop.runtime.signals import Stop, Stopped, check
from onestop.storage.derived import withdraw
from onestop.storage.model_file import read_card
from onestop.storage.own_files import remove_leftovers
from onestop.storage.run_folder import MODEL, RECIPE, REPORT, STATE
from onestop.text import plural
from onestop.training.checkpoint import States
from onestop.training.checkpointer import Checkpointer, require_space
from onestop.training.line import Point, kept_point
from onestop.training.loop import fit
from onestop.training.out_of_memory import advice
from onestop.training.plan import Plan, lacking_weights
from onestop.training.probe.features import FeatureBank, bank_for
from onestop.training.probe.stage import Fitted, fit_probe
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.setup import Session, remembered, set_up
from onestop.training.trial import RateTooHigh, Trial, steps_on_trial


def run_in(
    folder: Path, plan: Plan, *, quiet: bool, report: bool, inexact: bool = False,
    bank: FeatureBank | None = None,
) -> Run:  # fmt: skip
    """Train in a folder that this process has locked, from the state that is there, if any.

    Args:
        folder: Of the run.
        plan: What to train.
        quiet: Print no progress.
        report: Write report.html at the end.
        inexact: Continue a state of other arithmetic (hardware, libraries, threads) too.
        bank: Features of the training split that are known already.
    """
    observers = Observers(folder, plan, quiet=quiet)
    lacking = lacking_weights(plan.recipe, plan.whys)
    for line in filter(None, (lacking, f"run folder: {folder.resolve()}")):
        observers.say(line)
    for line in (*(f"note: {note}" for note in plan.dataset.notes), *plan.notes):
        observers.say(line)
    if problems := warning(plan.dataset):
        observers.say(problems)
    remove_leftovers(folder)
    with preserved(), plan.engine.applied(), Stop() as stop, observers.tracking:
        try:
            plan, run = _in_trials(
                folder, plan, observers, stop, bank or bank_for(plan), inexact=inexact
            )
            if report:
                with stop.at_once():
                    _report(folder, plan, observers)
                check()
            if lacking:
                observers.tell(lacking)  # again at the end, where it is read
            observers.info.flush()
            return run
        except Stopped:
            raise InterruptedRun(
                f"stopped; resume with: {resume_command(folder, plan.recipe)}", stop.exit_code
            ) from None


def _in_trials(
    folder: Path, plan: Plan, observers: Observers, stop: Stop, bank: FeatureBank, *, inexact: bool
) -> tuple[Plan, Run]:
    """Train; anew with a lower rate for as long as the first steps disprove a derived one."""
    while True:
        try:
            return plan, _run(folder, plan, observers, stop, bank, inexact=inexact)
        except RateTooHigh as error:
            reason, rate = str(error), lower_rate(plan)
        if rate is None:
            raise NonFiniteLossError(f"{reason}; {rate_advice(plan)}")
        plan = begin_anew(folder, plan, rate, reason, observers)


def _run(
    folder: Path, plan: Plan, observers: Observers, stop: Stop, bank: FeatureBank, *, inexact: bool
) -> Run:
    with stop.at_once():
        recall(plan.dataset)
        session, states = remembered(set_up(plan), observers.say), States(folder / STATE)
    about = restore(folder, session, states, inexact=inexact)
    for line in (*states.damaged, *about["inexact"], *session.notes, _summary(session)):
        observers.say(line)
    if plan.recipe.data.strict:
        _require_all(session)
    require_space(folder, session)
    _begin(folder, session)
    observers.tracking.begin(session.training.progress)
    checkpointer = Checkpointer(folder, session, states, about, observers.say)
    try:
        with observers.watcher:
            _train(session, checkpointer, observers, stop, bank)
            kept = _keep(session, checkpointer, observers)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # its frames hold the tensors of the step
        problem = advice(session, str(error) or type(error).__name__)
        resume = resume_command(folder, plan.recipe)
        raise OutOfMemoryError(problem + _what_remains(resume, states)) from None
    shown = finish(folder, session, observers.say, observers.tell, about["inexact"], kept)
    run = Run(folder, shown)
    observers.tracking.final(run.metrics)
    return run


def _begin(folder: Path, session: Session) -> None:
    """Prepare the folder once nothing stands in the way of training.

    Figures of an earlier end of the run go before its network can change; if there is nothing left to
    train, they stay, and are written again at the end.
    """
    if not session.training.progress.finished(session.goal.epochs):
        withdraw(folder)
    write_atomic(folder / RECIPE, write_recipe(session.recipe))


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


def _what_remains(resume: str, states: States) -> str:
    """How to resume a run that ran out of memory, if it got anywhere; `resume` is the command."""
    if states.last is None:
        return ""
    return f"; what was saved remains valid: with more memory, resume with: {resume}"


def _keep(session: Session, checkpointer: Checkpointer, observers: Observers) -> Point | None:
    """Keep what is best between the probe and the trained network, if there are both."""
    if not session.training.probe or not session.training.progress.epoch:
        return None
    point = kept_point(session)
    observers.say(point.text)
    checkpointer.note_network(point.network, point.metrics)
    checkpointer.save_now()
    return point


def _train(
    session: Session,
    checkpointer: Checkpointer,
    observers: Observers,
    stop: Stop,
    bank: FeatureBank,
) -> None:
    """Run the loop; save the results of each epoch, and the state so that nothing is lost."""
    training, goal = session.training, session.goal
    loop = _records(session, bank, observers, checkpointer.folder)
    trial = _trial(session, checkpointer.about)
    try:
        for record in loop:
            observers.show(record, goal.epochs)
            stopped = stop.requested
            trial.see(record, now=stopped or checkpointer.due)
            if isinstance(record, EpochRecord):
                checkpointer.note(record)
                _warn(record, observers)
            if training.progress.finished(goal.epochs):
                checkpointer.save_now()
            elif stopped:
                raise Stopped
            elif isinstance(record, EpochRecord) or checkpointer.due:
                checkpointer.save()
    except Stopped:
        checkpointer.save_now()
        raise InterruptedRun(
            f"stopped after step {training.progress.step:,}, state saved; resume with: "
            f"{resume_command(checkpointer.folder, session.recipe)}",
            stop.exit_code,
        ) from None
    except NonFiniteLossError as error:
        if trial.covers(training.progress.step):
            raise RateTooHigh(f"the {error}") from None
        kept = keep_finite(session, checkpointer.folder, str(error), rate_advice(session.plan))
        raise NonFiniteLossError(kept) from None
    finally:
        loop.close()
    if not training.progress.any_model:
        problem = "after no epoch were the outputs of the network finite"
        kept = keep_finite(session, checkpointer.folder, problem, rate_advice(session.plan))
        raise NonFiniteLossError(kept)


def _records(
    session: Session, bank: FeatureBank, observers: Observers, folder: Path
) -> Generator[StepRecord | EpochRecord, None, None]:
    """What is left of the run: the probe, if it has one, then the loop."""
    training, goal = session.training, session.goal
    if session.plan.linear_head and not training.progress.probed:

        def probed(fitted: Fitted) -> None:
            note_label_issues(folder, session, bank, fitted, observers.say)

        yield fit_probe(session, bank, observers.watcher.probing, probed)
    yield from fit(training, session.task, session.phases(), session.step, goal, session.rate)


def _warn(record: EpochRecord, observers: Observers) -> None:
    if not record.finite:
        observers.say(
            f"warning: epoch {record.epoch}: the network's outputs are not finite, so it is not kept"
        )


def _trial(session: Session, about: dict[str, Any]) -> Trial:
    """The trial of a derived rate; one of no steps if it may not be lowered."""
    warmup = round(session.recipe.optim.warmup_epochs * session.order.per_epoch)
    steps = 0 if lower_rate(session.plan) is None else steps_on_trial(warmup)
    return Trial(steps, about["trial"])


def _report(folder: Path, plan: Plan, observers: Observers) -> None:
    """Write report.html; the run is complete and valid without it, whatever goes wrong with it."""
    try:
        require_figures()
        from onestop.reporting import write_report  # matplotlib is only loaded here
        from onestop.reporting.gather import gather

        model = Model(plan.network, read_card(folder / MODEL)).on("cpu", "fp32")
        write_report(gather(folder, dataset=plan.dataset, model=model, busy=False))
    except Exception as error:  # hours of training must not end in the traceback of a page
        why = " ".join(str(error).split()) or type(error).__name__
        observers.say(f"warning: no {REPORT} ({why}); try again with: onestop report {folder}")
