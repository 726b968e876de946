"""All benchmarks in sequence; those with missing data are skipped with a message.

    make bench CIFAR=FOLDER MNIST=FOLDER PHOTOS=FOLDER SQUEEZENET=FILE

`CIFAR` is a folder with CIFAR-10's images in train/ and test/, one folder per class; `MNIST` is the
root of torchvision's MNIST; `PHOTOS` has train/ and val/ of ants and bees (hymenoptera); `SQUEEZENET`
is a safetensors file with the pretrained features of SqueezeNet 1.1. Every script writes a table to
`benchmarks/results/`. The suite takes about three hours on two cores; nothing else should run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
NETWORKS = ("resnet18", "mobilenet_v3_large")  # networks of the prediction benchmark


@dataclass(frozen=True)
class Row:
    """A script and its arguments, with placeholders such as {cifar}."""

    script: str
    words: str
    rounds: int = 3


ROWS = [
    Row("lenet_mnist.py", "--root {mnist}", 5),
    Row("lenet_cifar10.py", "--root {cifar}"),
    Row(
        "finetune_ants_bees.py",
        "--root {photos} --weights {squeezenet} --learn all --ways tutorial onestop",
        5,
    ),
    Row("finetune_ants_bees.py", "--root {photos} --weights {squeezenet} --learn head", 5),
    *(Row("predict_photographs.py", f"--root {{photos}} --model {{runs}}/{n}") for n in NETWORKS),
    Row("train_throughput.py", "--job resnet18_224 --root {photos} --ways tutorial onestop limit"),
    Row("train_throughput.py", "--job mobilenet_224 --root {photos} --ways tutorial onestop limit"),
    Row("train_throughput.py", "--job resnet20_32 --root {cifar} --ways tutorial onestop limit"),
    Row("train_throughput.py", "--job resnet18_32 --root {cifar}"),
    Row("share_of_limit.py", "--root {cifar} --photographs {photos}", 15),
    Row("cifar10_fast.py", "--root {cifar}"),
    Row("startup.py", "--root {photos}", 5),
]
PEERS = [
    Row("peers.py", "--job lenet --root {cifar} --ways tutorial lightning hf_trainer onestop"),
    Row(
        "peers.py",
        "--job finetune --root {photos} --weights {squeezenet} --ways tutorial fastai onestop",
        3,
    ),
]


def main() -> None:
    """Run all benchmarks with available data; exit with 1 if a script failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("cifar", "mnist", "photos", "squeezenet"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--runs", default="runs", help="folder of the trained networks")
    parser.add_argument("--rounds", type=int, help="rounds of every script (default: its own)")
    parser.add_argument("--peers", action="store_true", help="run the peers instead")
    words = parser.parse_args()
    arguments = {name: value for name, value in vars(words).items() if value}
    if words.photos and not words.peers:
        for network in NETWORKS:
            train(network, words)
    rows = PEERS if words.peers else ROWS
    failed = [row for row in rows if not run(row, arguments, words.rounds)]
    sys.exit(f"failed: {', '.join(row.script for row in failed)}" if failed else 0)


def run(row: Row, arguments: dict[str, str], rounds: int | None) -> bool:
    """Run a script if all its arguments are available; False if it fails."""
    try:
        words = row.words.format(**arguments).split()
    except KeyError as missing:
        print(f"{row.script} {row.words}: skipped, needs {str(missing.args[0]).upper()}=...")
        return True
    command = [
        sys.executable,
        str(FOLDER / row.script),
        *words,
        "--rounds",
        str(rounds or row.rounds),
    ]
    print("\n$", row.script, *command[2:], flush=True)
    return subprocess.run(command, check=False).returncode == 0


def train(network: str, words: argparse.Namespace) -> None:
    """Train a network, since the predictions of random weights are nearly tied."""
    if (Path(words.runs) / network / "metrics.json").exists():
        return
    command = [
        sys.executable, "-m", "onestop", "train", words.photos, "--model", f"torchvision:{network}",
        "--image-size", "224", "--augment", "flip", "--batch-size", "8", "--ema", "0", "--epochs", "30",
        "--out", words.runs, "--name", network,
    ]  # fmt: skip
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
