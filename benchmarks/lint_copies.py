"""Recall and false positives of `onestop lint` for copies planted among 50,000 small images.

    python benchmarks/lint_copies.py --root FOLDER_OF_CIFAR10 --seeds 3

A validation split of seven kinds of copies is added to CIFAR-10's training images (a folder
train/<class>/*). A copy counts as found if lint reports it together with its original as a leak.

False positives cannot be counted directly, since CIFAR-10 has thousands of real near copies. But nine
in ten random pairs have different classes, and real copies hardly ever do. So the images grouped with
images of another class are counted, and divided by 0.9.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from compare import heading, spread, write
from PIL import Image, ImageOps

import onestop

RNG = np.random.Generator
PLANTED = 1000  # of each kind


def main() -> None:
    """Plant, lint and count, once per seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", required=True, help="folder with train/<class>/*")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--no-write", action="store_true", help="do not write to results/")
    words = parser.parse_args()
    results: dict[str, list[float]] = {}
    for seed in range(words.seeds):
        for metric, value in once(Path(words.root), seed).items():
            results.setdefault(metric, []).append(value)
            print(f"seed {seed}: {metric}: {value:.5g}", flush=True)
    lines = heading(
        "Copies planted into CIFAR-10 and found by onestop lint",
        f"{words.seeds} seeds, {PLANTED} copies of each kind; medians, range in brackets.",
        ["", "fraction or number"],
    )
    lines += [f"| {metric} | {spread(values, '.4g')} |" for metric, values in results.items()]
    text = "\n".join(lines) + "\n"
    print(text)
    if not words.no_write:
        write(Path(sys.argv[0]).stem, text)


def once(root: Path, seed: int) -> dict[str, float]:
    """Recall per kind of copy, and false positives, for one seed."""
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(root / "train", Path(folder) / "data", np.random.default_rng(seed))
        begun = time.perf_counter()
        lint = onestop.lint(Path(folder) / "data", out=folder, quiet=True)
        seconds = time.perf_counter() - begun
        report = json.loads((lint.folder / "lint.json").read_text(encoding="utf-8"))
    together: dict[str, set[str]] = {}
    conflicting, grouped = 0, set[str]()
    for finding in report["findings"]:
        if "copies" not in finding["kind"]:
            continue
        for group in finding["groups"]:
            names = {image["image"] for image in group}
            for name in names:
                together.setdefault(name, set()).update(names)
            own = [image for image in group if image["split"] == "train"]
            if len(own) > 1:
                grouped |= {image["image"] for image in own}
                classes = Counter(image["class"] for image in own)
                conflicting += 2 * (len(own) - max(classes.values()))
    shares = {
        f"found: {kind}": statistics.fmean(
            original in together.get(copy, ()) for copy, original in made
        )
        for kind, made in planted.items()
    }
    images = report["images"]["train"]
    return {
        **shares,
        "false positives: images grouped with another class / 0.9": conflicting / 0.9 / images,
        "original images reported as copies, correctly or not": len(grouped) / images,
        "seconds": seconds,
    }


def plant(train: Path, to: Path, rng: RNG) -> dict[str, list[tuple[str, str]]]:
    """Create a data set of the training images and copies of some of them: (copy, original) by kind."""
    (to / "val").mkdir(parents=True)
    (to / "train").symlink_to(train.resolve(), target_is_directory=True)
    originals = sorted(train.glob("*/*"))
    indices = iter(rng.permutation(len(originals)).tolist())
    made: dict[str, list[tuple[str, str]]] = {}
    for kind, copy in KINDS.items():
        for index in itertools.islice(indices, PLANTED):
            original = originals[index]
            folder = to / "val" / original.parent.name
            folder.mkdir(exist_ok=True)
            path = folder / f"{kind.split(',')[0].replace(' ', '_')}_{original.stem}"
            path = copy(original, path, rng)
            pair = str(path.relative_to(to)), f"train/{original.parent.name}/{original.name}"
            made.setdefault(kind, []).append(pair)
    return made


def exact(original: Path, path: Path, _: RNG) -> Path:
    """The same file."""
    return Path(shutil.copy(original, path.with_suffix(original.suffix)))


def recoded(original: Path, path: Path, rng: RNG) -> Path:
    """Recompressed as JPEG."""
    path = path.with_suffix(".jpg")
    _picture(original).save(path, quality=int(rng.integers(40, 90)))
    return path


def enlarged(original: Path, path: Path, rng: RNG) -> Path:
    """Up to 2.5 times as large."""
    return _resized(original, path, int(rng.integers(40, 81)))


def reduced(original: Path, path: Path, rng: RNG) -> Path:
    """Down to 5/8 of the size."""
    return _resized(original, path, int(rng.integers(20, 29)))


def mirrored(original: Path, path: Path, rng: RNG) -> Path:
    """Mirrored left-right."""
    path = path.with_suffix(".jpg")
    ImageOps.mirror(_picture(original)).save(path, quality=int(rng.integers(70, 95)))
    return path


def cropped(original: Path, path: Path, rng: RNG) -> Path:
    """Cropped by two to four of 32 pixels per side, at a random position."""
    picture = _picture(original)
    side = int(rng.integers(28, 31))
    x, y = rng.integers(0, 32 - side + 1, 2).tolist()
    path = path.with_suffix(".jpg")
    picture.crop((x, y, x + side, y + side)).save(path, quality=90)
    return path


def cropped_and_mirrored(original: Path, path: Path, rng: RNG) -> Path:
    """Cropped and mirrored."""
    path = cropped(original, path, rng)
    ImageOps.mirror(_picture(path)).save(path, quality=90)
    return path


def _resized(original: Path, path: Path, side: int) -> Path:
    path = path.with_suffix(".jpg")
    _picture(original).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def _picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


KINDS: dict[str, Callable[[Path, Path, RNG], Path]] = {
    "exact copies": exact,
    "recompressed, JPEG quality 40 to 89": recoded,
    "enlarged": enlarged,
    "reduced": reduced,
    "mirrored": mirrored,
    "cropped by 2 to 4 of 32 pixels": cropped,
    "cropped and mirrored": cropped_and_mirrored,
}

if __name__ == "__main__":
    main()
