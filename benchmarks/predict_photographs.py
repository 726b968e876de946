"""A4: a thousand photographs from the disk through a trained network.

    onestop train FOLDER --model torchvision:resnet18 --image-size 224 --name resnet18
    python benchmarks/predict_photographs.py --root FOLDER --model runs/resnet18

`FOLDER` is searched for photographs; where it has fewer than a thousand they are taken again. The
network is a trained one, since random weights decide everything by a hair: `agreement` is the share
of photographs that a way names as the tutorial's loop does, whose resizing rounds otherwise; `as_fp32`
the share that it names as OneStop in 32 bits does.
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

TITLE = "A thousand photographs through a network, from files to class names"
COUNT = 1000


def tutorial(words: argparse.Namespace) -> Mapping[str, float]:
    """One photograph after the other, as tutorials show it."""
    import torch
    from PIL import Image
    from torchvision import transforms

    network, change = _network(words), _change(transforms, words)
    files = _files(words)
    begun = time.perf_counter()
    found = []
    with torch.no_grad():
        for file in files:
            image = change(Image.open(file).convert("RGB"))
            found.append(int(network(image.unsqueeze(0)).argmax(1)))
    return _figures(words, time.perf_counter() - begun, found)


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
    found = []
    with torch.no_grad():
        for batch in loader:
            found += network(batch).argmax(1).tolist()
    return _figures(words, time.perf_counter() - begun, found)


def onestop_fp32(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop in 32 bits."""
    return _onestop(words, "fp32")


def onestop_bf16(words: argparse.Namespace) -> Mapping[str, float]:
    """OneStop with 16 bits (bf16) where it multiplies."""
    return _onestop(words, "bf16")


def _onestop(words: argparse.Namespace, precision: str) -> Mapping[str, float]:
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torchvision.models  # noqa: F401  imported before the clock starts, as in the other ways

    import onestop
    from onestop.inference.load import load

    network = load(words.model)
    files = _files(words)
    begun = time.perf_counter()
    said = list(onestop.predict(network, files, top=1, precision=precision))  # type: ignore[arg-type]
    seconds = time.perf_counter() - begun
    numbers = [network.classes.index(prediction.label) for prediction in said]
    return {
        **_figures(words, seconds, numbers),
        "as_fp32": _share(words, "onestop_fp32", numbers, first=precision == "fp32"),
    }


def limit(words: argparse.Namespace) -> Mapping[str, float]:
    """The network alone, folded, in bf16, on batches that lie in memory."""
    from onestop.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import torch
    from onestop.inference.score.score import batch_size

    from onestop.inference.load import load

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
    from onestop.data.sources.folder import images_below

    found, _ = images_below(Path(words.root))
    return list(itertools.islice(itertools.cycle(found), COUNT))


def _network(words: argparse.Namespace) -> Any:
    """The network as a tutorial loads it: built by torchvision, given a file of weights."""
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


def _figures(words: argparse.Namespace, seconds: float, found: list[int]) -> Mapping[str, float]:
    """Speed, and how many photographs are named as the first way that ran named them."""
    same = _share(words, "first", found, first=False)
    return {"seconds": seconds, "images_per_second": COUNT / seconds, "agreement": same}


def _share(words: argparse.Namespace, of: str, found: list[int], *, first: bool) -> float:
    """The share of photographs named as in what is kept under that name; kept where nothing is."""
    model = Path(words.model).resolve()
    name = f"predict_photographs_{model.name}_{int(model.stat().st_mtime)}_{of}.json"
    kept = Path(tempfile.gettempdir()) / name
    if first or not kept.exists():
        kept.write_text(json.dumps(found))
    known = json.loads(kept.read_text())
    return sum(a == b for a, b in zip(known, found, strict=True)) / len(found)


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
