"""Runs killed at random moments and resumed, beside runs that nobody disturbed.

    python -m tests.reliability.killing --trials 1000

A trial is a process that trains, forked from this one, which has torch loaded already. It is killed
(SIGKILL, nothing can be caught) at a random moment; then another process goes on with its folder and
may be killed in turn, and at last one is left alone. All that the run leaves must have the same SHA-256
as what an undisturbed run left.

By the clock alone hardly any kill would meet what matters: so short a run reads its data and draws its
report for most of the time. So only two in nine moments are drawn evenly from the length of the
undisturbed run; the others follow, by up to a few milliseconds, the beginning of a random save,
evaluation or step, in turn. A state is saved every few steps. The processes note in shared memory what
they are at, which says where kills landed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import mmap
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with helping threads must not be forked

import numpy as np
import torch
from PIL import Image

import onestop
import onestop.jobs.run
import onestop.training.checkpointer
from onestop.storage.container import unpacked
from onestop.storage.run_folder import EPOCHS, INFO, METRICS, MODEL, PREDICTIONS, STATE, is_run
from onestop.training.checkpointer import Checkpointer
from onestop.training.setup import Session
from tests.objects_made import write_coco
from tests.reliability.card import tried

PLACES = (
    "before the first state",
    "in a step",
    "in an evaluation",
    "in a save",
    "after the last step",
)
_BEFORE, _STEP, _EVALUATION, _SAVE, _AFTER = range(5)
_WALL_CLOCK = {"seconds", "images_per_second", "waiting", "scoring"}
_MANY = 300  # kills; of fewer, shares are left to chance
_FEW = 60  # kills; of fewer, one may have been the only one at a place
_AIMS = (None, _SAVE, _EVALUATION, _BEFORE, _STEP, _SAVE, None, _STEP, _SAVE)  # None: by the clock
_WITHIN = 0.003  # seconds between the beginning that was aimed at and the kill
_SAVE_EVERY = 0.006  # seconds
_LOOK = 0.0005  # seconds between two looks at where a process is

_READ_ANEW: dict[str, Any] = {"augment": "resized-crop", "cache": "none"}  # in every epoch
RECIPES: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "adamw, average": {"optimizer": "adamw", "ema": 0.9, "lr": 0.002},
    "mixup": {"optimizer": "sgd", "mixup": 0.2, "label_smoothing": 0.1},
    "accumulation, clipping": {"optimizer": "adam", "lr": 0.002, "accumulate": 2, "clip_grad": 1.0},
    "frozen backbone, then not": {"freeze": "backbone", "unfreeze_after": 1},
    "bf16": {"precision": "bf16", "memory_format": "channels-last", "ema": 0.9},
    "no thread that reads": {**_READ_ANEW, "workers": 0, "auto_augment": "trivial"},
    "two threads that read": {**_READ_ANEW, "workers": 2, "erase": 0.5, "balance": "loss"},
    "BatchNorm after few steps": {"model": "resnet20", "image_size": 8, "ema": 0.9},
    "a probe, then all of it": {"weights": "first", "freeze": "none", "ema": 0.9},
    "a probe alone": {"weights": "first", "epochs": 0},
    "a probe of several labels": {"source": "labels.csv", "weights": "first", "epochs": 3},
    "several labels": {"source": "labels.csv", "cutmix": 0.5, "balance": "loss", "ema": 0.9},
    "boxes and masks": {
        "source": "../objects",
        "model": "rcnn16:airbench_small",
        "image_size": 64,
        "batch_size": 2,
        "ema": 0.9,
        "augment": "flip",
    },
}
_COMMON: dict[str, Any] = {
    "model": "lenet5_color", "image_size": 32, "epochs": 2, "batch_size": 8, "threads": 1,
    "workers": 0, "val_fraction": 0.6,
}  # fmt: skip


@dataclass
class Outcome:
    """What trials came to."""

    trials: int = 0
    kills: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    by_recipe: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def too_few(self) -> list[str]:
        """The places that chance met too seldom for the trials to say much of them.

        Even a few kills must have met each, of some dozens two or more; of many, 15 % a save, 5 % an
        evaluation and the time before the first state.
        """
        least = {_BEFORE: 0.05, _EVALUATION: 0.05, _SAVE: 0.15} if self.kills >= _MANY else {}
        return [
            f"too few kills {PLACES[place]}"
            for place in (_BEFORE, _STEP, _EVALUATION, _SAVE)
            if self.landed[PLACES[place]]
            < max(1 if self.kills < _FEW else 2, least.get(place, 0) * self.kills)
        ]

    def lines(self) -> list[str]:
        """What a reader wants to know."""
        places = ", ".join(
            f"{self.landed[place]} ({self.landed[place] / max(1, self.kills):.0%}) {place}"
            for place in PLACES
        )
        return [
            f"{self.trials} trials over {len(self.by_recipe)} recipes, {self.kills} kills, "
            f"{len(self.failures)} failures, {self.seconds:.0f} s",
            f"kills landed: {places}",
            *self.failures,
        ]


class _Place:
    """What a process is at and how often it began each, in memory that its parent sees."""

    def __init__(self) -> None:
        self._memory = np.frombuffer(mmap.mmap(-1, 8 * (1 + len(PLACES))), dtype=np.int64)

    def get(self) -> int:
        return int(self._memory[0])

    def begun(self, place: int) -> int:
        return int(self._memory[1 + place])

    def set(self, place: int) -> None:
        self._memory[0] = place
        self._memory[1 + place] += 1

    def clear(self) -> None:
        self._memory[:] = 0
        self.set(_BEFORE)

    def around(self, place: int, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*words: Any, **options: Any) -> Any:
            before = self.get()
            self.set(place)
            try:
                return function(*words, **options)
            finally:
                self.set(before if before != _BEFORE or place != _SAVE else _STEP)

        return noted


def run_trials(
    trials: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Kill and resume so many runs; `seed` decides recipes and moments."""
    rng, outcome, place = np.random.default_rng(seed), Outcome(), _Place()
    photos = _photos(folder / "photos")
    write_coco(folder / "objects", {"train": 6, "val": 2})
    whole: dict[str, _Whole] = {}
    begun = time.monotonic()
    # Once in this process, which then has all modules that those forked from it would import.
    once = {**_COMMON, "epochs": 1, "batch_size": 64, "out": folder, "quiet": True}
    onestop.train(photos, **once, freeze="backbone", auto_augment="trivial", **_READ_ANEW)
    first = onestop.train(photos, **once)
    if trials >= len(RECIPES):
        onestop.train(out=folder, quiet=True, **_options(folder, "boxes and masks", first.folder))
    for number in range(trials):
        name = list(RECIPES)[number % len(RECIPES)]
        options = _options(folder, name, first.folder)
        if name not in whole:
            whole[name] = _undisturbed(folder / f"whole-{number}", options, place)
        outcome.trials += 1
        outcome.by_recipe[name] += 1
        try:
            found = _killed(folder / f"trial-{number}", options, whole[name], rng, place, outcome)
        except AssertionError as error:
            found = f"no end: {error}"
        if found != whole[name].digest:
            outcome.failures.append(
                f"FAILED: trial {number} (seed {seed}), recipe {name!r}: {found}"
            )
        if number % 50 == 49:
            say(f"{number + 1} trials, {len(outcome.failures)} failures")
    outcome.seconds = time.monotonic() - begun
    return outcome


def _options(folder: Path, name: str, first: Path) -> dict[str, Any]:
    """The settings of a recipe, whose images lie in `folder`; `first` is a run to start from."""
    source = folder / "photos" / RECIPES[name].get("source", "")
    options = {**_COMMON, **RECIPES[name], "source": str(source)}
    return options | ({"weights": str(first)} if options.get("weights") == "first" else {})


class _Whole(NamedTuple):
    """A run that nobody disturbed: what it left, and how often it began each place."""

    digest: str
    seconds: float
    before: float  # seconds until the first state
    begun: list[int]


def _undisturbed(out: Path, options: dict[str, Any], place: _Place) -> _Whole:
    start = time.monotonic()
    pid = _begin(out, options, place)
    _wait(pid, lambda: place.get() != _BEFORE)
    before = time.monotonic() - start
    assert _end_of(pid) == 0, "the undisturbed run failed"
    begun = [place.begun(each) for each in range(len(PLACES))]
    return _Whole(fingerprint(_run_folder(out)), time.monotonic() - start, before, begun)


def _wait(pid: int, until: Callable[[], bool]) -> None:
    """Wait until something is so, or a process has ended."""
    while not until() and _runs(pid):
        time.sleep(_LOOK)


def _runs(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _killed(
    out: Path, options: dict[str, Any], whole: _Whole, rng: np.random.Generator, place: _Place,
    outcome: Outcome,
) -> str:  # fmt: skip
    """Begin a run, kill it one to three times, let it end; the fingerprint of what it left."""
    for _ in range(1 + int(rng.integers(0, 3))):
        pid = _begin(out, options, place)
        _wait_for_moment(pid, _AIMS[outcome.kills % len(_AIMS)], whole, rng, place)
        os.kill(pid, signal.SIGKILL)
        if _end_of(pid) == 0:  # it was faster
            break
        outcome.kills += 1
        outcome.landed[PLACES[place.get()]] += 1
    code = _end_of(_begin(out, options, place))
    assert code == 0, f"the last process ended with {code}"
    return fingerprint(_run_folder(out))


def _wait_for_moment(
    pid: int, aim: int | None, whole: _Whole, rng: np.random.Generator, place: _Place
) -> None:
    if aim is None:
        time.sleep(float(rng.uniform(0, whole.seconds)))
        return
    times = int(rng.integers(1, whole.begun[aim] + 1))
    _wait(pid, lambda: place.begun(aim) >= times)
    time.sleep(float(rng.uniform(0, whole.before if aim == _BEFORE else _WITHIN)))


def _begin(out: Path, options: dict[str, Any], place: _Place) -> int:
    """A process that trains in `out`, or goes on with the run that is there."""
    place.clear()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _note_places(place)
        onestop.training.checkpointer.EVERY = _SAVE_EVERY
        runs = [path for path in out.glob("*") if is_run(path)] if out.exists() else []
        if runs:
            onestop.train(resume=runs[0], quiet=True)
        else:
            onestop.train(out=out, quiet=True, **options)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _note_places(place: _Place) -> None:
    Checkpointer.save = place.around(_SAVE, Checkpointer.save)  # type: ignore[method-assign]
    Session.score = place.around(_EVALUATION, Session.score)  # type: ignore[method-assign]
    for name in ("finish", "_report"):
        function = getattr(onestop.jobs.run, name)
        setattr(onestop.jobs.run, name, place.around(_AFTER, function))


def _end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run_folder(out: Path) -> Path:
    return next(path for path in sorted(out.iterdir()) if is_run(path))


def fingerprint(run: Path) -> str:
    """SHA-256 of all that a run left, but for what a clock measured."""
    found = hashlib.sha256()
    for path in (run / MODEL, max((run / STATE).glob("step-*"))):
        tensors = unpacked(path).tensors
        for name in sorted(tensors):
            found.update(name.encode())
            found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    with (run / EPOCHS).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.update(repr([(k, v) for k, v in row.items() if k not in _WALL_CLOCK]).encode())
    figures = json.loads((run / METRICS).read_text())
    kept = {k: v for k, v in figures.items() if k not in _WALL_CLOCK}
    found.update(json.dumps(kept, sort_keys=True).encode())
    found.update((run / PREDICTIONS).read_bytes())
    info = json.loads((run / INFO).read_text())
    info["notes"] = [note for note in info["notes"] if "could not save" not in note]
    found.update(json.dumps(info, sort_keys=True).encode())
    return found.hexdigest()


def _photos(root: Path) -> Path:
    """A folder of two classes, and a table in it that gives their images up to three labels each."""
    rng = np.random.default_rng(0)
    rows = ["path,labels"]
    for place, name in enumerate(("red", "blue")):
        (root / name).mkdir(parents=True)
        for number in range(150):
            pixels = rng.integers(0, 120, (40, 48, 3), dtype=np.uint8)
            pixels[..., 2 * place] += 100
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
            labels = [name, *(f"every {k}th" for k in (3, 5) if number % k == 0)]
            rows.append(f"{name}/{number}.jpg,{'|'.join(labels) if number % 7 else ''}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


def main() -> int:
    """Run trials; 1 where any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    words = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(f"seed {words.seed}", flush=True)
        outcome = run_trials(words.trials, words.seed, Path(folder), lambda t: print(t, flush=True))
    print("\n".join([*outcome.lines(), *outcome.too_few()]))
    if not outcome.failures:
        places, runs = outcome.lines()[1], f"{outcome.trials:,} runs, {outcome.kills:,} kills"
        tried("runs killed at random moments and resumed, thirteen recipes", f"{runs}; {places}")
    return 1 if outcome.failures or outcome.too_few() else 0


if __name__ == "__main__":
    sys.exit(main())
