"""`onestop train`: from a source of images to a run folder with a trained model.

Imports of torch stand inside the functions: a usage error must not wait for them.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.config import (
    Layer,
    Settings,
    check_name,
    check_setting,
    read_recipe,
    refuse_useless,
    settings,
    write_recipe,
)
from onestop.errors import (
    DataError,
    InterruptedRun,
    NonFiniteLossError,
    UsageError,
    listing,
)
from onestop.recipe import FIELDS, Recipe, field_docs, field_types
from onestop.results import Run
from onestop.runs import (
    EPOCHS,
    LOG,
    METRICS,
    PREDICTIONS,
    RECIPE,
    SKIPPED,
    STATE,
    EpochsFile,
    create_run,
    csv_text,
    is_run,
    lock_run,
    write_atomic,
)

if TYPE_CHECKING:
    from onestop.assembly import Parts, Plan
    from onestop.data.dataset import Dataset
    from onestop.display.progress import Watcher
    from onestop.inference import Scored
    from onestop.networks.catalog import Entry

# What may differ when a run goes on: none of these changes a step that was taken.
_MAY_CHANGE = ("epochs", "patience", "workers", "data_root")
_SAVE_SECONDS = 600.0  # within a long epoch the state is saved this often
_SHOWN = 8  # held-out images whose predictions are shown at the end


def train(
    source: Any = None,
    *,
    recipe: str | Path | None = None,
    resume: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    quiet: bool = False,
    **given: Any,
) -> Run:
    """Train a network on images, or go on with a run.

    Where SOURCE is the folder of an earlier run, that run goes on where it stopped; with a larger
    number of epochs a finished run is extended.

    Args:
        source: what to train on: `digits`, a torchvision set by name (mnist, cifar10, ...), a
            folder of classes, a folder with train/ val/ test/, a CSV or Parquet table of paths and
            labels, or the folder of a run to go on with; in Python also arrays, torch data sets,
            or a mapping of splits to these (default: digits)
        recipe: YAML file of settings; flags count more than its lines
        resume: folder of a run to go on with, the same as naming it as SOURCE
        out: folder that holds the runs
        name: name of the run's folder in it; -2, -3, ... is added where it exists (default:
            source-network)
        quiet: no progress
        given: any field of `onestop.Recipe`

    Returns:
        The run: its folder, metrics and model.

    Raises:
        OneStopError: A wrong setting or source, before any work; or what stopped the run.
    """
    checked = _checked(given)
    if resume is None and isinstance(source, str | Path) and is_run(source):
        source, resume = None, source
    if resume is not None:
        if name is not None or str(out) != "runs":
            raise UsageError(f"{resume}: a run goes on in its own folder; drop --out and --name")
        return _go_on(Path(resume), source, recipe, checked, quiet=quiet)
    chosen, dataset, entry = _resolve(source, recipe, checked)

    from onestop.assembly import plan

    planned = plan(chosen.recipe, entry, dataset)
    folder = create_run(out, name or _default_name(chosen.recipe.source, entry.name))
    with lock_run(folder):
        write_atomic(folder / RECIPE, write_recipe(chosen.recipe))
        return _run(folder, planned, quiet=quiet)


def resolve(source: Any = None, *, recipe: str | Path | None = None, **given: Any) -> Settings:
    """Every value `train` would use, where it came from, and why derived ones are what they are.

    Args:
        source: As `train` takes it, also the folder of a run.
        recipe: YAML file of settings.
        given: Any field of `onestop.Recipe`.
    """
    if isinstance(source, str | Path) and is_run(source):
        return settings(("recipe", read_recipe(Path(source) / RECIPE)), ("flag", _checked(given)))
    return _resolve(source, recipe, _checked(given))[0]


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their right names, checked; None leaves a setting as it is."""
    checked: dict[str, Any] = {}
    for spelled, value in given.items():
        name = check_name(spelled, FIELDS, f"--{spelled.replace('_', '-')}")
        if value is not None:
            checked[name] = check_setting(name, value)
    return checked


def _resolve(
    source: Any, recipe: str | Path | None, given: dict[str, Any]
) -> tuple[Settings, Dataset, Entry]:
    layers: list[tuple[Layer, Mapping[str, object]]] = []
    if recipe is not None:
        layers.append(("file", read_recipe(recipe)))
    data = source
    if isinstance(source, str | Path):
        given = {**given, "source": str(source)}
    layers.append(("flag", given))
    chosen = settings(*layers)
    refuse_useless(chosen)
    if source is None or isinstance(source, str | Path):
        data = chosen.recipe.source

    from onestop.data import open_data
    from onestop.data.dataset import facts
    from onestop.data.sources.python import NAME
    from onestop.defaults import derive

    values = chosen.recipe
    dataset = open_data(
        data, root=values.data_root, val_fraction=values.val_fraction, seed=values.seed
    )
    if data is not values.source:
        chosen = settings(*layers, ("flag", {"source": NAME}))
    chosen, entry = derive(chosen, facts(dataset))
    return chosen, dataset, entry


def _default_name(source: str, network: str) -> str:
    plain = "" if source.startswith("(") else Path(source).stem
    plain = "".join(c for c in plain if c.isalnum() or c in "-_.").strip(".-")
    return f"{plain or 'data'}-{Path(network.partition('.py:')[2] or network).name}"


def _go_on(
    folder: Path, source: Any, recipe: str | Path | None, given: dict[str, Any], *, quiet: bool
) -> Run:
    """Go on with a run from its newest state, or from the start where it has none."""
    if not is_run(folder):
        raise UsageError(f"{folder}: is no run (no {RECIPE} in it); name a folder below runs/")
    if recipe is not None:
        raise UsageError(f"--recipe {recipe}: a run goes on with its own; start a new run instead")
    stored = read_recipe(folder / RECIPE)
    for name, value in given.items():
        if name not in _MAY_CHANGE and value != stored[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} {value}: {folder} runs with {stored[name]}; only "
                f"{listing(_MAY_CHANGE)} may change; for anything else start a new run, "
                f"with --weights {folder} to start from its weights"
            )
    chosen = settings(("recipe", stored), ("flag", given)).recipe

    from onestop.assembly import plan
    from onestop.data import open_data
    from onestop.data.sources.python import NAME
    from onestop.networks import find

    if source is None and chosen.source == NAME:
        raise UsageError(
            f"{folder}: was trained on data given in Python; give it again: "
            f"onestop.train(data, resume={str(folder)!r})"
        )
    dataset = open_data(
        chosen.source if source is None else source,
        root=chosen.data_root, val_fraction=chosen.val_fraction, seed=chosen.seed,
    )  # fmt: skip
    planned = plan(chosen, find(chosen.model or ""), dataset)
    with lock_run(folder):
        _refuse_fewer(folder, chosen.epochs or 0)
        write_atomic(folder / RECIPE, write_recipe(chosen))
        return _run(folder, planned, quiet=quiet)


def _refuse_fewer(folder: Path, epochs: int) -> None:
    from onestop.state import newest_state, read_about

    state = newest_state(folder / STATE)
    if state is not None and epochs < (done := read_about(state)["done"]):
        raise UsageError(f"--epochs {epochs}: {folder} has done {done} already; ask for more")


def _run(folder: Path, planned: Plan, *, quiet: bool) -> Run:
    """Train in a folder that this process holds, from whatever state is there."""
    from onestop.assembly import assemble
    from onestop.display.progress import Watcher
    from onestop.randomness import preserved
    from onestop.signals import Stop

    watcher = Watcher(quiet=quiet)
    watcher.log = folder / LOG
    watcher.say(f"run folder: {folder.resolve()}")
    for line in (*(f"note: {note}" for note in planned.dataset.notes), *planned.said):
        watcher.say(line)
    with preserved(), planned.engine.applied(), Stop() as stop:
        parts = assemble(planned)
        _restore(folder, parts)
        watcher.say(_summary(parts))
        with watcher:
            _learn(folder, parts, watcher, stop)
        return _finish(folder, parts, watcher)


def _summary(parts: Parts) -> str:
    from onestop.networks import count_parameters

    recipe, sizes = parts.recipe, {name: len(s) for name, s in parts.dataset.splits.items()}
    counts = ", ".join(f"{sizes[n]:,} {n}" for n in ("train", "val", "test") if n in sizes)
    classes = f"{len(parts.dataset.classes)} classes, " if parts.dataset.classes else ""
    weights = count_parameters(parts.training.network)
    begun = parts.training.progress.step
    return (
        f"{parts.dataset.name}: {classes}{counts}; {parts.entry.name}, {weights:,} parameters, on "
        f"{recipe.device} in {recipe.precision}; {recipe.epochs} epochs of batch {recipe.batch_size}"
        + (f"; going on after step {begun:,}" if begun else "")
    )


def _restore(folder: Path, parts: Parts) -> None:
    from onestop.state import newest_state, read_about, restore_state

    path, progress = newest_state(folder / STATE), parts.training.progress
    if path is None:
        return
    about = read_about(path)
    if about["data"] != parts.card.data["fingerprint"]:
        raise DataError(
            f"{parts.dataset.name}: has changed since {folder} was begun; put the old images back, "
            f"or start a new run with --weights {folder}"
        )
    restore_state(path, parts.training)
    if (parts.recipe.epochs or 0) > about["epochs"]:
        progress.stopped_early = False


def _learn(folder: Path, parts: Parts, watcher: Watcher, stop: Any) -> None:
    """Run the loop; write what each epoch gave, and the state so that nothing is lost."""
    from onestop.loop import Epoch, train_loop
    from onestop.state import save_state

    training, recipe = parts.training, parts.recipe
    rows = EpochsFile(folder / EPOCHS, keep_epochs=training.progress.epoch)
    about = {"data": parts.card.data["fingerprint"], "epochs": recipe.epochs, "done": 0}
    saved = time.monotonic()
    loop = train_loop(
        training, parts.task, parts.feeds["train"], recipe, parts.engine, parts.evaluate()
    )
    try:
        for record in loop:
            watcher.show(record, recipe.epochs or 0)
            if isinstance(record, Epoch):
                rows.append(record.row)
                if record.best:
                    _write_model(folder, parts, record.row)
            if isinstance(record, Epoch) or stop.wanted or time.monotonic() - saved > _SAVE_SECONDS:
                about["done"] = training.progress.epoch
                save_state(folder / STATE, training, about)
                saved = time.monotonic()
            if stop.wanted and not training.progress.finished(recipe.epochs or 0):
                raise InterruptedRun(
                    f"stopped after step {training.progress.step:,}, state saved; go on with: "
                    f"onestop train {folder}",
                    stop.exit_code,
                )
    except NonFiniteLossError as error:
        raise NonFiniteLossError(_keep_finite(folder, parts, str(error))) from None
    finally:
        loop.close()


def _write_model(folder: Path, parts: Parts, metrics: Mapping[str, Any]) -> None:
    from onestop.modelfile import write_model
    from onestop.runs import MODEL

    card = dataclasses.replace(parts.card, metrics=dict(metrics))
    network = parts.training.scored
    write_model(folder / MODEL, network.state_dict(), card)


def _keep_finite(folder: Path, parts: Parts, problem: str) -> str:
    """See that the run has a model of finite weights, and say what can be done."""
    import torch

    from onestop.runs import MODEL
    from onestop.state import newest_state, restore_state

    weights = parts.training.scored.state_dict().values()
    finite = all(bool(torch.isfinite(t).all()) for t in weights if t.is_floating_point())
    state = newest_state(folder / STATE)
    if not finite and state is not None:
        restore_state(state, parts.training)
        finite = True
    if finite and not (folder / MODEL).exists():
        _write_model(folder, parts, {})
    kept = (
        f"finite weights are kept in {folder / MODEL}" if (folder / MODEL).exists() else "none kept"
    )
    return f"{problem}; {kept}; lower --lr (now {parts.recipe.lr:g}) or set --clip-grad 1"


def _finish(folder: Path, parts: Parts, watcher: Watcher) -> Run:
    """Score the best network once on held-out images and write the final files."""
    from onestop.assembly import held_out, kept_model
    from onestop.inference import score

    network, split = parts.training.network, held_out(parts)
    network.load_state_dict(kept_model(folder))
    feed = parts.feeds[split]
    scored = score(network, parts.task, feed, parts.engine, keep_outputs=True)
    rows = EpochsFile.read(folder / EPOCHS)
    progress = parts.training.progress
    speeds = sorted(float(row["images_per_second"]) for row in rows)
    skipped = [*parts.dataset.skipped, *(s for f in parts.feeds.values() for s in f.skipped())]
    metrics = {
        "split": split,
        **scored.metrics,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "seconds": progress.seconds,
        "images_per_second": speeds[len(speeds) // 2],
        "seed": parts.recipe.seed,
        "skipped": len(skipped),
    }
    parts.training.average = None
    _write_model(folder, parts, metrics)
    write_atomic(folder / METRICS, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    examples = _predictions(folder, parts, feed, scored)
    write_atomic(
        folder / SKIPPED,
        csv_text(("path", "reason"), [dataclasses.asdict(s) for s in skipped], header=True),
    )
    if skipped:
        named = listing((f"{s.path} ({s.reason})" for s in skipped), 3)
        files = "file" if len(skipped) == 1 else "files"
        watcher.say(f"{len(skipped)} {files} skipped, see {folder / SKIPPED}: {named}")
    if split == "train":
        watcher.say("note: no images were held out; the figures are of the training images")
    return Run(folder, examples)


def _predictions(folder: Path, parts: Parts, feed: Any, scored: Scored) -> list[dict[str, Any]]:
    """Write predictions.csv; returns a few rows to show."""
    import numpy as np

    from onestop.randomness import key_for, permutation

    assert scored.outputs is not None
    targets = np.asarray(feed.samples.targets)
    rows = []
    for index, guesses in zip(scored.indices, parts.task.decode(scored.outputs, 1), strict=True):
        truth = parts.task.truth(float(targets[index]))
        rows.append({
            "image": feed.samples.name(index),
            "truth": truth,
            "predicted": guesses[0].label,
            "score": f"{guesses[0].score:.6g}",
            "correct": int(guesses[0].label == truth) if parts.dataset.classes else "",
        })  # fmt: skip
    columns = ("image", "truth", "predicted", "score", "correct")
    write_atomic(folder / PREDICTIONS, csv_text(columns, rows, header=True))
    chosen = permutation(key_for(parts.recipe.seed, "shown"), len(rows))[:_SHOWN]
    return [rows[i] for i in chosen.tolist()]


def _public_signature() -> inspect.Signature:
    """The signature a person sees: the named arguments, then every field of the recipe."""
    own = inspect.signature(train, eval_str=False)
    named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    defaults = {field.name: field.default for field in dataclasses.fields(Recipe)}
    fields = [
        inspect.Parameter(
            field, inspect.Parameter.KEYWORD_ONLY, default=defaults[field],
            annotation=field_types()[field],
        )
        for field in FIELDS
        if field != "source"
    ]  # fmt: skip
    return own.replace(parameters=[*named, *fields])


def _public_doc() -> str:
    fields = "\n".join(
        f"        {name}: {text}" for name, text in field_docs().items() if name != "source"
    )
    return (train.__doc__ or "").replace("        given: any field of `onestop.Recipe`", fields)


train.__signature__ = _public_signature()  # type: ignore[attr-defined]
train.__doc__ = _public_doc()
