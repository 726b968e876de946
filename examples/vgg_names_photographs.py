"""A pretrained VGG13 classifies photographs into ImageNet's 1,000 classes, without training.

Its weights (508 MB) are read from torch's cache and not downloaded here; if they are missing, their URL
and destination are printed. Then a LeNet-5, trained on the digits in seconds, is used instead: a model
with weights, class names and preprocessing, and its predictions for new images.

Run it: python examples/vgg_names_photographs.py [NETWORK PHOTOGRAPHS ...]
"""

import sys
from pathlib import Path
from typing import Any

from at_hand import find, published
from torchvision import models

import onestop
from onestop.figures.grid import image_grid
from onestop.images.decode import decode


def photographs_at_hand() -> list[Path]:
    """Some of the ants and bees, if available."""
    folder = find("hymenoptera").get("source", "")
    return sorted(Path(folder).glob("val/*/*.jpg"))[::20] if folder else []


def main(network: str = "vgg13", *photographs: str) -> None:
    names = models.get_model_weights(network).DEFAULT.meta["categories"]
    print(f"classes: {len(names):,}, such as {names[263]} (number 263)")
    file, url = published(network)
    paths = [Path(path) for path in photographs] or photographs_at_hand()
    model: Any = f"torchvision:{network}"
    if file.exists() and paths:
        images, labels = [decode(path, 3) for path in paths], [path.name for path in paths]
    else:
        print(f"missing: {'photographs; pass some paths' if file.exists() else file}")
        print(f"to get it: save {url} there, or run `onestop predict {model} PHOTOGRAPH`")
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
    sheet = image_grid(images, titles, columns=4, side=2.4, heading=heading)
    sheet.savefig("runs/named.png")
    print("sheet: runs/named.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
