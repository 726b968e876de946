"""A4: prediction for a thousand photographs from disk with a trained network.

    onestop train FOLDER --model torchvision:resnet18 --image-size 224 --name resnet18
    python benchmarks/predict_photographs.py --root FOLDER --model runs/resnet18

Photographs are read from `FOLDER`, repeatedly if there are fewer than a thousand. The network is
trained, since the predictions of random weights are nearly tied. `agreement` is the fraction of
photographs with the same prediction as in the tutorial's loop, which rounds differently when resizing;
`as_fp32` the fraction with the same prediction as OneStop in fp32.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compare import compare

TITLE = "Prediction for a thousand photographs, from files to class names"
COUNT = 1000


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """One photograph at a time, as in tutorials."""
    import torch
    from PIL import Image
    from torchvision import transforms

    network, change = _network(words), _change(transforms, words)
    files = _files(words)
    begun = time.perf_counter()
    predicted = []
    with torch.no_grad():
        for file in files:
            image = change(Image.open(file).convert("RGB"))
            predicted.append(int(network(image.unsqueeze(0)).argmax(1)))
    return _metrics(words, time.perf_counter() - begun, predicted)


def tutorial_loader(words: argparse.Namespace) -> Mapping[str, float]:
    """A data loader with two worker processes and batches of 32."""
    import torch
    from torchvision import transforms

    network, change = _network(words), _change(transforms, words)
    loader: Any = torch.utils.data.DataLoader(
        _Photographs(_files(words), change),  # type: ignore[arg-type]
        batch_size=32,
        num_workers=2,
    )
    begun = time.perf_counter()
    predicted = []
    with torch.no_grad():
        for batch in loader:
            predicted += network(batch).argmax(1).tolist()
    return _metrics(words, time.perf_counter() - begun, predicted)


def onestop_fp32(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop in fp32."""
    return _onestop(words, "fp32")


def onestop_bf16(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop in bf16."""
    return _onestop(words, "bf16")


def _onestop(words: argparse.Namespace, precision: str) -> Mapping[str, float]:
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.models  # noqa: F401  imported before timing, as in the other variants

    import onestop
    from onestop.inference.load import load

    network = load(words.model)
    files = _files(words)
    begun = time.perf_counter()
    predictions = list(onestop.predict(network, files, top=1, precision=precision))  # type: ignore[arg-type]
    seconds = time.perf_counter() - begun
    predicted = [network.classes.index(prediction.label) for prediction in predictions]
    return {
        **_metrics(words, seconds, predicted),
        "as_fp32": _agreement(words, "onestop_fp32", predicted, first=precision == "fp32"),
    }


def limit(words: argparse.Namespace) -> Mapping[str, float]:
    """Only the network, with folded BatchNorm, in bf16, on batches in memory."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torch

    from onestop.inference.load import load
    from onestop.inference.score import batch_size

    model = load(words.model).on("cpu", "bf16")
    shape = model.preprocessing.shape
    inputs = model.engine.place_inputs(torch.randn(batch_size(shape), *shape))
    network, done = model.fast, 0
    with torch.inference_mode(), model.engine.autocast():
        network(inputs)
        begun = time.perf_counter()
        while done < COUNT:
            network(inputs)
            done += len(inputs)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds * COUNT / done, "images_per_second": done / seconds}


class _Photographs:
    def __init__(self, files: list[Path], change: Any) -> None:
        self.files, self.change = files, change

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        return self.change(Image.open(self.files[index]).convert("RGB"))


def _files(words: argparse.Namespace) -> list[Path]:
    from onestop.data.sources.walk import images_below

    paths, _ = images_below(Path(words.root))
    return list(itertools.islice(itertools.cycle(paths), COUNT))


def _network(words: argparse.Namespace) -> Any:
    """The network as loaded in a tutorial: built by torchvision, with weights from a file."""
    from safetensors.torch import load_file
    from torchvision import models

    from onestop.storage.model_file import model_path, read_card

    file = model_path(words.model)
    card = read_card(file)
    network = models.get_model(card.network, num_classes=len(card.classes))
    network.load_state_dict(load_file(file))
    return network.eval()


def _change(transforms: Any, words: argparse.Namespace) -> Any:
    from onestop.storage.model_file import model_path, read_card

    declared = read_card(model_path(words.model)).preprocessing
    size = declared["size"][0]
    return transforms.Compose([
        transforms.Resize(round(size / declared["crop_fraction"])), transforms.CenterCrop(size),
        transforms.ToTensor(), transforms.Normalize(declared["mean"], declared["std"]),
    ])  # fmt: skip


def _metrics(
    words: argparse.Namespace, seconds: float, predicted: list[int]
) -> Mapping[str, float]:
    """Speed, and agreement with the predictions of the first variant that ran."""
    agreement = _agreement(words, "first", predicted, first=False)
    return {"seconds": seconds, "images_per_second": COUNT / seconds, "agreement": agreement}


def _agreement(
    words: argparse.Namespace, reference: str, predicted: list[int], *, first: bool
) -> float:
    """The fraction of predictions equal to the stored reference, which is stored first if missing."""
    model = Path(words.model).resolve()
    name = f"predict_photographs_{model.name}_{int(model.stat().st_mtime)}_{reference}.json"
    file = Path(tempfile.gettempdir()) / name
    if first or not file.exists():
        file.write_text(json.dumps(predicted))
    stored = json.loads(file.read_text())
    return sum(a == b for a, b in zip(stored, predicted, strict=True)) / len(predicted)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", required=True, help="folder of photographs")
    parser.add_argument("--model", required=True, help="run folder of a torchvision network")


if __name__ == "__main__":
    compare(
        TITLE,
        [tutorial, tutorial_loader, onestop_fp32, onestop_bf16, limit],
        _options,
        lambda words: f"predict_{Path(words.model).name}",
    )
