"""LeNet-5 on handwritten digits: view samples, train, test after each epoch, predict, save, load.

Uses MNIST in ONESTOP_DATA with the tutorial's settings, or else the small built-in digits.

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
    source = find_or_digits("mnist")
    data = onestop.open_data(source["source"], root=source.get("data_root"), val_fraction=0)
    train, test = data.splits["train"], data.splits["test"]
    print(f"images: {len(train):,} for training, {len(test):,} for testing")
    pictures, labels = [train.read(i, 1) for i in range(16)], train.targets[:16]

    # One epoch at a time: passing the folder of a run resumes it. Test images are never trained on,
    # and nothing is selected by their accuracy.
    epochs, batch = (2, 128) if len(train) > 10_000 else (5, 16)  # few images: more, smaller steps
    run = onestop.train(**source, **SETTINGS, epochs=1, batch_size=batch, name="mnist")
    sheet = image_grid(pictures, [data.classes[k] for k in labels], heading="Training images")
    sheet.savefig(run.folder / "samples.png")
    print(f"epoch 1: test accuracy {run.metrics['accuracy']:.2%}")
    for epoch in range(2, epochs + 1):
        run = onestop.train(run.folder, epochs=epoch, quiet=True)
        print(f"epoch {epoch}: test accuracy {run.metrics['accuracy']:.2%}")

    # Predictions for new images.
    pictures = [test.read(i, 1) for i in range(16)]
    predictions = onestop.predict(run.folder, pictures)
    truths = [data.classes[test.targets[i]] for i in range(16)]
    correct = [p.label == truth for p, truth in zip(predictions, truths, strict=True)]
    titles = [f"{p.label} {p.score:.0%}\nis {t}" for p, t in zip(predictions, truths, strict=True)]
    sheet = image_grid(pictures, titles, correct, heading="Predictions and true labels")
    sheet.savefig(run.folder / "predictions.png")
    print(f"correct: {sum(correct)} of 16; samples.png and predictions.png are in {run.folder}")

    # Saved in two ways: one file with everything, and weights for a network built in code.
    model, weights = onestop.load(run.folder), run.folder / "weights.safetensors"
    onestop.write_weights(weights, model.network)
    network = onestop.load_weights(onestop.build("lenet5", classes=10), weights)
    inputs = torch.rand(4, 1, 32, 32)
    assert torch.allclose(network(inputs), model(inputs), atol=1e-6)


if __name__ == "__main__":
    main()
