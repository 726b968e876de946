"""Training throughput of common networks, compared with a tutorial's loop and the bare limit.

python benchmarks/train_throughput.py --job resnet18_224 --root FOLDER      (photographs)
python benchmarks/train_throughput.py --job mobilenet_224 --root FOLDER
python benchmarks/train_throughput.py --job resnet20_32 --root CIFAR
python benchmarks/train_throughput.py --job resnet18_32 --root CIFAR        (also with timm's loader)
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare import compare
from ways import bare_limit, cifar, cifar_loaders, onestop_run, tutorial_loop

TITLE = "Training throughput"


@dataclass(frozen=True)
class Job:
    """A network, its image size and classes, and its batches."""

    model: str
    size: int
    classes: int
    batch: int
    steps: int
    epochs: int = 2


JOBS = {
    "resnet18_224": Job("torchvision:resnet18", 224, 2, 32, 12),
    "mobilenet_224": Job("torchvision:mobilenet_v3_large", 224, 2, 32, 12),
    "resnet20_32": Job("resnet20", 32, 10, 128, 60),
    "resnet18_32": Job("torchvision:resnet18", 32, 10, 128, 60),
}
IMAGES, SCORED = 20_000, 2_000  # of CIFAR-10


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The training loop of a tutorial, two worker processes."""
    import torch

    torch.manual_seed(words.seed)
    job, workers = JOBS[words.job], 2
    if job.size == 32:
        loaders = cifar_loaders(words.root, job.batch, workers, IMAGES, SCORED)
    else:
        loaders = _photographs(words.root, job, workers)
    network = _network(job)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    return tutorial_loop(network, *loaders, optimizer, job.epochs)


def timm(words: argparse.Namespace) -> Mapping[str, float]:
    """A loop with timm's loader, optimizer and augmentation, as in its training script."""
    import torch
    from timm.data import create_loader
    from timm.optim import create_optimizer_v2

    torch.manual_seed(words.seed)
    job = JOBS[words.job]
    images = cifar(words.root, IMAGES, SCORED)
    options = {
        "input_size": (3, job.size, job.size), "batch_size": job.batch, "use_prefetcher": False,
        "num_workers": 2, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop_pct": 1.0,
    }  # fmt: skip
    train_loader = create_loader(
        _Items(images["train"]), is_training=True, no_aug=False, hflip=0.5, scale=(0.6, 1.0),
        ratio=(0.8, 1.25), **options,
    )  # fmt: skip
    test_loader = create_loader(_Items(images["test"]), is_training=False, **options)
    network = _network(job)
    optimizer = create_optimizer_v2(network, opt="momentum", lr=0.05, weight_decay=5e-4)
    return tutorial_loop(network, train_loader, test_loader, optimizer, job.epochs)


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with its default precision and memory format."""
    job = JOBS[words.job]
    source: Any = words.root
    if job.size == 32:
        images = cifar(words.root, IMAGES, SCORED)
        source = {"train": images["train"], "val": images["test"]}
    return onestop_run(
        source, model=job.model, image_size=job.size, batch_size=job.batch, epochs=job.epochs,
        lr=0.05, momentum=0.9, weight_decay=5e-4, decay_all=True, schedule="constant", ema=0,
        normalize="half" if job.size == 32 else "imagenet", seed=words.seed,
        augment="flip-crop" if job.size == 32 else "resized-crop",
    )  # fmt: skip


def limit(words: argparse.Namespace) -> Mapping[str, float]:
    """Only forward, loss, backward and step, on the same network with data in memory."""
    job = JOBS[words.job]
    facts = {"classes": job.classes, "channels": 3, "height": job.size, "width": job.size}
    return bare_limit(job.model, facts, job.batch, job.steps, image_size=job.size)


def _network(job: Job) -> Any:
    if job.model.startswith("torchvision:"):
        from torchvision import models

        return models.get_model(job.model.partition(":")[2], num_classes=job.classes)
    from onestop.networks import build  # the same network, since torchvision does not have it

    return build(job.model, job.classes, image_size=job.size)


def _photographs(root: str, job: Job, workers: int) -> tuple[Any, Any]:
    import torch
    from torchvision import datasets, transforms

    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    change = {
        "train": transforms.Compose([
            transforms.RandomResizedCrop(job.size), transforms.RandomHorizontalFlip(),
            transforms.ToTensor(), normalize,
        ]),
        "val": transforms.Compose([
            transforms.Resize(job.size * 8 // 7), transforms.CenterCrop(job.size),
            transforms.ToTensor(), normalize,
        ]),
    }  # fmt: skip
    sets = {
        split: datasets.ImageFolder(
            str(Path(root) / split), change[split], is_valid_file=lambda path: path.endswith("jpg")
        )
        for split in change
    }
    loader: Any = torch.utils.data.DataLoader
    return (
        loader(sets["train"], batch_size=job.batch, shuffle=True, num_workers=workers),
        loader(sets["val"], batch_size=job.batch, num_workers=workers),
    )


class _Items:
    """Images and labels, with the `transform` set by timm's loader."""

    def __init__(self, images: Any) -> None:
        self.images, self.labels = images
        self.transform: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder with train/ and val/ (test/)")
    parser.add_argument("--job", choices=list(JOBS), required=True)


if __name__ == "__main__":
    compare(TITLE, [tutorial, timm, onestop, limit], _options, lambda words: f"train_{words.job}")
