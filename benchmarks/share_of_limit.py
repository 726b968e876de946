"""Speed of the training loop relative to the bare limit: alternating steps of both, in one process.

The loop is that of `onestop train`, with its images, augmentation, metrics and records. The bare limit
is a second copy of the same network with the same optimizer and arithmetic on one batch in memory: only
forward, loss, backward and step. Since the machine's speed varies, a few seconds of one always
alternate with a few seconds of the other, and the ratio of each pair is reported.

python benchmarks/share_of_limit.py --root CIFAR [--photographs FOLDER]
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from compare import heading, spread, write
from ways import bare_step, cifar

TITLE = "The training loop compared with the bare limit"


@dataclass(frozen=True)
class Job:
    """A recipe, and the number of steps that take one or two seconds."""

    title: str
    steps: int
    photographs: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)


_SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "ema": 0, "schedule": "constant"}
_SMALL = {"augment": "flip-crop", "normalize": "half"}
_LARGE = {
    "image_size": 224, "batch_size": 32, "augment": "resized-crop", "normalize": "imagenet",
}  # fmt: skip
JOBS = {
    "lenet_8": Job(
        "LeNet-5, batch 8, Adam, flip and crop", 800,
        recipe={
            "model": "lenet5_max", "batch_size": 8, "optimizer": "adam", "lr": 0.001, "ema": 0,
            "weight_decay": 0, "schedule": "constant", **_SMALL,
        },
    ),
    "resnet20_32": Job(
        "ResNet-20 at 32, batch 128, flip and crop", 12,
        recipe={"model": "resnet20", "batch_size": 128, **_SGD, **_SMALL},
    ),
    "resnet18_32": Job(
        "ResNet-18 at 32, batch 128, flip and crop", 12,
        recipe={
            "model": "torchvision:resnet18", "image_size": 32, "batch_size": 128, **_SGD, **_SMALL,
        },
    ),
    "resnet18_224": Job(
        "ResNet-18 at 224, batch 32, random resized crops of JPEG photographs", 3, photographs=True,
        recipe={"model": "torchvision:resnet18", **_SGD, **_LARGE},
    ),
}  # fmt: skip


def main() -> None:
    """Measure every task with available images."""
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--root", required=True, help="folder of CIFAR-10: train/ and test/")
    parser.add_argument("--photographs", help="folder with train/ and val/")
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--rounds", type=int, default=15, help="pairs per task (default: 15)")
    parser.add_argument("--no-write", action="store_true", help="do not write to results/")
    words = parser.parse_args()
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    heads = ["task", "relative to the limit", "loop, images/s", "limit, images/s"]
    note = f"{words.rounds} pairs per task; medians, range in brackets."
    lines = heading(TITLE, note, heads)
    for name in words.jobs:
        job = JOBS[name]
        if job.photographs and not words.photographs:
            print(f"{name}: skipped, needs --photographs")
            continue
        source = words.photographs if job.photographs else _arrays(words.root)
        loop, limit = measure(job, source, words.rounds)
        shares = [a / b for a, b in zip(loop, limit, strict=True)]
        lines.append(
            f"| {name}: {job.title} | {spread(shares, '.0%')} | {spread(loop, ',.0f')} "
            f"| {spread(limit, ',.0f')} |"
        )
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    if not words.no_write:
        write("share_of_limit", text)


def _arrays(root: str) -> dict[str, Any]:
    images = cifar(root, None, 100)
    return {"train": images["train"], "val": images["test"]}


def measure(job: Job, source: Any, rounds: int) -> tuple[list[float], list[float]]:
    """Images per second of the loop and of the bare limit, for each pair."""
    from onestop.data import open_data
    from onestop.display.progress import Watcher
    from onestop.networks import find
    from onestop.training.loop import fit
    from onestop.training.plan import plan
    from onestop.training.records import StepRecord
    from onestop.training.setup import set_up
    from onestop.verbs.train import resolve

    resolved = resolve(source, epochs=10_000, seed=0, **job.recipe).recipe
    dataset = open_data(source, val_fraction=resolved.data.val_fraction, seed=0)
    session = set_up(plan(resolved, find(resolved.network.model), dataset))
    watcher = Watcher(quiet=True)

    def watched() -> Iterator[Any]:
        phases = session.phases(evaluate=False)
        for record in fit(
            session.training, session.task, phases, session.step, session.goal, session.rate
        ):
            watcher.show(record, 1)
            if isinstance(record, StepRecord):
                yield record

    records, bare = watched(), _bare(session)

    def loop_step() -> None:
        next(records)

    with session.plan.engine.applied():
        measured: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds + 1):
            for speeds, step in zip(measured, (loop_step, bare), strict=True):
                speed = resolved.optim.batch_size * job.steps / _seconds(step, job.steps)
                if number:  # the first round is a warm-up
                    speeds.append(speed)
    return measured


def _bare(session: Any) -> Callable[[], None]:
    """A bare step on a copy of the network and one batch."""
    import torch

    from onestop.optim.optimizers import optimizer_for

    network, engine = copy.deepcopy(session.training.network).train(), session.plan.engine
    optimizer = optimizer_for(session.recipe.optim, network)
    batch = session.recipe.optim.batch_size
    inputs = engine.place_inputs(torch.randn(batch, *session.preprocessing.shape))
    targets = torch.arange(batch) % len(session.plan.dataset.classes)

    return bare_step(network, optimizer, engine, inputs, targets)


def _seconds(step: Callable[[], None], count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        step()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
