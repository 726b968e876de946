"""The same tasks in other frameworks, compared with the tutorial's loop and OneStop in one run.

    make bench-peers CIFAR=FOLDER PHOTOS=FOLDER SQUEEZENET=FILE

The peers run in a separate environment (`benchmarks/peers.txt`), each used as its documentation shows.
Network, batch size, optimizer, learning rate, augmentation and epochs are those of the tutorial.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import finetune_ants_bees
import lenet_cifar10
from compare import compare
from ways import cifar_loaders

TITLE = "Peers: the tutorials' tasks"


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """The training loop of a tutorial."""
    return JOBS[words.job].tutorial(words)  # type: ignore[no-any-return]


def onestop(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with the tutorial's settings and its default precision."""
    return JOBS[words.job].onestop(words)  # type: ignore[no-any-return]


def lightning(words: argparse.Namespace) -> Mapping[str, float]:
    """Lightning's Trainer, without its progress bar, checkpoints and logger."""
    import lightning as L
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(words.seed)
    train_loader, test_loader = cifar_loaders(words.root, 8, 0)

    class Lit(L.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = lenet_cifar10.lenet()

        def training_step(self, batch: Any, _: int) -> Any:
            return cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.001)

    module = Lit()
    trainer = L.Trainer(
        max_epochs=words.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    begun = time.perf_counter()
    trainer.fit(module, train_loader)
    training = time.perf_counter() - begun
    accuracy = _accuracy(module.network, test_loader)
    return _metrics(words, training, begun, accuracy, len(train_loader.dataset))


def hf_trainer(words: argparse.Namespace) -> Mapping[str, float]:
    """Hugging Face's Trainer, without saving and reporting."""
    import torch
    from transformers import Trainer, TrainingArguments

    train_loader, test_loader = cifar_loaders(words.root, 8, 0)

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = lenet_cifar10.lenet()

        def forward(self, pixel_values: Any, labels: Any = None) -> Any:
            logits = self.network(pixel_values)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    torch.manual_seed(words.seed)
    model = Wrapped()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=8, num_train_epochs=words.epochs,
            learning_rate=0.001, lr_scheduler_type="constant", save_strategy="no", report_to=[],
            disable_tqdm=True, use_cpu=True, seed=words.seed, logging_strategy="no",
            dataloader_pin_memory=False, max_grad_norm=0.0,
        )  # fmt: skip
        trainer = Trainer(
            model, arguments, train_dataset=train_loader.dataset, data_collator=_collated,
            optimizers=(torch.optim.Adam(model.parameters(), lr=0.001), None),
        )  # fmt: skip
        begun = time.perf_counter()
        trainer.train()
        training = time.perf_counter() - begun
    accuracy = _accuracy(model.network, test_loader)
    return _metrics(words, training, begun, accuracy, len(train_loader.dataset))


def fastai(words: argparse.Namespace) -> Mapping[str, float]:
    """The vision_learner of fastai: its own head, learning rates and augmentation; backbone frozen."""
    import torch
    from fastai.vision import all as fv
    from safetensors.torch import load_file
    from torchvision import models

    torch.manual_seed(words.seed)
    begun = time.perf_counter()
    block = fv.DataBlock(
        blocks=(fv.ImageBlock, fv.CategoryBlock), get_items=_photographs, get_y=fv.parent_label,
        splitter=fv.GrandparentSplitter(train_name="train", valid_name="val"),
        item_tfms=fv.RandomResizedCrop(224),
        batch_tfms=[*fv.aug_transforms(), fv.Normalize.from_stats(*fv.imagenet_stats)],
    )  # fmt: skip
    loaders = block.dataloaders(Path(words.root), bs=8, num_workers=words.workers)
    learner = fv.vision_learner(
        loaders, models.squeezenet1_1, pretrained=False, metrics=fv.accuracy
    )
    features = {
        name.removeprefix("features."): tensor
        for name, tensor in load_file(words.weights).items()
        if name.startswith("features.")
    }
    learner.model[0][0].load_state_dict(features)
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(finetune_ants_bees.EPOCHS)
    best = max(row[2] for row in learner.recorder.values)
    return {"seconds": time.perf_counter() - begun, "best_accuracy": float(best)}


def _photographs(root: Path) -> list[Path]:
    return [path for path in sorted(root.glob("*/*/*")) if path.suffix == ".jpg"]


JOBS: dict[str, Any] = {"lenet": lenet_cifar10, "finetune": finetune_ants_bees}


def _collated(items: list[Any]) -> dict[str, Any]:
    import torch

    return {
        "pixel_values": torch.stack([image for image, _ in items]),
        "labels": torch.tensor([label for _, label in items]),
    }


def _accuracy(network: Any, loader: Any) -> float:
    import torch

    network.eval()
    with torch.no_grad():
        right = sum(int((network(x).argmax(1) == y).sum()) for x, y in loader)
    return right / len(loader.dataset)


def _metrics(
    words: argparse.Namespace, training: float, begun: float, accuracy: float, images: int
) -> Mapping[str, float]:
    return {
        "seconds": time.perf_counter() - begun,
        "images_per_second": words.epochs * images / training,
        "accuracy": accuracy,
    }


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--job", choices=list(JOBS), required=True)
    parser.add_argument("--root", required=True, help="folder of CIFAR-10, or of ants and bees")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of LeNet")
    parser.add_argument("--weights", help="pretrained SqueezeNet 1.1, as safetensors")
    parser.add_argument("--learn", choices=["all", "head"], default="head")
    parser.add_argument(
        "--workers", type=int, default=0, help="worker processes of the tutorial's loaders"
    )


if __name__ == "__main__":
    compare(
        TITLE,
        [tutorial, lightning, hf_trainer, fastai, onestop],
        _options,
        lambda words: f"peers_{words.job}",
    )
