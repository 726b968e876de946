"""A pretrained VGG13 names photographs with ImageNet's 1,000 names: no training at all.

Its weights (508 MB) are looked for in torch's cache and not downloaded here; what is missing, and
where it belongs, is printed. Then a LeNet-5 that learns the digits in seconds shows the way instead:
a model that has weights, names and preprocessing, and what it says of images that are new to it.

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
    """Some of the ants and bees, where they are here."""
    folder = find("hymenoptera").get("source", "")
    return sorted(Path(folder).glob("val/*/*.jpg"))[::20] if folder else []


def main(network: str = "vgg13", *photographs: str) -> None:
    names = models.get_model_weights(network).DEFAULT.meta["categories"]
    print(f"names: {len(names):,}, such as {names[263]} (number 263)")
    file, url = published(network)
    paths = [Path(path) for path in photographs] or photographs_at_hand()
    model: Any = f"torchvision:{network}"
    if file.exists() and paths:
        images, labels = [decode(path, 3) for path in paths], [path.name for path in paths]
    else:
        print(f"missing: {'photographs; name some' if file.exists() else file}")
        print(f"to have it: put {url} there, or let `onestop predict {model} PHOTOGRAPH` fetch it")
        print("instead: LeNet-5, trained on the built-in digits")
        model = onestop.train("digits", epochs=5, batch_size=16, quiet=True, name="lenet5").folder
        test = onestop.open_data("digits").splits["test"]
        images = [test.read(number, 1) for number in range(8)]
        labels = [f"image {number} (a {test.targets[number]})" for number in range(8)]

    titles = []
    for label, prediction in zip(labels, onestop.predict(model, images, top=3), strict=True):
        guesses = [f"{guess.name} {guess.score:.0%}" for guess in prediction.labels]
        print(f"{label}: {', '.join(guesses)}")
        titles.append("\n".join([label, *guesses]))
    Path("runs").mkdir(exist_ok=True)
    heading = f"What {Path(model).name} says: three guesses, the likeliest first"
    sheet = image_grid(images, titles, columns=4, side=2.4, heading=heading)
    sheet.savefig("runs/named.png")
    print("picture: runs/named.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
