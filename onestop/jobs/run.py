"""A run in its folder: train, keep what each epoch gave, score once at the end.

Whatever happens in between (Ctrl-C, a full disk, a loss that is not finite), the folder holds a state
to go on from and the best network so far.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from onestop.data.dataset import Skipped, named, require_none_skipped
from onestop.display.progress import Watcher
from onestop.errors import (
    DataError,
    InterruptedRun,
    NonFiniteLossError,
    OutOfMemoryError,
    UsageError,
    is_out_of_memory,
)
from onestop.inference.model import Model
from onestop.inference.predictions import predictions_of, targets_of, write_predictions
from onestop.linting.quick import warning
from onestop.networks import count_parameters
from onestop.results import Run
from onestop.runtime.csv_files import csv_text
from onestop.runtime.files import write_atomic
from onestop.runtime.fingerprint import differences
from onestop.runtime.rng import key_for, permutation, preserved
from onestop.runtime.signals import Stop, Stopped
from onestop.storage.model_file import read_card, write_model
from onestop.storage.run_folder import (
    EPOCHS,
    LOG,
    METRICS,
    MODEL,
    PREDICTIONS,
    REPORT,
    SKIPPED,
    STATE,
    EpochsFile,
    remove_leftovers,
)
from onestop.storage.run_info import InfoFile
from onestop.tasks import Prediction, Task
from onestop.text import plural
from onestop.tracking.session import Tracking
from onestop.training.checkpoint import States, restore_state
from onestop.training.checkpointer import Checkpointer, require_space
from onestop.training.loop import Epoch, train_loop
from onestop.training.out_of_memory import advice
from onestop.training.plan import Plan
from onestop.training.setup import Parts, assemble, held_out, kept_model

Say: TypeAlias = Callable[[str], None]
_SHOWN = 8  # held-out images whose predictions are shown at the end


def run_in(folder: Path, planned: Plan, *, quiet: bool, report: bool, inexact: bool = False) -> Run:
    """Train in a folder that this process holds, from whatever state is there.

    `report` has a page written at the end; `inexact` allows a state of other arithmetic (hardware,
    libraries, threads) to go on.
    """
    watcher = Watcher(planned.task.metrics, quiet=quiet)
    watcher.log = folder / LOG
    info = InfoFile(folder, planned.task.name, planned.task.metrics)
    say = _saying(watcher, info)
    say(f"run folder: {folder.resolve()}")
    for line in (*(f"note: {note}" for note in planned.dataset.notes), *planned.said):
        say(line)
    if problems := warning(planned.dataset):
        say(problems)
    remove_leftovers(folder)
    tracking = Tracking(folder, planned.recipe, say)
    with preserved(), planned.engine.applied(), Stop() as stop, tracking:
        try:
            run = _run(folder, planned, watcher, say, tracking, stop, inexact=inexact)
            if report:
                _report(folder, planned, say)
            info.flush()
            return run
        except Stopped:
            raise InterruptedRun(
                f"stopped; go on with: onestop train {folder}", stop.exit_code
            ) from None


def _saying(watcher: Watcher, info: InfoFile) -> Say:
    """A function that prints and logs a line, and keeps it in run.json if it is a note or a warning."""

    def say(line: str) -> None:
        watcher.say(line)
        if line.startswith(("note: ", "warning: ")):
            info.note(line)

    return say


def _run(
    folder: Path, planned: Plan, watcher: Watcher, say: Say, tracking: Tracking, stop: Stop, *,
    inexact: bool,
) -> Run:  # fmt: skip
    parts, states = assemble(planned), States(folder / STATE)
    about = _restore(folder, parts, states, inexact=inexact)
    for line in (*states.damaged, *about["inexact"], *parts.said, _summary(parts)):
        say(line)
    if parts.recipe.data.strict:
        _require_all(parts)
    require_space(folder, parts)
    tracking.begin(parts.training.progress)
    saver = Checkpointer(folder, parts, states, about, say)
    try:
        with watcher:
            _learn(parts, saver, watcher, tracking, stop)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # its frames hold the tensors of the step
        raise OutOfMemoryError(
            advice(parts, str(error) or type(error).__name__) + _way_on(folder, states)
        ) from None
    run = _finish(folder, parts, say, about["inexact"])
    tracking.final(run.metrics)
    return run


def _skipped(parts: Parts) -> list[Skipped]:
    """The files of the source that are not used, as far as is known."""
    return [*parts.dataset.skipped, *(s for feed in parts.feeds.values() for s in feed.skipped())]


def _require_all(parts: Parts) -> None:
    """Refuse a source of which a file would be left out."""
    for feed in parts.feeds.values():
        feed.look_through()
    require_none_skipped(_skipped(parts), parts.dataset.name)


def _summary(parts: Parts) -> str:
    optim, machine = parts.recipe.optim, parts.recipe.machine
    sizes = {name: len(s) for name, s in parts.dataset.splits.items()}
    facts = [parts.task.counted()] if parts.task.counted() else []
    facts += [f"{sizes[name]:,} {name}" for name in ("train", "val", "test") if name in sizes]
    weights = count_parameters(parts.training.network)
    begun = parts.training.progress.step
    return (
        f"{parts.dataset.name}: {', '.join(facts)}; {parts.entry.name}, {weights:,} parameters, on "
        f"{machine.device} in {machine.precision}; {plural(optim.epochs, 'epoch')} of batch "
        f"{optim.batch_size}" + (f"; going on after step {begun:,}" if begun else "")
    )


def _way_on(folder: Path, states: States) -> str:
    """How to go on with a run for which the memory did not do, where it got anywhere."""
    if states.last is None:
        return ""
    return f"; what is saved stays good: with more memory, onestop train {folder} goes on"


def _restore(folder: Path, parts: Parts, states: States, *, inexact: bool) -> dict[str, Any]:
    """Bring the parts to the run's newest state; what the next states belong to."""
    made_with = dict(parts.card.made_with)
    about: dict[str, Any] = {
        "data": parts.card.data["fingerprint"], "epochs": parts.recipe.optim.epochs, "done": 0,
        "made_with": made_with, "inexact": [],
    }  # fmt: skip
    saved, progress = states.newest(), parts.training.progress
    if saved is None:
        return about
    if saved.about.get("data") != about["data"]:
        raise DataError(
            f"{parts.dataset.name}: has changed since {folder} was begun; put the old images back, "
            f"or start a new run with --weights {folder}"
        )
    about["inexact"] = list(saved.about.get("inexact", ()))
    if other := differences(saved.about.get("made_with", made_with), made_with):
        if not inexact:
            raise UsageError(
                f"{folder}: was computed with {other}, so the run would go on with other last bits; "
                "go on where it was begun, or here with --allow-inexact-resume"
            )
        about["inexact"].append(f"after step {saved.header['progress']['step']:,}: {other}")
    restore_state(saved, parts.training)
    if parts.recipe.optim.epochs > saved.about.get("epochs", 0):
        progress.stopped_early = False
    return about


def _learn(
    parts: Parts, saver: Checkpointer, watcher: Watcher, tracking: Tracking, stop: Stop
) -> None:
    """Run the loop; save what each epoch gave, and the state so that nothing is lost."""
    training, recipe = parts.training, parts.recipe
    loop = train_loop(
        training,
        parts.task,
        parts.feeds["train"],
        recipe,
        parts.engine,
        parts.evaluate(),
        parts.shortcut,
    )
    epochs = recipe.optim.epochs
    try:
        for record in loop:
            watcher.show(record, epochs)
            tracking.show(record)
            if isinstance(record, Epoch):
                saver.note(record)
            if training.progress.finished(epochs):
                saver.save_now()
            elif stop.requested:
                raise Stopped
            elif isinstance(record, Epoch) or saver.due:
                saver.save()
    except Stopped:
        saver.save_now()
        raise InterruptedRun(
            f"stopped after step {training.progress.step:,}, state saved; go on with: "
            f"onestop train {saver.folder}",
            stop.exit_code,
        ) from None
    except NonFiniteLossError as error:
        raise NonFiniteLossError(_keep_finite(parts, saver, str(error))) from None
    finally:
        loop.close()


def _keep_finite(parts: Parts, saver: Checkpointer, problem: str) -> str:
    """See that the run has a model of finite weights, and say what can be done."""
    model = saver.folder / MODEL
    weights = parts.training.scored.state_dict().values()
    finite = all(bool(torch.isfinite(t).all()) for t in weights if t.is_floating_point())
    state = None if finite else States(saver.folder / STATE).newest()
    if state is not None:
        restore_state(state, parts.training)
        finite = True
    if finite and not model.exists():
        card = dataclasses.replace(parts.card, metrics={})
        write_model(model, parts.training.scored.state_dict(), card)
    kept = f"finite weights are kept in {model}" if model.exists() else "none kept"
    return f"{problem}; {kept}; lower --lr (now {parts.recipe.optim.lr:g}) or set --clip-grad 1"


def _finish(folder: Path, parts: Parts, say: Say, inexact: list[str]) -> Run:
    """Score the best network once on held-out images and write the final files."""
    network, split = parts.training.network, held_out(parts)
    network.load_state_dict(kept_model(folder))
    parts = _settled(parts)
    feed = parts.feeds[split]
    scored = parts.score(network, split, keep_outputs=True)
    rows = EpochsFile.read(folder / EPOCHS)
    progress = parts.training.progress
    speed, waiting = (
        statistics.median(float(row[name]) for row in rows)
        for name in ("images_per_second", "waiting")
    )
    skipped = _skipped(parts)
    metrics = {
        "split": split,
        **scored.metrics,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "seconds": progress.seconds,
        "images_per_second": speed,
        "waiting": waiting,
        "seed": parts.recipe.machine.seed,
        "skipped": len(skipped),
        **({"inexact_resume": inexact} if inexact else {}),
    }
    write_model(
        folder / MODEL, network.state_dict(), dataclasses.replace(parts.card, metrics=metrics)
    )
    write_atomic(folder / METRICS, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    predictions = predictions_of(parts.task, feed.samples, scored)
    write_predictions(folder / PREDICTIONS, parts.task, predictions)
    write_atomic(
        folder / SKIPPED,
        csv_text(
            ("path", "reason"), [{"path": s.path, "reason": s.reason} for s in skipped], header=True
        ),
    )
    _say_what_was_odd(folder, parts, skipped, say)
    if split == "train":
        say("note: no images were held out; the metrics are of the training images")
    return Run(folder, _some_of(predictions, parts.recipe.machine.seed))


def _settled(parts: Parts) -> Parts:
    """With what the task chooses by the validation split, now that the network is the best one."""
    if type(parts.task).settle is Task.settle or "val" not in parts.feeds:
        return parts
    scored = parts.score(parts.training.network, "val", keep_outputs=True)
    task = parts.task.settle(scored.outputs, targets_of(parts.feeds["val"].samples, scored))
    card = dataclasses.replace(parts.card, task_options=task.options())
    return dataclasses.replace(parts, task=task, card=card)


def _report(folder: Path, planned: Plan, say: Say) -> None:
    """Write report.html; the run is done and good without it, whatever goes wrong with it."""
    from onestop.reporting import gather, write_report  # matplotlib is only loaded here

    card = read_card(folder / MODEL)
    model = Model(planned.network, card).on("cpu", "fp32")
    try:
        write_report(gather(folder, dataset=planned.dataset, model=model, busy=False))
    except Exception as error:  # hours of training must not end in the traceback of a page
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        say(f"warning: no {REPORT} ({why}); try again with: onestop report {folder}")


def _say_what_was_odd(folder: Path, parts: Parts, skipped: list[Skipped], say: Say) -> None:
    """How many images were used, which were not and why, and which were though something is wrong."""
    if skipped:
        train = parts.feeds["train"]
        used, found = len(train.samples) - len(train.pixels.bad), len(train.samples)
        say(
            f"trained on {used:,} of {found:,} images; {plural(len(skipped), 'file')} skipped, "
            f"see {folder / SKIPPED}: {named(skipped)}"
        )
    if odd := [remark for feed in parts.feeds.values() for remark in feed.remarks()]:
        say(f"note: {plural(len(odd), 'file')} read all the same: {named(odd)}")


def _some_of(predictions: Sequence[Prediction], seed: int) -> list[Prediction]:
    """A few predictions to show, chosen by the run's seed."""
    chosen = permutation(key_for(seed, "shown"), len(predictions))[:_SHOWN]
    return [predictions[i] for i in chosen.tolist()]
