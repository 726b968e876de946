"""Labels that look wrong: those of a run, and those of a data set by a model that is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from onestop.data.dataset import Dataset
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.errors import ArchitectureError, UsageError
from onestop.inference.held_out import trained_among
from onestop.inference.predictions import targets_of
from onestop.linting.findings import Place
from onestop.linting.label_issues import LabelIssue, LabelIssues, write_label_issues
from onestop.networks.surgery import find_heads
from onestop.runtime.device import cores
from onestop.runtime.rng import key_for, permutation, preserved
from onestop.storage.run_folder import LABEL_ISSUES
from onestop.tasks import TASKS, make_task
from onestop.text import listing
from onestop.training.probe.features import FeatureBank, Features, Watch
from onestop.training.probe.head import head_inputs
from onestop.training.probe.label_issues import label_issues

if TYPE_CHECKING:
    from onestop.inference.model import Model
    from onestop.training.probe.stage import Fitted
    from onestop.training.setup import Session

CHECKED = 100_000
"""Images whose features are computed, at most: of ResNet-18 they take 200 MB."""
_NAMED = 3  # images in a line


def note_label_issues(
    folder: Path, session: Session, bank: FeatureBank, fitted: Fitted, say: Callable[[str], None]
) -> None:
    """Write label_issues.csv of a run: of its training and validation images.

    Args:
        folder: Of the run.
        session: Its network has the features that the head was fitted to.
        bank: Of the training split.
        fitted: The head.
        say: Takes a line about what looks wrong.
    """
    plan, head = session.plan, session.plan.linear_head
    assert head is not None
    banks = {"train": bank}
    if "val" in session.loaders:
        workers = session.recipe.machine.workers
        banks["val"] = FeatureBank(plan.dataset.splits["val"], plan.engine, workers)
    features = {
        split: of.features(session.training.network, head.name, session.preprocessing)
        for split, of in banks.items()
    }
    seed, strength = session.recipe.machine.seed, fitted.chosen.strength
    issues = label_issues(session.task, plan.dataset, features, seed, strength)
    write_label_issues(folder / LABEL_ISSUES, issues.found)
    if issues.found:
        first = listing((issue.text for issue in issues.found), _NAMED)
        note = f" ({issues.note})" if issues.note else ""
        say(f"labels: {issues.text}, see {folder / LABEL_ISSUES}: {first}{note}")


def issues_by(model: Model, dataset: Dataset, watch: Watch) -> LabelIssues:
    """The images of a data set whose label looks wrong, by the features of a model.

    Where no head can be fitted to features, by what the model itself predicts.

    Args:
        model: Any; what it was trained for does not matter, unless its predictions are compared.
        dataset: All of its splits are checked.
        watch: Follows the features.

    Raises:
        UsageError: The model has no last layer whose inputs could be used.
    """
    if not TASKS[dataset.task].curvature:
        return _by_predictions(model, dataset, watch)
    features, images = features_by(model, dataset, watch)
    task = make_task(dataset.task, dataset.classes, {})
    return label_issues(task, dataset, features, 0, images=images)


def _by_predictions(model: Model, dataset: Dataset, watch: Watch) -> LabelIssues:
    """The targets that the predictions of a model contradict."""
    if model.card.task != dataset.task:
        raise UsageError(
            f"--model: targets of {dataset.name} are judged by a model for {dataset.task}, not for "
            f"{model.card.task}; name one that was trained on such data"
        )
    dataset, found, trained = dataset.onto(model.classes), [], 0
    total = sum(map(len, dataset.splits.values()))
    done = checked = 0
    for split, samples in dataset.splits.items():
        scored, loader = model.score(samples, keep_outputs=True)
        done += len(samples)
        watch(done, total)
        if scored.outputs is None:
            continue
        trained += trained_among(model.card, samples, scored.indices)[0]
        checked += len(scored.indices)
        for doubt in model.task.doubts(scored.outputs, targets_of(loader, scored)):
            place = Place(split, scored.indices[doubt.place])
            name = samples.name(place.index)
            issue = LabelIssue(name, doubt.label, doubt.suggested, doubt.score, split)
            found.append((issue, place))
    found.sort(key=lambda pair: -pair[0].score)
    note = f"the model was trained on {trained:,} of the images, whose errors it may repeat"
    issues, places = tuple(i for i, _ in found), tuple(place for _, place in found)
    return LabelIssues(
        issues, places, checked, note if trained else "", of=TASKS[dataset.task].judged
    )


def features_by(model: Model, dataset: Dataset, watch: Watch) -> tuple[dict[str, Features], int]:
    """The features that a model's last layer takes in, by split, and the number of all images.

    Args:
        model: On its device.
        dataset: Of more than `CHECKED` images, as many at random.
        watch: Follows the progress.

    Raises:
        UsageError: The model has no last layer whose inputs could be used.
    """
    head = _head(model)
    total, before = sum(map(len, dataset.splits.values())), 0
    features: dict[str, Features] = {}
    with preserved(), model.engine.applied():
        for split, samples in dataset.splits.items():

            def onwards(done: int, _: int, before: int = before) -> None:
                watch(before + done, min(total, CHECKED))

            bank, some = FeatureBank(samples, model.engine, cores()), _some(samples, total)
            features[split] = bank.features(
                model.network, head, model.preprocessing, some=some, watch=onwards
            )
            before += len(some)
    return features, total


@torch.no_grad()
def _head(model: Model) -> str:
    """The last layer of a model, if it is called once and takes vectors or maps of features."""
    shape = model.preprocessing.shape
    try:
        head = find_heads(model.network, shape)[0]
        inputs = torch.zeros(2, *shape, device=model.engine.device)
        features, _ = head_inputs(model.network, head, inputs, model.engine)
    except ArchitectureError as error:
        raise UsageError(f"--model: {error}; name another one") from None
    if features is None or features.ndim not in (2, 4):
        raise UsageError(
            "--model: its last layer takes no features of whole images; name another one"
        )
    return head


def _some(samples: Samples, total: int) -> Indices:
    """The images of a split whose features are computed: at random, if there are too many."""
    count = len(samples) if total <= CHECKED else len(samples) * CHECKED // total
    return np.sort(permutation(key_for("labels"), len(samples))[:count])
