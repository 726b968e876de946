"""Improving CIFAR-10 in three cumulative steps, and the gain of each.

LeNet-5 for colour images, SGD 0.1, batch size 128, 15 epochs. Test accuracy on a lossy JPEG copy of
CIFAR-10, medians over seeds 0 to 2, range in brackets (`benchmarks/results/cifar10_steps.md`):

    pixels in [0, 1]                      55.0 % (54.3 to 55.0)
    normalised with computed statistics   59.3 % (58.4 to 61.0)   +4.3 points (+3.4 to +6.7)
    + weight decay 0.0005                 59.8 % (58.4 to 60.4)   +0.0 points (-0.5 to +0.5)
    + learning rate / 10 from epoch 11    61.2 % (61.1 to 63.1)   +2.6 points (+1.4 to +2.7)

Run it: python examples/cifar10.py [SEEDS]
"""

import statistics
import sys
from typing import Any

from at_hand import find_or_digits

import onestop

PLAIN = {
    "model": "lenet5_color", "augment": "none", "val_fraction": 0, "batch_size": 128,
    "optimizer": "sgd", "lr": 0.1, "momentum": 0, "ema": 0, "quiet": True,
    "normalize": "none", "weight_decay": 0, "schedule": "constant", "epochs": 15,
}  # fmt: skip
STEPS: dict[str, dict[str, Any]] = {
    "pixels in [0, 1]": {},
    "normalised with computed statistics": {"normalize": "dataset"},
    "+ weight decay 0.0005": {"weight_decay": 5e-4},
    "+ learning rate / 10 after two thirds": {"schedule": "step"},
}


def main(seeds: str = "1") -> None:
    settings: dict[str, Any] = {**PLAIN, **find_or_digits("cifar10")}
    if settings["source"] == "digits":  # few images: small batches, few epochs
        settings |= {"batch_size": 16, "epochs": 3}
    before: list[float] = []
    for step, change in STEPS.items():
        settings |= change
        if settings["schedule"] == "step":
            settings["step_epochs"] = settings["epochs"] * 2 // 3
        runs = [onestop.train(**settings, seed=seed, name="cifar10") for seed in range(int(seeds))]
        accuracies = [100 * run.metrics["accuracy"] for run in runs]
        low, high = min(accuracies), max(accuracies)
        line = f"{statistics.median(accuracies):.1f} % ({low:.1f} to {high:.1f})"
        # Paired by seed, to remove the variance between seeds.
        if gains := [now - then for now, then in zip(accuracies, before, strict=bool(before))]:
            line += (
                f", {statistics.median(gains):+.1f} points ({min(gains):+.1f} to {max(gains):+.1f})"
            )
        print(f"{step}: {line}")
        before = accuracies
    computed = runs[0].model().preprocessing
    print(f"mean: {computed.mean}, standard deviation {computed.std}")


if __name__ == "__main__":
    main(*sys.argv[1:])
