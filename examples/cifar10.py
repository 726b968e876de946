"""CIFAR-10, and how to improve it: three steps, each on top of the one before, and what they gain.

LeNet-5 for colour images, SGD 0.1, batches of 128, 15 epochs. Test accuracy on a lossy JPEG copy of
CIFAR-10, medians over seeds 0 to 2, least to most in brackets (`benchmarks/results/cifar10_steps.md`):

    pixels in [0, 1]                      55.0 % (54.3 to 55.0)
    normalised with computed statistics   59.3 % (58.4 to 61.0)   +4.3 points (+3.4 to +6.7)
    + weight decay 0.0005                 59.8 % (58.4 to 60.4)   +0.0 points (-0.5 to +0.5)
    + a tenth of the rate from epoch 11   61.2 % (61.1 to 63.1)   +2.6 points (+1.4 to +2.7)

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
    "+ a tenth of the rate after two thirds": {"schedule": "step"},
}


def main(seeds: str = "1") -> None:
    settings: dict[str, Any] = {**PLAIN, **find_or_digits("cifar10")}
    if settings["source"] == "digits":  # few images: small batches, soon done
        settings |= {"batch_size": 16, "epochs": 3}
    before: list[float] = []
    for step, change in STEPS.items():
        settings |= change
        if settings["schedule"] == "step":
            settings["step_epochs"] = settings["epochs"] * 2 // 3
        runs = [onestop.train(**settings, seed=seed, name="cifar10") for seed in range(int(seeds))]
        found = [100 * run.metrics["accuracy"] for run in runs]
        line = f"{statistics.median(found):.1f} % ({min(found):.1f} to {max(found):.1f})"
        # Seed by seed, since what two runs share by their seed says nothing of the step.
        if gains := [now - then for now, then in zip(found, before, strict=bool(before))]:
            line += (
                f", {statistics.median(gains):+.1f} points ({min(gains):+.1f} to {max(gains):+.1f})"
            )
        print(f"{step}: {line}")
        before = found
    computed = runs[0].model().preprocessing
    print(f"mean: {computed.mean}, deviation {computed.std}")


if __name__ == "__main__":
    main(*sys.argv[1:])
