"""How the loss behaves in the first steps with the derived rate, for networks of the catalogue.

    python benchmarks/first_steps.py SOURCE --models cnn1:64 resnet18:64 lenet5

Of up to `--steps` steps: the first loss, the largest relative to it, and the largest that ten losses in
a row stayed above, relative to the larger of 1 and the first.
"""

from __future__ import annotations

import argparse
import itertools
import time

import torch

from onestop.errors import OneStopError
from onestop.jobs.planning import plan_new
from onestop.training.loop import fit
from onestop.training.records import StepRecord
from onestop.training.setup import set_up


def losses(words: argparse.Namespace, model: str, seed: int) -> tuple[list[float], float, str]:
    """The losses of the first steps, the rate, and what ended them."""
    name, _, size = model.partition(":")
    settings = {"model": name, "threads": 1, "seed": seed} | (
        {"image_size": int(size)} if size else {}
    )
    session = set_up(plan_new(words.source, None, settings, None, settle=False)[0])
    phases, found, begun = session.phases(evaluate=False), list[float](), time.perf_counter()
    loop = fit(session.training, session.task, phases, session.step, session.goal, session.rate)
    rate = session.recipe.optim.lr
    try:
        for record in loop:
            if isinstance(record, StepRecord):
                found.append(float(record.loss))
            if len(found) == words.steps or time.perf_counter() - begun > words.seconds:
                break
    except OneStopError as error:
        return found, rate, str(error)
    return found, rate, ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--models", nargs="+", default=["cnn1:64"])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=90.0)
    words = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | rate | steps | first loss | largest | ten in a row | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model, seed in itertools.product(words.models, range(words.seeds)):
        found, rate, end = losses(words, model, seed)
        rows = [min(found[i : i + 10]) for i in range(len(found) - 9)] or [0.0]
        numbers = (found[0], max(found) / found[0], max(rows) / max(1.0, found[0]))
        cells = (model, f"{rate:g}", len(found), *(f"{x:.3g}" for x in numbers), end)
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
