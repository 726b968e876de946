"""The ways that `defaults.py` compares: each trains on the training split of a set with its defaults.

    python benchmarks/default_ways.py WAY --table labels.csv --weights FILE --seed 0

Prints what it predicts for the test split as JSON, `{"predictions": [...]}`: for each image in the
table's order a class, or a number. Nothing of the test split is used for any choice. The
imports stand in the functions, since ways run in different environments.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

NETWORK = "tf_efficientnet_lite0"
FASTAI_EPOCHS = 5
"""fine_tune() has no default: one epoch with a frozen body, and these."""


def onestop(words: argparse.Namespace, *, quick: bool = False) -> list[Any]:
    """OneStop: `onestop train`, these weights named, no other settings."""
    command = [sys.executable, "-m", "onestop", "train", words.table, "--out", words.out]
    command += ["--name", "run", "--seed", str(words.seed), "--quiet"]
    if words.numbers:
        command += ["--task", "regression"]
    if words.weights and not _are_small(words):  # of small images the default has random weights
        command += ["--model", NETWORK, "--weights", words.weights]
    subprocess.run([*command, *(["--quick"] if quick else [])], check=True, stdout=sys.stderr)
    predictions = Path(words.out) / "run" / "predictions.csv"
    with predictions.open(newline="", encoding="utf-8") as file:
        said = {_key(row["image"]): row["predicted"] for row in csv.DictReader(file)}
    values = [said[_key(row["path"])] for row in _rows(words, "test")]
    return [float(value) for value in values] if words.numbers else values


def _are_small(words: argparse.Namespace) -> bool:
    """Whether the median longer side has at most 64 pixels."""
    from PIL import Image

    folder = Path(words.table).parent
    sides = [max(Image.open(folder / row["path"]).size) for row in _rows(words, "train")]
    return statistics.median(sides) <= 64


def probe(words: argparse.Namespace) -> list[Any]:
    """OneStop's probe: the same with `--quick`."""
    return onestop(words, quick=True)


def logistic(words: argparse.Namespace) -> list[Any]:
    """scikit-learn: cross-validated logistic (for numbers ridge) regression on pooled features."""
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = _rows(words, "train"), _rows(words, "test")
    if words.numbers:
        model = make_pipeline(
            StandardScaler(), RidgeCV([10.0**e for e in range(-1, 6)], cv=KFold(5, shuffle=True))
        )
        labels: list[Any] = [float(row["label"]) for row in train]
    else:
        folds = StratifiedKFold(5, shuffle=True, random_state=words.seed)
        model = make_pipeline(
            StandardScaler(),
            LogisticRegressionCV(
                Cs=[10.0**e for e in range(-5, 1)], cv=folds, scoring="neg_log_loss", max_iter=500
            ),
        )
        labels = [row["label"] for row in train]
    model.fit(_features(words, train), labels)
    return list(model.predict(_features(words, test)).tolist())


def _features(words: argparse.Namespace, rows: list[dict[str, str]]) -> Any:
    import numpy as np
    import timm
    import torch
    from PIL import Image

    network = timm.create_model(
        NETWORK, pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": words.weights}
    ).eval()
    change = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    found = []
    with torch.no_grad():
        for begin in range(0, len(rows), 16):
            images = [
                change(Image.open(Path(words.table).parent / row["path"]).convert("RGB"))
                for row in rows[begin : begin + 16]
            ]
            found.append(network(torch.stack(images)).numpy())
    return np.concatenate(found)


def fastai(words: argparse.Namespace) -> list[Any]:
    """fastai: `vision_learner`, `aug_transforms`, `fine_tune(5)`."""
    import pandas as pd
    from fastai.vision import all as fv

    fv.set_seed(words.seed)
    rows = _rows(words, "train")
    frame = pd.DataFrame(rows)[["path", "label"]]
    if words.numbers:
        frame["label"] = frame["label"].astype(float)
    block = fv.RegressionBlock if words.numbers else fv.CategoryBlock
    loaders = fv.ImageDataLoaders.from_df(
        frame, Path(words.table).parent, valid_pct=0.1, seed=words.seed, y_block=block(),
        item_tfms=fv.Resize(224), batch_tfms=fv.aug_transforms(), num_workers=0,
        bs=min(64, len(rows) // 2),
    )  # fmt: skip
    learner = fv.vision_learner(
        loaders, NETWORK, pretrained=True, pretrained_cfg_overlay={"file": words.weights},
        metrics=[],
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(FASTAI_EPOCHS)
        paths = [Path(words.table).parent / row["path"] for row in _rows(words, "test")]
        outputs = learner.get_preds(dl=loaders.test_dl(paths))[0]
    if words.numbers:
        return list(outputs.flatten().tolist())
    return [str(loaders.vocab[k]) for k in outputs.argmax(1).tolist()]


def autogluon(words: argparse.Namespace) -> list[Any]:
    """AutoGluon: `MultiModalPredictor.fit`."""
    import pandas as pd
    from autogluon.multimodal import MultiModalPredictor

    folder = Path(words.table).parent
    frames = {}
    for split in ("train", "test"):
        rows = _rows(words, split)
        frame = pd.DataFrame({"image": [str(folder / row["path"]) for row in rows]})
        frame["label"] = [float(r["label"]) if words.numbers else r["label"] for r in rows]
        frames[split] = frame
    predictor = MultiModalPredictor(label="label", path=words.out + "/autogluon")
    predictor.fit(
        frames["train"], seed=words.seed,
        hyperparameters={"model.timm_image.checkpoint_name": NETWORK, "env.num_workers": 0},
    )  # fmt: skip
    return list(predictor.predict(frames["test"]).tolist())


WAYS: dict[str, Callable[[argparse.Namespace], list[Any]]] = {
    way.__name__: way for way in (onestop, probe, logistic, fastai, autogluon)
}
PEERS = ("logistic", "fastai", "autogluon")


def _rows(words: argparse.Namespace, split: str) -> list[dict[str, str]]:
    with Path(words.table).open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def _key(path: str) -> str:
    return "/".join(Path(path).parts[-3:])


def main() -> None:
    """Train once, print predictions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("way", choices=list(WAYS))
    parser.add_argument("--table", required=True)
    parser.add_argument("--weights", help="safetensors of the network, in timm's names")
    parser.add_argument("--numbers", action="store_true", help="labels are numbers")
    parser.add_argument("--seed", "--seeds", type=int, default=0)
    parser.add_argument("--out", help="folder for what a way writes (default: a temporary one)")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words.out = words.out or folder
        os.environ.setdefault("ONESTOP_OFFLINE", "1")
        predictions = WAYS[words.way](words)
    print(json.dumps({"predictions": predictions}))


if __name__ == "__main__":
    main()
