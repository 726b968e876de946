"""The table of classes: precision and recall with intervals, and what classes are confused with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from onestop.metrics.intervals import wilson
from onestop.reporting.blocks import Block, Share, Table, Text
from onestop.reporting.run_data import RunData
from onestop.text import plural

FEW = 30
"""With fewer images than this, the metrics of a class are very imprecise."""
SHORT = 30
"""Up to this many classes stay in their own order."""

COLUMNS = ("class", "images", "recall", "precision", "F1", "mistaken for")


def class_table(run: RunData) -> list[Block]:
    """One row per class; if there are many, those with the lowest recall come first."""
    of_class = Counter(p.truth_text for p in run.predictions)
    as_class = Counter(p.label for p in run.predictions)
    correct = Counter(p.truth_text for p in run.predictions if p.correct)
    mistakes: dict[str, Counter[str]] = {}
    for prediction in run.predictions:
        if prediction.correct is False:
            mistakes.setdefault(prediction.truth_text, Counter())[prediction.label] += 1
    names = [name for name in run.names if of_class[name] or as_class[name]]
    recall = _shares(names, correct, of_class)
    precision = _shares(names, correct, as_class)
    rows: list[tuple[str | Share, ...]] = []
    for name in names:
        both = of_class[name] + as_class[name]
        f1 = f"{2 * correct[name] / both:.1%}"
        rows.append((
            name, count_cell(of_class[name]),
            recall[name] if of_class[name] else "",
            precision[name] if as_class[name] else "never predicted", f1,
            _most_common(mistakes.get(name)),
        ))  # fmt: skip
    caption = "Recall and precision with 95% confidence intervals (Wilson)."
    if len(names) > SHORT:
        rows.sort(key=lambda row: recall[str(row[0])].at)
        caption += " Classes with the lowest recall come first."
    return [
        *imprecise(run.names, of_class, "class", "classes"),
        Table(COLUMNS, rows, caption, SHORT),
    ]


def recalls(run: RunData) -> dict[str, Share]:
    """The recall of each class, by name; classes without images are omitted."""
    of_class = Counter(p.truth_text for p in run.predictions)
    correct = Counter(p.truth_text for p in run.predictions if p.correct)
    return _shares([name for name in run.names if of_class[name]], correct, of_class)


def _shares(names: Sequence[str], correct: Counter[str], of: Counter[str]) -> dict[str, Share]:
    shares = shares_of([correct[name] for name in names], [of[name] for name in names])
    return dict(zip(names, shares, strict=True))


def shares_of(successes: Sequence[int], trials: Sequence[int]) -> list[Share]:
    """Proportions with their 95 % intervals; 0 without trials."""
    low, high = wilson(successes, trials)
    return [
        Share(k / max(n, 1), float(a), float(b))
        for k, n, a, b in zip(successes, trials, low, high, strict=True)
    ]


def count_cell(images: int) -> str:
    """A number of images, marked if it is too small for precise metrics."""
    return f"{images:,}" + (" (few)" if images < FEW else "")


def _most_common(wrong: Counter[str] | None) -> str:
    if not wrong:
        return ""
    return ", ".join(f"{name} {count:,}" for name, count in wrong.most_common(2))


def imprecise(
    names: Sequence[str], images: Mapping[str, int], noun: str, nouns: str
) -> list[Block]:
    """A warning if classes or labels have too few images for precise metrics."""
    few = [name for name in names if images[name] < FEW]
    if not few:
        return []
    first = ", ".join(few[:5]) + (f" and {len(few) - 5:,} more" if len(few) > 5 else "")
    return [
        Text(
            f"{plural(len(few), f'{noun} has', f'{nouns} have')} fewer than {FEW} held-out images, so "
            f"these metrics are imprecise: {first}.",
            "warning",
        )
    ]
