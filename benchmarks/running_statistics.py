"""What running statistics of few steps cost: each epoch scored with them, and with those computed anew.

    python benchmarks/running_statistics.py SOURCE --model mobilenet_v3_large --image-size 64 --epochs 3

Everything else is as `onestop train` derives it; the split that is scored is the test split if there is
one, else the validation split. In the columns: share of the initial statistics that is left in the
network that is scored; accuracy and loss with the statistics of training; computed anew.
"""

from __future__ import annotations

import argparse
import dataclasses

import torch

from onestop.jobs.planning import plan_new
from onestop.training.loop import fit
from onestop.training.records import EpochRecord
from onestop.training.setup import Session, held_out, set_up


def lines(words: argparse.Namespace, seed: int) -> list[str]:
    """A row of the table for each epoch."""
    settings = {"model": words.model, "image_size": words.image_size, "epochs": words.epochs}
    settings = {**settings, "seed": seed, "threads": 1}
    session = set_up(plan_new(words.source, None, settings, None, settle=False)[0])
    training, statistics = session.training, session.training.statistics
    assert statistics is not None
    slowest = max(statistics.layers, key=lambda layer: layer.trusted_from)
    plain = dataclasses.replace(training, statistics=None)  # else it is computed anew by itself
    rows = []
    phases = session.phases(evaluate=False)
    for record in fit(plain, session.task, phases, session.step, session.goal, session.rate):
        if isinstance(record, EpochRecord):
            step = plain.progress.step
            now = scored(session, plain.averaged)
            anew = scored(session, statistics._anew(plain.averaged, step))  # noqa: SLF001
            left = slowest.pace.left_after(step)
            row = (seed, record.epoch, step, f"{100 * left:.3g} %", now, anew)
            rows.append("| " + " | ".join(map(str, row)) + " |")
    return rows


def scored(session: Session, network: torch.nn.Module) -> str:
    """Accuracy and loss on the held-out images."""
    metrics = session.score(network, held_out(session)).metrics
    return f"{metrics['accuracy']:.1%}, {metrics['loss']:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--model", default="mobilenet_v3_large")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    words = parser.parse_args()
    torch.set_num_threads(1)
    print("| seed | epoch | steps | initial | of training | computed anew |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed in range(words.seeds):
        print("\n".join(lines(words, seed)), flush=True)


if __name__ == "__main__":
    main()
