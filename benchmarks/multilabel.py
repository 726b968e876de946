"""Several labels per image, on the grids of `multilabel_grids.py`: metrics, and what thresholds do.

    python benchmarks/multilabel.py --data grids/images.csv --seeds 0 1 2

Trains with recipes/multilabel_grids.yaml, once for each seed; the test images are scored once, at the
end. The table also has the same network with all thresholds at one half, made from the probabilities in
predictions.csv. Written to build/benchmarks unless --out says otherwise.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import onestop
from onestop.metrics.map_intervals import map_interval
from onestop.tasks.multilabel import Multilabel, measured, tables_of

RECIPE = Path(__file__).parent.parent / "recipes" / "multilabel_grids.yaml"
METRICS = {
    "map": "mAP", "micro_f1": "micro F1", "macro_f1": "macro F1", "exact_match": "exact match",
}  # fmt: skip


def main() -> None:
    """Parse the arguments, train, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="table of the grids")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"))
    parser.add_argument("--note", default="", help="what ran beside, for the head of the table")
    words = parser.parse_args()
    runs = [train(words, seed) for seed in words.seeds]
    lines = [*head(words, runs[0]), *of_seeds(words.seeds, runs), *of_labels(runs)]
    words.out.mkdir(parents=True, exist_ok=True)
    path = words.out / "multilabel_grids.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(path)


def train(words: argparse.Namespace, seed: int) -> onestop.Run:
    """The run of a seed; one that is there already is not repeated."""
    folder = words.out / f"multilabel-{seed}"
    if (folder / "metrics.json").is_file():
        return onestop.Run(folder)
    if folder.exists():
        return onestop.train(resume=folder)
    return onestop.train(
        str(words.data), recipe=RECIPE, seed=seed, threads=words.threads, out=words.out,
        name=folder.name,
    )  # fmt: skip


def at_a_half(run: onestop.Run) -> dict[str, Any]:
    """The metrics with all thresholds at one half."""
    names = tuple(run.metrics["per_label"])
    scores, truth = tables_of(run.predictions, names)
    return dict(measured(scores, truth, Multilabel(names)))


def head(words: argparse.Namespace, run: onestop.Run) -> list[str]:
    """What was run, where and when."""
    made = onestop.info(run.folder).facts["made_with"]
    recipe = run.recipe
    images = run.metrics["images"]
    return [
        "# Several labels per image: grids of CIFAR-10",
        "",
        f"- Command: `python benchmarks/multilabel.py --data grids/images.csv --seeds "
        f"{' '.join(map(str, words.seeds))}` (trains with recipes/multilabel_grids.yaml)",
        "- Data: `python benchmarks/multilabel_grids.py --root path/to/cifar10 --out grids`: 10,000 "
        f"grids for training, 1,000 for validation, {images:,} for the test, 3.4 of 10 labels each",
        f"- Date: {dt.date.today().isoformat()}. Machine: {made['device_name']}, "
        f"{made['instructions']}, {recipe.machine.threads} thread, {recipe.machine.precision}; torch "
        f"{made['torch']}" + (f"; {words.note}" if words.note else ""),
        f"- {recipe.network.model} at {recipe.data.image_size} pixels, {recipe.optim.epochs} epochs of "
        f"batch {recipe.optim.batch_size}, {recipe.optim.optimizer} {recipe.optim.lr:g}; the epoch of "
        "the highest validation mAP is kept, thresholds are chosen on the validation images, the test "
        "images are scored once",
        "",
    ]


def of_seeds(seeds: Sequence[int], runs: Sequence[onestop.Run]) -> list[str]:
    """A row per metric, a column per seed, and the mean with its deviation."""
    halves = [at_a_half(run) for run in runs]
    rows = [
        "| test images | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean |",
        "| --- |" + " --- |" * (len(seeds) + 1),
    ]
    for name, title in METRICS.items():
        rows.append(_row(title, [run.metrics[name] for run in runs]))
        if name != "map":
            rows.append(_row(f"{title}, all thresholds 50 %", [half[name] for half in halves]))
    ends = [
        map_interval(*tables_of(run.predictions, tuple(run.metrics["per_label"]))) for run in runs
    ]
    cells = " | ".join(f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in ends)
    rows.append(f"| mAP, interval of 95 % | {cells} | |")
    rows.append("| loss | " + " | ".join(f"{run.metrics['loss']:.3f}" for run in runs) + " | |")
    rows.append("| epoch kept | " + " | ".join(str(r.metrics["best_epoch"]) for r in runs) + " | |")
    seconds = [float(run.metrics["seconds"]) for run in runs]
    rows.append("| seconds | " + " | ".join(f"{value:,.0f}" for value in seconds) + " | |")
    random = float(np.mean([row["images"] for row in runs[0].metrics["per_label"].values()]))
    share = random / runs[0].metrics["images"]
    return [*rows, "", f"Random probabilities would have mAP {100 * share:.1f} %.", ""]


def of_labels(runs: Sequence[onestop.Run]) -> list[str]:
    """A row per label: means over the seeds, and the thresholds of each."""
    rows = [
        "| label | images | AP | precision | recall | F1 | F1 at 50 % | thresholds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    halves = [at_a_half(run)["per_label"] for run in runs]
    for name, row in runs[0].metrics["per_label"].items():
        of = [run.metrics["per_label"][name] for run in runs]
        means = [np.mean([one[key] for one in of]) for key in ("ap", "precision", "recall", "f1")]
        means.append(np.mean([half[name]["f1"] for half in halves]))
        cells = " | ".join(f"{100 * mean:.1f} %" for mean in means)
        cuts = ", ".join(f"{100 * one['threshold']:.0f}" for one in of)
        rows.append(f"| {name} | {row['images']} | {cells} | {cuts} % |")
    return [*rows, "", "Means over the seeds; thresholds of each seed."]


def _row(title: str, values: Sequence[float]) -> str:
    cells = " | ".join(f"{100 * value:.2f} %" for value in values)
    spread = f" ± {100 * np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"| {title} | {cells} | {100 * np.mean(values):.2f}{spread} % |"


if __name__ == "__main__":
    main()
