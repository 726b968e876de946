"""Objects with the defaults: average precision on held-out images, and how long it took.

    python benchmarks/objects.py bccd --model rcnn:timm:tf_efficientnet_lite0 --weights FILE

Trains once per seed with no other setting unless --epochs is given, scores the test split (else the
validation split) once, at the end, and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import onestop

METRICS = ("ap", "ap50", "ap75", "ap_mask", "ap50_mask", "ap_points", "ap50_points")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("--model", default="rcnn:resnet18")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args()
    rows = [one(options, seed) for seed in options.seeds]
    names = [name for name in METRICS if name in rows[0]]
    print("| seed |", " | ".join(names), "| images scored | minutes |")
    print("|", " | ".join(["---"] * (len(names) + 3)), "|")
    for seed, row in zip(options.seeds, rows, strict=True):
        values = " | ".join(f"{row[name]:.3f}" for name in names)
        print(f"| {seed} | {values} | {row['images']:g} | {row['minutes']:.1f} |")


def one(options: argparse.Namespace, seed: int) -> dict[str, float]:
    """Metrics and minutes of a run."""
    name = f"{Path(options.source).name}-{options.epochs or 'default'}-{seed}"
    begun = time.perf_counter()
    run = onestop.train(
        options.source, model=options.model, weights=options.weights, epochs=options.epochs,
        seed=seed, out=options.out, name=name,
    )  # fmt: skip
    minutes = (time.perf_counter() - begun) / 60
    values = {k: float(v) for k, v in run.metrics.items() if k in METRICS or k == "images"}
    return {**values, "minutes": minutes}


if __name__ == "__main__":
    main()
