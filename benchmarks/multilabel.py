"""Several labels per image on the grids of `multilabel_grids.py`: metrics, thresholds, and the loss.

    python benchmarks/multilabel.py --data grids/images.csv --seeds 0 1 2

For each seed it trains with recipes/multilabel_grids.yaml; the test images are scored once, at the end.
The metrics with all thresholds at 50 % are computed from the probabilities in predictions.csv.

The second part compares the loss summed over the labels, as in OneStop, with its mean over the labels,
as in PyTorch's BCEWithLogitsLoss: short runs at the default learning rate that differ in nothing else.

Runs that are complete are not repeated. Results are written to build/benchmarks unless --out names
another folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import onestop
from onestop.data.batch import Batch
from onestop.metrics.map_intervals import map_interval
from onestop.tasks import TASKS
from onestop.tasks.multilabel import Multilabel, metrics_of, scores_and_truth
from onestop.tasks.task import Loss

RECIPE = Path(__file__).parent.parent / "recipes" / "multilabel_grids.yaml"
METRICS = {
    "map": "mAP", "micro_f1": "micro F1", "macro_f1": "macro F1", "exact_match": "exact match",
}  # fmt: skip
SHORT: dict[str, Any] = {"model": "airbench_small", "epochs": 6, "image_size": 32}
"""Settings of the runs that compare losses; all others are the defaults."""


class MeanLoss(Multilabel):
    """The loss averaged over the labels instead of summed."""

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        loss = super().loss(network, batch)
        return dataclasses.replace(loss, total=loss.total / len(self.names))


def main() -> None:
    """Parse the arguments, train, write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="table of the grids")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"))
    parser.add_argument(
        "--note", default="", help="remark on the machine, for the head of the file"
    )
    args = parser.parse_args()
    runs = [train(args, f"multilabel-{seed}", seed=seed, recipe=RECIPE) for seed in args.seeds]
    sums = [train(args, f"multilabel-sum-{seed}", seed=seed, **SHORT) for seed in args.seeds]
    TASKS[Multilabel.name] = MeanLoss
    means = [train(args, f"multilabel-mean-{seed}", seed=seed, **SHORT) for seed in args.seeds]
    TASKS[Multilabel.name] = Multilabel
    lines = [
        *head(args, runs[0]), *seed_table(args.seeds, runs), *label_table(runs),
        *loss_table(args.seeds, sums, means),
    ]  # fmt: skip
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "multilabel_grids.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(path)


def train(args: argparse.Namespace, name: str, **settings: Any) -> onestop.Run:
    """A run on the grids; a complete one is read, a stopped one resumed."""
    folder = args.out / name
    if (folder / "metrics.json").is_file():
        return onestop.Run(folder)
    if folder.exists():
        return onestop.train(resume=folder)
    return onestop.train(str(args.data), threads=args.threads, out=args.out, name=name, **settings)


def at_half(run: onestop.Run) -> dict[str, Any]:
    """The metrics with all thresholds at 50 %."""
    names = tuple(run.metrics["per_label"])
    scores, truth = scores_and_truth(run.predictions, names)
    return dict(metrics_of(scores, truth, Multilabel(names)))


def head(args: argparse.Namespace, run: onestop.Run) -> list[str]:
    """What was run, when and on which machine."""
    versions = onestop.info(run.folder).facts["made_with"]
    recipe, metrics = run.recipe, run.metrics
    processor = versions["device_name"].removeprefix("x86_64 ")
    instructions = versions["instructions"].replace("AVX512", "AVX-512")
    rows = metrics["per_label"].values()
    labels = sum(row["images"] for row in rows) / metrics["images"]
    return [
        "# Several labels per image: grids of CIFAR-10",
        "",
        "- Command: `python benchmarks/multilabel.py --data grids/images.csv --seeds "
        f"{' '.join(map(str, args.seeds))}`, which trains with `recipes/multilabel_grids.yaml`",
        "- Data: `python benchmarks/multilabel_grids.py --root path/to/cifar10 --out grids`: 10,000 "
        f"grids for training, 1,000 for validation, {metrics['images']:,} for the test; these have "
        f"{labels:.1f} of {len(rows)} labels on average",
        f"- Date: {dt.date.today().isoformat()}. Machine: {args.threads} core of an {processor}, "
        f"{instructions}"
        + (f", {args.note}" if args.note else "")
        + f"; torch {versions['torch']}, "
        f"numpy {np.__version__}, {recipe.machine.precision}",
        f"- Settings: {recipe.network.model} at {recipe.data.image_size} pixels, "
        f"{recipe.optim.epochs} epochs of batch {recipe.optim.batch_size}, {recipe.optim.optimizer}, "
        f"learning rate {recipe.optim.lr:g}. The epoch with the highest validation mAP is scored; "
        "thresholds are chosen on the validation images; the test images are scored once",
        "",
    ]


def seed_table(seeds: Sequence[int], runs: Sequence[onestop.Run]) -> list[str]:
    """One row per metric, one column per seed, and the mean with the standard deviation."""
    halves = [at_half(run) for run in runs]
    rows = header("test images", seeds)
    for name, title in METRICS.items():
        rows.append(percentages(title, [run.metrics[name] for run in runs]))
        if name != "map":
            rows.append(percentages(f"{title}, thresholds 50 %", [half[name] for half in halves]))
    ends = [
        map_interval(*scores_and_truth(run.predictions, tuple(run.metrics["per_label"])))
        for run in runs
    ]
    intervals = " | ".join(f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in ends)
    rows.append(f"| mAP, 95 % confidence interval | {intervals} | |")
    rows.append(numbers("loss", runs, lambda run: f"{run.metrics['loss']:.3f}"))
    rows.append(numbers("epoch scored", runs, lambda run: f"{run.metrics['best_epoch']}"))
    rows.append(numbers("seconds", runs, lambda run: f"{run.metrics['seconds']:,.0f}"))
    images = float(np.mean([row["images"] for row in runs[0].metrics["per_label"].values()]))
    chance = images / runs[0].metrics["images"]
    return [
        *rows, "", f"Random scores would have an mAP of about {100 * chance:.1f} %. ± is the standard "
        "deviation over the seeds.", "",
    ]  # fmt: skip


def label_table(runs: Sequence[onestop.Run]) -> list[str]:
    """One row per label: means over the seeds, and the threshold of each seed."""
    rows = [
        "| label | images | AP | recall | precision | F1 | F1 at 50 % | thresholds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    halves = [at_half(run)["per_label"] for run in runs]
    for name, row in runs[0].metrics["per_label"].items():
        metrics = [run.metrics["per_label"][name] for run in runs]
        keys = ("ap", "recall", "precision", "f1")
        means = [np.mean([values[key] for values in metrics]) for key in keys]
        means.append(np.mean([half[name]["f1"] for half in halves]))
        cells = " | ".join(f"{100 * mean:.1f} %" for mean in means)
        thresholds = ", ".join(f"{100 * values['threshold']:.0f} %" for values in metrics)
        rows.append(f"| {name} | {row['images']} | {cells} | {thresholds} |")
    return [*rows, "", "Metrics are means over the seeds; each seed has its thresholds.", ""]


def loss_table(
    seeds: Sequence[int], sums: Sequence[onestop.Run], means: Sequence[onestop.Run]
) -> list[str]:
    """The test mAP of short runs with both losses."""
    optim, data = sums[0].recipe.optim, sums[0].recipe.data
    return [
        *header("test mAP of short runs", seeds),
        percentages("loss summed over the labels", [run.metrics["map"] for run in sums]),
        percentages("loss averaged over the labels", [run.metrics["map"] for run in means]),
        "",
        f"{sums[0].recipe.network.model} at {data.image_size} pixels, {optim.epochs} epochs of batch "
        f"{optim.batch_size}, {optim.optimizer} at its default learning rate, {optim.lr:g}.",
    ]


def header(title: str, seeds: Sequence[int]) -> list[str]:
    """The first two lines of a table with a column per seed."""
    return [
        f"| {title} | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean |",
        "| --- |" + " --- |" * (len(seeds) + 1),
    ]


def numbers(title: str, runs: Sequence[onestop.Run], text_of: Callable[[onestop.Run], str]) -> str:
    """A row without a mean."""
    return f"| {title} | " + " | ".join(map(text_of, runs)) + " | |"


def percentages(title: str, values: Sequence[float]) -> str:
    """A row with its mean and standard deviation."""
    cells = " | ".join(f"{100 * value:.2f} %" for value in values)
    spread = f" ± {100 * np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"| {title} | {cells} | {100 * np.mean(values):.2f}{spread} % |"


if __name__ == "__main__":
    main()
