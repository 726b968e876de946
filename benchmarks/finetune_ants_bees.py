"""A3: fine-tuning a pretrained SqueezeNet on ants and bees: all layers (A3a), or only the head (A3b).

    python benchmarks/finetune_ants_bees.py --root FOLDER --weights FILE --learn all|head

Ten epochs with batch size 8, evaluated after each; the accuracy of the best epoch is reported.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compare import compare
from ways import onestop_run

TITLE = "SqueezeNet 1.1 on ants and bees: 10 epochs of batch 8, evaluated after each"
EPOCHS = 10


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The training loop of a tutorial."""
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from torchvision import datasets, models, transforms

    begun = time.perf_counter()
    torch.manual_seed(words.seed)
    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    change = {
        "train": transforms.Compose([
            transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(),
            transforms.ToTensor(), normalize,
        ]),
        "val": transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), normalize,
        ]),
    }  # fmt: skip
    # Without this filter, the placeholder GIF in the folder would raise an error.
    sets = {
        split: datasets.ImageFolder(
            str(Path(words.root) / split), change[split], is_valid_file=_is_photograph
        )
        for split in ("train", "val")
    }
    loaders = {
        split: torch.utils.data.DataLoader(
            sets[split], batch_size=8, shuffle=True, num_workers=words.workers
        )
        for split in sets
    }
    network = models.squeezenet1_1()
    network.load_state_dict(load_file(words.weights), strict=False)
    if words.learn == "head":
        for parameter in network.parameters():
            parameter.requires_grad = False
    network.classifier[1] = nn.Conv2d(512, 2, kernel_size=1)
    criterion = nn.CrossEntropyLoss()
    trainable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.001, momentum=0.9)

    best = 0.0
    for _ in range(EPOCHS):
        for split in ("train", "val"):
            network.train(split == "train")
            running_loss, right = 0.0, 0
            for inputs, labels in loaders[split]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(split == "train"):
                    outputs = network(inputs)
                    loss = criterion(outputs, labels)
                    if split == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * len(inputs)
                right += (outputs.argmax(1) == labels).sum().item()
        best = max(best, right / len(sets["val"]))
    return {"seconds": time.perf_counter() - begun, "best_accuracy": best}


def _is_photograph(path: str) -> bool:
    return path.endswith(".jpg")


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the tutorial's settings and its default precision (bf16 here)."""
    return _onestop(words)


def onestop_fp32(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop in fp32; for the head with new augmentations in every epoch, as in the tutorial."""
    return _onestop(words, precision="fp32", **({"views": EPOCHS} if words.learn == "head" else {}))


def onestop_as_it_comes(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with its defaults: more epochs, its own learning rates, first the head and then all."""
    return onestop_run(words.root, model="squeezenet1_1", weights=words.weights, seed=words.seed)


def _onestop(words: argparse.Namespace, **options: Any) -> Mapping[str, float]:
    freeze = "backbone" if words.learn == "head" else "none"
    return onestop_run(
        words.root, model="squeezenet1_1", weights=words.weights, freeze=freeze, batch_size=8,
        epochs=EPOCHS, lr=0.001, momentum=0.9, weight_decay=0, schedule="constant", ema=0,
        patience=0, seed=words.seed, augment="resized-crop", normalize="imagenet", **options,
        **({} if freeze == "backbone" else {"backbone_lr_scale": 1.0}),
    )  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder with train/ and val/")
    parser.add_argument(
        "--weights", required=True, help="pretrained SqueezeNet 1.1, as safetensors"
    )
    parser.add_argument("--learn", choices=["all", "head"], required=True)
    parser.add_argument(
        "--workers", type=int, default=0, help="worker processes of the tutorial's loaders"
    )


if __name__ == "__main__":
    compare(
        TITLE,
        [tutorial, onestop, onestop_fp32, onestop_as_it_comes],
        _options,
        lambda words: f"finetune_{words.learn}",
    )
