"""One detector in OneStop and in the loop of torchvision's references, side by side.

    python benchmarks/objects_reference.py bccd --weights FILE --steps 20
    python benchmarks/objects_reference.py bccd --weights FILE --epochs 5

Both sides have the same network (`--model`, an rcnn over a classifier), the same starting weights,
frozen BatchNorm, the same pictures in batches of four, and are scored by the same code on the same
images. The reference resizes, pads and normalises with torchvision's own transform, mirrors half of the
images and follows references/detection of pytorch/vision: SGD with 0.0025 per image of a batch,
momentum 0.9, weight decay 1e-4, a linear warm-up over the first epoch, then a cosine. Without --epochs
only speed is measured. Times are the processor's, in all threads: other processes then change them
little. Both sides are run in turn, --rounds times, with another seed each; speeds are medians.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from onestop.data import open_data
from onestop.data.loader import epoch_plan
from onestop.inference.model import Model
from onestop.jobs.planning import plan_new
from onestop.metrics.coco import coco_metrics
from onestop.metrics.objects import ImageObjects
from onestop.training.loop import fit
from onestop.training.records import EpochRecord
from onestop.training.setup import set_up

BATCH = 4


@dataclass
class Side:
    """What one side came to: AP by epoch, and processor seconds of training until then."""

    name: str
    ap: list[float]
    seconds: list[float]
    training: float
    predicting: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("--model", default="rcnn:timm:tf_efficientnet_lite0")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    options = parser.parse_args()
    sides: dict[str, list[Side]] = {}
    for seed in range(options.rounds):
        for run in (ours, reference):
            side = run(options, seed)
            sides.setdefault(side.name, []).append(side)
    print("| | images a second, training | predicting | AP by epoch (processor minutes) |")
    print("| --- | --- | --- | --- |")
    for name, rounds in sides.items():
        training, predicting = (
            spread([getattr(side, what) for side in rounds]) for what in ("training", "predicting")
        )
        print(f"| {name} | {training} | {predicting} | {'; '.join(map(course, rounds))} |")


def spread(values: list[float]) -> str:
    """The median, and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def course(side: Side) -> str:
    """How AP grew with processor time."""
    rows = zip(side.ap, side.seconds, strict=True)
    return ", ".join(f"{ap:.3f} ({seconds / 60:.1f})" for ap, seconds in rows) or "not run"


def planned(options: argparse.Namespace, seed: int) -> Any:
    """The plan of a run, with the network and its starting weights."""
    settings = {"model": options.model, "weights": options.weights, "batch_size": BATCH}
    settings["seed"] = seed
    if options.epochs:
        settings["epochs"] = options.epochs
    return plan_new(options.source, None, settings, None)[0]


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds of some work, in all threads."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def ours(options: argparse.Namespace, seed: int) -> Side:
    """OneStop's loop, as a run has it."""
    session = set_up(planned(options, seed))
    network = session.training.network
    records = fit(
        session.training, session.task, session.phases(evaluate=options.epochs > 0), session.step,
        session.goal, session.rate,
    )  # fmt: skip
    begun, spent, seen = time.process_time(), 0.0, 0
    side = Side("OneStop", [], [], 0.0, 0.0)
    with session.plan.engine.applied():
        for record in records:
            if isinstance(record, EpochRecord):
                side.ap.append(record.row["val_ap"])
                side.seconds.append(spent)
                begun = time.process_time()
                continue
            spent, begun = spent + time.process_time() - begun, time.process_time()
            if record.step == 1 and not options.epochs:  # all images are decoded before it, once
                spent = 0.0
                continue
            seen += BATCH
            if not options.epochs and record.step == options.steps:
                break
        side.training = seen / spent
        model, paths = Model(network, session.card), _paths(options)
        list(model.predict(paths[:BATCH]))  # folds BatchNorm
        side.predicting = len(paths) / seconds_of(lambda: list(model.predict(paths)))
    return side


def _paths(options: argparse.Namespace) -> list[str]:
    samples: Any = open_data(options.source).splits["val"]
    return [str(samples.root / path) for path in samples.paths[: options.steps * BATCH]]


def reference(options: argparse.Namespace, seed: int) -> Side:
    """Torchvision's network with its transform, in the loop of its references."""
    plan = planned(options, seed)
    torch.manual_seed(seed)
    network = plan.network
    network.__class__ = FasterRCNN
    side, made = plan.recipe.data.image_size, plan.preprocessing
    network.transform = GeneralizedRCNNTransform(side, side, list(made.mean), list(made.std))
    dataset = plan.dataset
    order = epoch_plan(len(dataset.splits["train"]), BATCH, seed, 0)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.0025 * BATCH, momentum=0.9, weight_decay=1e-4)
    some = order[: options.steps]
    _epoch(network, dataset, some[:1], optimizer, lambda _: 1e-3)
    training = sum(map(len, some)) / seconds_of(
        lambda: _epoch(network, dataset, some, optimizer, lambda _: 1e-3)
    )
    count = min(len(dataset.splits["val"]), options.steps * BATCH)
    predicting = count / seconds_of(lambda: _found(network, dataset, count))
    result = Side("torchvision's reference loop", [], [], training, predicting)
    steps, spent = len(order) * options.epochs, 0.0
    for epoch in range(options.epochs):
        first = epoch * len(order)

        def rate(step: int, first: int = first) -> float:
            warm = min(1.0, (first + step + 1) / len(order))
            return warm * 0.5 * (1 + math.cos(math.pi * (first + step) / steps))

        batches = epoch_plan(len(dataset.splits["train"]), BATCH, seed, epoch)
        begun = time.process_time()
        _epoch(network, dataset, batches, optimizer, rate)
        spent += time.process_time() - begun
        found = _found(network, dataset, len(dataset.splits["val"]))
        targets: Any = dataset.splits["val"].targets
        truths = [targets.objects(i) for i in range(len(targets))]
        result.ap.append(float(coco_metrics(truths, found, dataset.classes)["ap"]))
        result.seconds.append(spent)
    return result


def _epoch(
    network: nn.Module, dataset: Any, plan: Any, optimizer: Any, rate: Callable[[int], float]
) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    rates = [group["lr"] for group in optimizer.param_groups]
    for step, (images, targets) in enumerate(_batches(dataset, plan)):
        for group, base in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = base * rate(step)
        loss = sum(network(images, targets).values())
        assert isinstance(loss, Tensor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for group, base in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = base


def _batches(dataset: Any, plan: Any) -> Iterator[tuple[list[Tensor], list[dict[str, Tensor]]]]:
    """As references/detection/presets.py: images in [0, 1], half of them mirrored with their boxes."""
    samples = dataset.splits["train"]
    for indices in plan:
        images, targets = [], []
        for index, target in zip(indices.tolist(), samples.targets.batch(indices), strict=True):
            image, boxes = _image(samples, index), target["boxes"]
            if torch.rand(()) < 0.5:
                image, width = image.flip(-1), image.shape[-1]
                boxes = boxes[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + torch.tensor(
                    [width, 0, width, 0]
                )
            images.append(image)
            targets.append({"boxes": boxes, "labels": target["labels"] + 1})
        yield images, targets


def _image(samples: Any, index: int) -> Tensor:
    pixels = torch.from_numpy(samples.read(index, 3, "full").copy())
    return pixels.permute(2, 0, 1).float() / 255


def _found(network: nn.Module, dataset: Any, count: int) -> list[ImageObjects]:
    """What it finds in the first images of the validation split."""
    network.eval()
    found, samples = [], dataset.splits["val"]
    with torch.inference_mode():
        for index in range(count):
            image = _image(samples, index)
            (one,) = network([image])
            found.append(ImageObjects(
                (image.shape[1], image.shape[2]), one["boxes"].numpy(),
                one["labels"].numpy().astype(np.int64) - 1, one["scores"].numpy(),
            ))  # fmt: skip
    return found


if __name__ == "__main__":
    main()
