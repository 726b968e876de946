"""The table of classes: how many of each are found, how sure that is, and what they are taken for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from onestop.metrics.intervals import wilson
from onestop.reporting.blocks import Block, Share, Table, Text
from onestop.reporting.run_data import RunData
from onestop.text import plural

FEW = 30
"""Images of a class below which its figures are little more than a guess."""
_SHORT = 30  # classes up to which they stand in their own order

COLUMNS = ("class", "images", "found (recall)", "right when named (precision)", "F1", "taken for")


def class_table(found: RunData) -> list[Block]:
    """A row a class; of many classes the weakest come first."""
    of_class = Counter(p.truth_text for p in found.predictions)
    as_class = Counter(p.label for p in found.predictions)
    hits = Counter(p.truth_text for p in found.predictions if p.correct)
    taken: dict[str, Counter[str]] = {}
    for prediction in found.predictions:
        if prediction.correct is False:
            taken.setdefault(prediction.truth_text, Counter())[prediction.label] += 1
    names = [name for name in found.names if of_class[name] or as_class[name]]
    recall = _shares(names, hits, of_class)
    precision = _shares(names, hits, as_class)
    rows: list[tuple[str | Share, ...]] = []
    for name in names:
        both = of_class[name] + as_class[name]
        f1 = f"{2 * hits[name] / both:.1%}"
        rows.append((
            name, _count(of_class[name]),
            recall[name] if of_class[name] else "",
            precision[name] if as_class[name] else "never named", f1, _taken(taken.get(name)),
        ))  # fmt: skip
    caption = "Shares with their intervals of 95% (Wilson)."
    if len(names) > _SHORT:
        rows.sort(key=lambda row: recall[str(row[0])].at)
        caption += " The weakest classes come first."
    return [*_warned(found.names, of_class), Table(COLUMNS, rows, caption, _SHORT)]


def recalls(found: RunData) -> dict[str, Share]:
    """The share of each class that was found, by name; classes without images are left out."""
    of_class = Counter(p.truth_text for p in found.predictions)
    hits = Counter(p.truth_text for p in found.predictions if p.correct)
    return _shares([name for name in found.names if of_class[name]], hits, of_class)


def _shares(names: Sequence[str], hits: Counter[str], of: Counter[str]) -> dict[str, Share]:
    right, count = [hits[name] for name in names], [of[name] for name in names]
    low, high = wilson(right, count)
    return {
        name: Share(h / max(n, 1), float(a), float(b))
        for name, h, n, a, b in zip(names, right, count, low, high, strict=True)
    }


def _count(images: int) -> str:
    return f"{images:,}" + (" (few)" if images < FEW else "")


def _taken(wrong: Counter[str] | None) -> str:
    if not wrong:
        return ""
    return ", ".join(f"{name} {count:,}" for name, count in wrong.most_common(2))


def _warned(classes: Sequence[str], of_class: Counter[str]) -> list[Block]:
    few = [name for name in classes if of_class[name] < FEW]
    if not few:
        return []
    some = ", ".join(few[:5]) + (f" and {len(few) - 5:,} more" if len(few) > 5 else "")
    return [
        Text(
            f"{plural(len(few), 'class has', 'classes have')} fewer than {FEW} held-out images, so "
            f"their figures are rough: {some}.",
            "warning",
        )
    ]
