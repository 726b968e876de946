"""Fine-tuning in two ways: AlexNet, pretrained on ImageNet, learns to distinguish ants and bees.

Either all layers are trained from the pretrained weights, or only the new output layer: then the
backbone runs only a few times on each image, and training takes seconds. The photographs are
`hymenoptera/` in ONESTOP_DATA, 244 for training and 153 for validation; weights are read from torch's
cache or a file. Without them, LeNet-5 is pretrained on the digits 0 to 4 and learns 5 to 9.

Run it: python examples/alexnet_finetuning.py [NETWORK WEIGHTS]
"""

import sys
from typing import Any

import numpy as np
from at_hand import find, published

import onestop

VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {"freeze": "none", "backbone_lr_scale": 1.0},
    "output layer alone": {"freeze": "backbone"},
}


def digits(classes: range, limit: int) -> dict[str, tuple[Any, Any]]:
    """Images and labels of some digits, with at most `limit` training images."""
    parts = {}
    for split, samples in onestop.open_data("digits", val_fraction=0).splits.items():
        indices = np.flatnonzero(np.isin(samples.targets, classes))
        some = samples.take(indices[:limit] if split == "train" else indices)
        parts[split] = (np.stack([some.read(i, 1) for i in range(len(some))]), some.targets)
    return parts


def small_job() -> dict[str, Any]:
    """A network trained on half of the digits, and 100 images of the other half."""
    settings: dict[str, Any] = {"model": "lenet5", "val_fraction": 0, "quiet": True}
    first = onestop.train(digits(range(5), limit=1000), **settings, epochs=8, name="knows-0-to-4")
    new = {"source": digits(range(5, 10), limit=100), "weights": str(first.folder)}
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
    for trained, settings in VARIANTS.items():
        run = onestop.train(**job, **settings, name=f"finetuned-{trained.replace(' ', '-')}")
        print(f"{trained}: accuracy {run.metrics['accuracy']:.1%}, {run.metrics['seconds']:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
