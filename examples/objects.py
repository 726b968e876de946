"""Boxes, masks and key points: a detector learns from a set of your own, and draws what it finds.

By default shapes are drawn for it, and a small network over a tiny backbone learns them from random
weights. With real data: a folder in any format (`docs/objects.md`) and one of torchvision's networks,
which starts from its COCO weights:

Run it: python examples/objects.py [FOLDER fasterrcnn_resnet50_fpn|maskrcnn_...|keypointrcnn_...]
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import onestop

SMALL = {"epochs": 8, "image_size": 96, "lr": 3e-3, "ema": 0.0}


def drawn_shapes(root: Path) -> Path:
    """Squares on a dark ground, annotated as COCO JSON."""
    rng = np.random.default_rng(0)
    for split, count in {"train": 24, "val": 8}.items():
        images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
        for number in range(1, count + 1):
            pixels = rng.integers(0, 60, (96, 96, 3), np.uint8)
            x, y, side = (int(value) for value in rng.integers((2, 2, 16), (60, 60, 32)))
            pixels[y : y + side, x : x + side] = (230, 200, 40)
            path = root / split / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            images.append({"id": number, "file_name": path.name, "width": 96, "height": 96})
            box = {"bbox": [x, y, side, side], "category_id": 1, "image_id": number}
            annotations.append({"id": number, **box})
        categories = [{"id": 1, "name": "square"}]
        values = {"images": images, "annotations": annotations, "categories": categories}
        (root / split / "_annotations.coco.json").write_text(json.dumps(values))
    return root


def main(folder: str = "", network: str = "rcnn32:timm:test_efficientnet") -> None:
    source = folder or drawn_shapes(Path("runs/shapes"))
    options: dict[str, Any] = {"weights": "default"} if folder else SMALL
    run = onestop.train(source, model=network, quiet=True, name="objects", **options)
    print(f"AP50: {run.metrics['ap50']:.3f} on {run.metrics['images']} images")
    samples = onestop.open_data(source).splits["val"]
    images = [Path(samples.place(number)) for number in range(min(4, len(samples)))]
    for path, prediction in zip(images, onestop.predict(run.folder, images), strict=True):
        print(f"{path.name}: {prediction.text}")
    onestop.predict(run.folder, images, save_images=run.folder / "drawn")
    print(f"drawn: {run.folder / 'drawn'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
