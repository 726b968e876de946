"""Linear regression with the same training loop as every other network.

Thirty points near the line y = 2x + 3 (the noise is 0, 1 or 2, so its mean shifts the line to
y = 2x + 4), a model with two parameters, mean squared error, and 1,000 full-batch steps.

    python examples/linear_regression.py [OUTPUT FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
import torch

import onestop
from onestop.figures.fitted import fitted_line


def main(out: str = "runs") -> None:
    # The data: integers x in [-10, 10), y = 2x + 3 + {0, 1, 2}.
    rng = np.random.default_rng(0)
    x = rng.integers(-10, 10, 30).astype(np.float32)
    y = 2 * x + 3 + rng.integers(0, 3, 30).astype(np.float32)

    # The same call as for images; float targets mean regression. `decay_all`, since weight decay
    # excludes biases by default, but not in this tutorial.
    run = onestop.train(
        (x, y), model="linear", epochs=1000, batch_size=30, optimizer="sgd", lr=1e-4, momentum=0.9,
        weight_decay=1e-2, decay_all=True, schedule="constant", ema=0, val_fraction=0,
        threads=1, out=out, name="linear", quiet=True,
    )  # fmt: skip

    # The file can be loaded as a complete model, or as weights for a network built in code.
    model = onestop.load(run.folder)
    network = onestop.load_weights(onestop.build("linear", classes=1, channels=1), run.folder)
    for (name, a), b in zip(model.network.named_parameters(), network.parameters(), strict=True):
        assert bool((a == b).all())
        print(f"{name}: {a.item():.4f}")

    # The points and the fitted line.
    fitted = model(model.preprocessing.normalise(torch.from_numpy(x[:, None]))).detach()
    figure = fitted_line(x.tolist(), y.tolist(), fitted.squeeze(-1).tolist())
    figure.savefig(Path(run.folder) / "line.png")
    print(f"loss: {run.metrics['loss']:.4f}")
    print(Path(run.folder) / "line.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
