"""Shared by several benchmark scripts: images, a tutorial's loop, the bare limit, and OneStop.

The tutorial's loop is written as in tutorials, without optimisations that they do not mention (worker
processes only if a script says so).

The bare limit is the same network with the same batches on data in memory: only forward, loss, backward
and step, in the precision that OneStop selects.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


def tutorial_loop(
    network: Any, train_loader: Any, test_loader: Any, optimizer: Any, epochs: int
) -> Mapping[str, float]:
    """Train for some epochs, with an evaluation after each; timing starts here."""
    import torch

    criterion = torch.nn.CrossEntropyLoss()
    begun = time.perf_counter()
    training = 0.0
    best = 0.0
    for _ in range(epochs):
        started = time.perf_counter()
        network.train()
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs = network(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        training += time.perf_counter() - started
        network.eval()
        right = total = 0
        with torch.no_grad():
            for inputs, labels in test_loader:
                right += (network(inputs).argmax(1) == labels).sum().item()
                total += len(labels)
        best = max(best, right / total)
    return {
        "seconds": time.perf_counter() - begun,
        "images_per_second": epochs * len(train_loader.dataset) / training,
        "accuracy": right / total,
        "best_accuracy": best,
    }


class Pictures:
    """CIFAR-10 as in torchvision's data set: arrays, with Pillow images as items."""

    def __init__(self, images: Images, change: Any) -> None:
        self.images, self.labels = images
        self.change = change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        return self.change(Image.fromarray(self.images[index])), int(self.labels[index])


def cifar_loaders(
    root: str, batch: int, workers: int, count: int | None = None, scored: int | None = None
) -> tuple[Any, Any]:
    """A tutorial's loaders for CIFAR-10: flip, crop with padding 4, mean and deviation 0.5."""
    import torch
    from torchvision import transforms

    normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    change = transforms.Compose([
        transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4),
        transforms.ToTensor(), normalize,
    ])  # fmt: skip
    plain = transforms.Compose([transforms.ToTensor(), normalize])
    images = cifar(root, count, scored)
    train_set, test_set = Pictures(images["train"], change), Pictures(images["test"], plain)
    loader: Any = torch.utils.data.DataLoader
    return (
        loader(train_set, batch_size=batch, shuffle=True, num_workers=workers),
        loader(test_set, batch_size=batch, num_workers=workers),
    )


def onestop_run(source: Any, **settings: Any) -> Mapping[str, float]:
    """Train like `onestop train`, in a temporary folder; returns the metrics."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.datasets  # noqa: F401  imported before timing, as in the other variants

    import onestop
    import onestop.training.setup

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        run = onestop.train(source, out=folder, quiet=True, **settings)
        seconds = time.perf_counter() - begun
        speed = [float(row["images_per_second"]) for row in run.epochs]
        scores = [float(row["val_accuracy"]) for row in run.epochs if row.get("val_accuracy")]
        accuracy = {"accuracy": run.metrics["accuracy"]}
        best = {"best_accuracy": max(scores)} if scores else {}
        return {
            "seconds": seconds, "images_per_second": statistics.median(speed), **accuracy, **best
        }  # fmt: skip


def bare_limit(
    model: str, facts: Mapping[str, int], batch: int, steps: int, **settings: Any
) -> Mapping[str, float]:
    """Train on one batch in memory with OneStop's optimizer and precision; returns the speed.

    Args:
        model: The network.
        facts: `classes`, `channels`, `height` and `width` of the images.
        batch: Images per step.
        steps: Number of steps; the first fifth is a warm-up.
        settings: Settings of the recipe, as in the run that it is compared with.
    """
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torch

    from onestop.data.dataset import DatasetInfo
    from onestop.networks import build
    from onestop.optim.optimizers import optimizer_for
    from onestop.recipe.settings import settings as laid
    from onestop.runtime.device import engine_for
    from onestop.training.defaults import derive

    layers = laid(("flag", {"model": model, **settings}))
    derived, _ = derive(layers, DatasetInfo(images=batch * steps, splits=("train",), **facts))
    data, engine = derived.recipe.data, engine_for(derived.recipe.machine)
    shape = (data.channels, data.image_size, data.image_size)
    network = engine.place(
        build(model, classes=facts["classes"], channels=shape[0], image_size=shape[1])
    )
    optimizer = optimizer_for(derived.recipe.optim, network)
    inputs = engine.place_inputs(torch.randn(batch, *shape))
    targets = torch.randint(0, facts["classes"], (batch,), device=engine.device)
    step, times = bare_step(network, optimizer, engine, inputs, targets), []
    with engine.applied():
        for _ in range(steps):
            begun = time.perf_counter()
            step()
            if engine.runs_ahead:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - begun)
    warm = times[len(times) // 5 :]
    return {"seconds": sum(times), "images_per_second": batch / statistics.fmean(warm)}


def bare_step(
    network: Any, optimizer: Any, engine: Any, inputs: Any, targets: Any
) -> Callable[[], None]:
    """A step function with only forward, loss, backward and update, on one batch."""
    from torch.nn.functional import cross_entropy

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with engine.autocast():
            outputs = network(inputs)
        cross_entropy(outputs.float(), targets).backward()
        optimizer.step()

    return step


def folder_as_arrays(root: Path) -> tuple[Images, tuple[str, ...]]:
    """Decode a folder of classes with images of equal size: [N, H, W, C] and labels [N]."""
    from onestop.data.prefetch import prefetch
    from onestop.data.sources.walk import images_below
    from onestop.images.decode import decode
    from onestop.runtime.device import cores

    classes = tuple(sorted(p.name for p in root.iterdir() if p.is_dir()))
    paths = [(path, k) for k, name in enumerate(classes) for path in images_below(root / name)[0]]
    pixels = next(prefetch([paths], lambda item: decode(item[0], 3), cores()))
    return (np.stack(pixels), np.array([k for _, k in paths], dtype=np.int64)), classes


def cifar(root: str, count: int | None = None, scored: int | None = None) -> dict[str, Images]:
    """CIFAR-10 from a folder with train/ and test/, decoded once and cached next to it as arrays.

    With `count` and `scored`, random subsets of that size of train and test.
    """
    from onestop.runtime.rng import key_for, permutation

    cache = Path(root).with_suffix(".npz")
    if not cache.exists():
        decoded = {split: folder_as_arrays(Path(root) / split)[0] for split in ("train", "test")}
        arrays = {f"{s}_images": pair[0] for s, pair in decoded.items()}
        np.savez(cache, **arrays, **{f"{s}_labels": pair[1] for s, pair in decoded.items()})
    stored = np.load(cache)
    splits: dict[str, Images] = {}
    for split, number in (("train", count), ("test", scored)):
        images, labels = stored[f"{split}_images"], stored[f"{split}_labels"]
        subset = permutation(key_for("benchmark"), len(labels))[:number]
        splits[split] = (images[subset], labels[subset])
    return splits
