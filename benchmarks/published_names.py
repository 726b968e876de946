"""Files of published weights name ants and bees as a torch loop does; nothing in it is random.

    python benchmarks/published_names.py FOLDER WEIGHTS.safetensors ...

`FOLDER` has the folders `ants` and `bees`. For each file of weights it prints the largest difference of
any probability from the loop's, the shares of `ant` and `bee`, and the most frequent other names.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

import onestop
from onestop.inference.load import load_model
from onestop.inference.model import Model

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PREPARED = {
    "squeezenet1_1": ("bilinear", *IMAGENET),
    "tf_efficientnet_lite0": ("bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Interpolation, mean and deviation with which each was published; 224 pixels of 256."""


@torch.inference_mode()
def plain_loop(weights: Path, name: str, photographs: Sequence[Path]) -> Tensor:
    """Probabilities [N, 1000], one photograph at a time, with torch alone."""
    network = onestop.build(name, classes=1000)
    network.load_state_dict(load_file(weights), strict=False)
    network.eval()
    mode, mean, std = PREPARED[name]
    rows = []
    for path in photographs:
        image = pil_to_tensor(Image.open(path).convert("RGB"))[None]
        scale = 256 / min(image.shape[-2:])
        size = [round(side * scale) for side in image.shape[-2:]]
        image = F.interpolate(image, size, mode=mode, antialias=True)
        top, left = (size[0] - 224) // 2, (size[1] - 224) // 2
        pixels = image[..., top : top + 224, left : left + 224].float() / 255
        inputs = (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        rows.append(network(inputs).softmax(1)[0])
    return torch.stack(rows)


def probabilities(model: Model, photographs: Sequence[Path]) -> Tensor:
    """The same from `onestop.predict`."""
    number = {name: k for k, name in enumerate(model.classes)}
    rows = torch.zeros(len(photographs), len(number))
    for row, prediction in zip(rows, onestop.predict(model, photographs, top=1000), strict=True):
        for label in prediction.labels:
            row[number[label.name]] = label.score
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    words = parser.parse_args()
    photographs = sorted(words.folder.rglob("*.jpg"))
    truths = [path.parent.name.removesuffix("s") for path in photographs]
    for weights in words.weights:
        model, _ = load_model(weights)
        ours = probabilities(model, photographs)
        plain = plain_loop(weights, model.card.network, photographs)
        print(f"{model.card.network}: largest difference {float((ours - plain).abs().max()):.1e}")
        best = [[model.classes[k] for k in row] for row in ours.topk(5).indices.tolist()]
        for truth in ("ant", "bee"):
            rows = [row for row, own in zip(best, truths, strict=True) if own == truth]
            first, five = sum(row[0] == truth for row in rows), sum(truth in row for row in rows)
            print(f"  {truth}: {first} of {len(rows)} first, {five} among the first five")
        others = Counter(row[0] for row in best if row[0] not in ("ant", "bee"))
        ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        listed = ", ".join(f"{name} {count}" for name, count in ranked)
        print(f"  other names: {others.total()} of {len(best)}, such as {listed}")


if __name__ == "__main__":
    main()
