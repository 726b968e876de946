"""A pretrained VGG13 names photographs with ImageNet's 1,000 classes, without training.

With internet, `onestop.predict("vgg13", photos)` is all: its weights (508 MB) are downloaded once.
Without, a file of them is enough, wherever it lies: `onestop.predict("vgg13-19584684.pth", photos)`
knows from the tensors which network it is for. This script downloads nothing by itself; if no weights
are at hand, it says so and lets a LeNet-5, trained on the digits in seconds, name digits instead.

Run it: python examples/vgg_names_photographs.py [NETWORK or FILE OF WEIGHTS] [PHOTOGRAPHS ...]
"""

import sys
from pathlib import Path
from typing import Any

from at_hand import find, published

import onestop
from onestop.figures.grid import image_grid
from onestop.images.decode import decode


def photographs_at_hand() -> list[Path]:
    folder = find("hymenoptera").get("source", "")
    return sorted(Path(folder).glob("val/*/*.jpg"))[::20] if folder else []


def main(model: Any = "vgg13", *photographs: str) -> None:
    is_file = Path(model).is_file()
    facts = onestop.info(model, weights=None if is_file else "default").facts
    names = facts["names"]
    print(f"network: {facts['network']}")
    print(f"classes: {len(names):,}, such as {names[263 % len(names)]} (number {263 % len(names)})")
    print(f"weights: {facts['weights']}")
    paths = [Path(path) for path in photographs] or photographs_at_hand()
    file, url = (Path(model), "") if is_file else published(model)
    if file.exists() and paths:
        images, labels = [decode(path, 3) for path in paths], [path.name for path in paths]
    else:
        print(f"missing: {'photographs; pass some paths' if file.exists() else file}")
        if url and not file.exists():
            print(f"with internet: onestop predict {model} PHOTOGRAPH")
            print(f"without: save {url} anywhere; then onestop predict {file.name} PHOTOGRAPH")
        print("instead: LeNet-5, trained on the built-in digits")
        model = onestop.train("digits", epochs=5, batch_size=16, quiet=True, name="lenet5").folder
        test = onestop.open_data("digits").splits["test"]
        images = [test.read(number, 1) for number in range(8)]
        labels = [f"image {number} (a {test.targets[number]})" for number in range(8)]

    titles = []
    for label, prediction in zip(labels, onestop.predict(model, images, top=3), strict=True):
        top = [f"{candidate.name} {candidate.score:.0%}" for candidate in prediction.labels]
        print(f"{label}: {', '.join(top)}")
        titles.append("\n".join([label, *top]))
    Path("runs").mkdir(exist_ok=True)
    heading = f"Top three predictions of {Path(model).name}"
    image_grid(images, titles, columns=4, side=2.4, heading=heading).savefig("runs/named.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
