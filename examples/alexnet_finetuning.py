"""Fine-tuning in two ways: AlexNet, which knows ImageNet, learns to tell ants from bees.

Either everything learns, from the pretrained weights on, or the new output layer alone: then the
rest is run over the images but a few times, and learning takes seconds. The photographs are
`hymenoptera/` in ONESTOP_DATA, 244 to learn from and 153 to validate on; weights come from torch's
cache, or from a file. Without them LeNet-5, which knows the digits 0 to 4, learns 5 to 9.

Run it: python examples/alexnet_finetuning.py [NETWORK WEIGHTS]
"""

import sys
from typing import Any

import numpy as np
from at_hand import find, published

import onestop

WAYS: dict[str, dict[str, Any]] = {
    "everything": {"freeze": "none", "backbone_lr_scale": 1.0},
    "output layer alone": {"freeze": "backbone"},
}


def digits(which: range, most: int) -> dict[str, tuple[Any, Any]]:
    """Images and labels of some of the built-in digits, at most so many to learn from."""
    parts = {}
    for split, samples in onestop.open_data("digits", val_fraction=0).splits.items():
        found = np.flatnonzero(np.isin(samples.targets, which))
        some = samples.take(found[:most] if split == "train" else found)
        parts[split] = (np.stack([some.read(i, 1) for i in range(len(some))]), some.targets)
    return parts


def small_job() -> dict[str, Any]:
    """A network that knows half of the digits, and 100 images of the other half."""
    settings: dict[str, Any] = {"model": "lenet5", "val_fraction": 0, "quiet": True}
    known = onestop.train(digits(range(5), most=1000), **settings, epochs=8, name="knows-0-to-4")
    new = {"source": digits(range(5, 10), most=100), "weights": str(known.folder)}
    return {**settings, **new, "epochs": 10, "batch_size": 10, "lr": 0.02}


def main(network: str = "alexnet", weights: str = "default") -> None:
    file, _ = published(network)
    job = find("hymenoptera")
    if job and (weights != "default" or file.exists()):
        print(f"data: ants and bees, for {network} with weights {weights}")
        job |= {"model": network, "weights": weights, "quiet": True}  # the rest is derived
    else:
        print(f"data: digits, built in (needed: hymenoptera/ in ONESTOP_DATA, and {file})")
        job = small_job()
    for way, learns in WAYS.items():
        run = onestop.train(**job, **learns, name=f"finetuned-{way.replace(' ', '-')}")
        print(f"{way}: accuracy {run.metrics['accuracy']:.1%}, {run.metrics['seconds']:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
