"""Several labels per image: which digits are in a square of four.

Four handwritten digits of scikit-learn, 8 x 8 pixels each, make an image; its labels are the digits in
it, between one and four of ten. The targets are a list of sets of names: nothing else tells OneStop
that an image can have several labels.

    python examples/four_digits.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import onestop


def squares(numbers: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, list[set[str]]]:
    """Images [count, 16, 16] of four digits each, and the set of digits in each."""
    digits = load_digits()
    chosen = np.random.default_rng(seed).choice(numbers, (count, 4))
    four = digits.images[chosen]  # [count, 4, 8, 8], values 0 to 16
    rows = [np.concatenate([four[:, k], four[:, k + 1]], axis=2) for k in (0, 2)]
    images = (np.concatenate(rows, axis=1) / 16 * 255).astype(np.uint8)
    return images, [{str(digits.target[number]) for number in row} for row in chosen]


def main(out: str = "runs") -> None:
    # Training and test images share no handwritten digit: the last 400 are for the test.
    train, test = squares(np.arange(1397), 3000, 0), squares(np.arange(1397, 1797), 500, 1)
    run = onestop.train(
        {"train": train, "test": test}, model="airbench_small", image_size=16, augment="none",
        epochs=8, lr=0.1, threads=1, out=out, name="four-digits", quiet=True,
    )  # fmt: skip
    print(f"mAP: {run.metrics['map']:.1%}")
    print(f"all labels right: {run.metrics['exact_match']:.1%}")

    # Each label has its own threshold, chosen on held-out images and stored in the model file.
    for name, row in run.metrics["per_label"].items():
        print(f"{name}: F1 {row['f1']:.1%}, predicted from {row['threshold']:.1%}")

    # What is in the first test images?
    model = onestop.load(run.folder)
    images = list(test[0][:16])
    for prediction, labels in zip(onestop.predict(model, images), test[1], strict=False):
        print(f"image {prediction.image}: {prediction.text} (has {', '.join(sorted(labels))})")
    onestop.predict(model, images, save_grid=Path(run.folder) / "predictions.png")
    print(Path(run.folder) / "predictions.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
