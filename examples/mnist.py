"""LeNet-5 reads handwritten digits: look at them, train, test after each epoch, predict, save, load.

With MNIST below ONESTOP_DATA the settings are the tutorial's; else the small built-in digits do.

Run it: python examples/mnist.py
"""

from typing import Any

import torch
from at_hand import find_or_digits

import onestop
from onestop.figures.grid import image_grid

SETTINGS: dict[str, Any] = {
    "model": "lenet5", "image_size": 32, "normalize": "none", "augment": "none", "val_fraction": 0,
    "optimizer": "sgd", "lr": 0.1, "momentum": 0, "weight_decay": 0, "schedule": "constant",
    "ema": 0, "quiet": True,
}  # fmt: skip


def main() -> None:
    found = find_or_digits("mnist")
    data = onestop.open_data(found["source"], root=found.get("data_root"), val_fraction=0)
    train, test = data.splits["train"], data.splits["test"]
    print(f"images: {len(train):,} to learn from, {len(test):,} to test on")
    pictures, labels = [train.read(i, 1) for i in range(16)], train.targets[:16]

    # An epoch at a time: naming the folder of a run goes on with it. The images that are tested on
    # are never learned from, and nothing is chosen by what comes out.
    epochs, batch = (2, 128) if len(train) > 10_000 else (5, 16)  # few images, more small steps
    run = onestop.train(**found, **SETTINGS, epochs=1, batch_size=batch, name="mnist")
    sheet = image_grid(pictures, [data.classes[k] for k in labels], heading="Training images")
    sheet.savefig(run.folder / "samples.png")
    print(f"epoch 1: test accuracy {run.metrics['accuracy']:.2%}")
    for epoch in range(2, epochs + 1):
        run = onestop.train(run.folder, epochs=epoch, quiet=True)
        print(f"epoch {epoch}: test accuracy {run.metrics['accuracy']:.2%}")

    # What it says of images that are new to it.
    pictures = [test.read(i, 1) for i in range(16)]
    said = [(p.label, p.score) for p in onestop.predict(run.folder, pictures)]
    truths = [data.classes[test.targets[i]] for i in range(16)]
    right = [label == truth for (label, _), truth in zip(said, truths, strict=True)]
    titles = [f"{said[i][0]} {said[i][1]:.0%}\nis {truths[i]}" for i in range(16)]
    sheet = image_grid(pictures, titles, right, heading="What was said, and what they are")
    sheet.savefig(run.folder / "predictions.png")
    print(f"right: {sum(right)} of 16; samples.png and predictions.png are in {run.folder}")

    # Kept in two ways: one file with everything, and weights for a network that code builds.
    model, weights = onestop.load(run.folder), run.folder / "weights.safetensors"
    onestop.write_weights(weights, model.network)
    network = onestop.load_weights(onestop.build("lenet5", classes=10), weights)
    inputs = torch.rand(4, 1, 32, 32)
    assert torch.allclose(network(inputs), model(inputs), atol=1e-6)


if __name__ == "__main__":
    main()
