"""Results of the verbs on standard output: tables for people, JSON or CSV for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from onestop.display.costs import cost_table
from onestop.display.network import backward_table, footer, tree_table
from onestop.display.tables import (
    is_unicode,
    plain,
    print_aside,
    print_csv,
    print_json,
    print_line,
    print_path,
    print_rows,
    print_table,
    table,
)
from onestop.errors import one_line
from onestop.explaining.explanation import Explanations
from onestop.metrics.calibration import calibration_text
from onestop.metrics.spec import Metric, breakdown
from onestop.recipe.schema import FIELDS
from onestop.recipe.settings import Settings
from onestop.results.converted import Converted
from onestop.results.cost import Estimate
from onestop.results.curve import Curve
from onestop.results.evaluation import Evaluation
from onestop.results.info import Info, Lint, Report
from onestop.results.predictions import Predictions
from onestop.results.run import Run, RunRow
from onestop.runtime.csv_files import csv_text
from onestop.text import clock, listing, named_split, plural

_ALWAYS_ALL = {"top5": 5}
"""Up to this many classes a metric is always 100 %, so it is not printed."""

_FEW = 100
"""Of more classes, those without images are not listed."""


def show(
    result: Any, *, json: bool = False, csv: bool = False, top: int = 1, allow_leaks: bool = False
) -> int:
    """Print the result of a verb; returns the command's exit code.

    Args:
        result: What the verb's function returned.
        json: Print JSON.
        csv: Print comma-separated values.
        top: Labels per image in these.
        allow_leaks: Do not count leaks between splits as a failure.
    """
    if isinstance(result, Predictions):  # printed while they are computed
        return _show_predictions(result, as_json=json, as_csv=csv, top=top)
    if json:
        print_json(_to_json(result))
    elif isinstance(result, list):
        (_show_runs if result and isinstance(result[0], RunRow) else _show_entries)(result)
    else:
        _PRINTERS[type(result)](result)
    return 3 if isinstance(result, Lint) and result.leaks and not allow_leaks else 0


def _to_json(result: Any) -> Any:
    if isinstance(result, list):
        return [row.to_json() if isinstance(row, RunRow) else vars(row) for row in result]
    return result.metrics if isinstance(result, Run) else result.to_json()


def show_settings(settings: Settings, *, json: bool = False) -> None:
    """Print every value of a recipe, where it came from, and why."""
    if json:
        values = {name: settings.values.get(name) for name in FIELDS}
        print_json({n: {"value": v, **vars(settings.origins[n])} for n, v in values.items()})
        return
    rows = table("setting", "value", "from", "why")
    for name in FIELDS:
        origin, value = settings.origins[name], settings.values.get(name)
        rows.add_row(
            name.replace("_", "-"),
            "" if value is None else one_line(value),
            origin.layer,
            origin.why,
        )
    print_table(rows)


def _show_run(run: Run) -> None:
    metrics = run.metrics
    if run.examples:
        print_line(f"some {_images_of(metrics['split'])}:")
        for example in run.examples:
            sign = {True: "right", False: "WRONG", None: ""}[example.correct]
            predicted = example.predicted_text
            line = f"{example.image}: is {example.truth_text}, predicted {predicted} {sign}"
            print_line(f"  {one_line(line).rstrip()}")
    _show_metrics(metrics, run.info.metrics)
    print_path(run.folder)


def _images_of(split: str) -> str:
    return f"{'held-out ' if split != 'train' else ''}{named_split(split)} images"


def _show_metrics(values: Mapping[str, Any], metrics: Sequence[Metric], source: str = "") -> None:
    noun, of_each = breakdown(values)
    if rows := [{noun: name, **row} for name, row in of_each.items() if _is_shown(row, of_each)]:
        print_rows(rows)
        if len(rows) < len(of_each):
            print_line(f"(and {len(of_each) - len(rows):,} of which there are no images)")
    texts = [f"{m.title} {m.text(values[m.name])}" for m in _shown(metrics, values)]
    place = f"{one_line(source)} ({values['split']})" if source else values["split"]
    things = "images" if of_each else "samples"
    if text := calibration_text(values.get("calibration", {})):
        print_line(text)
    print_line(f"{place}: {', '.join(texts)} on {values['images']:,} {things}")


def _show_evaluation(evaluation: Evaluation) -> None:
    metrics = evaluation.task.metrics if evaluation.task else ()
    _show_metrics(evaluation.metrics, metrics, evaluation.source)
    if texts := _interval_texts(evaluation, metrics):
        print_line(f"95 % intervals: {', '.join(texts)}")
    for note in evaluation.notes:
        print_aside(one_line(note))
    skipped = [f"{s['path']} ({s['reason']})" for s in evaluation.skipped]
    if skipped:
        print_aside(
            f"{plural(len(skipped), 'file')} skipped: {listing(skipped, 3)} (--json lists all)"
        )
    for warning in evaluation.metrics.get("warnings", ()):
        print_aside(f"warning: {warning}")
    if evaluation.remarks:
        print_aside(f"note: used despite problems: {listing(evaluation.remarks, 3)}")


def _shown(metrics: Sequence[Metric], values: Mapping[str, Any]) -> list[Metric]:
    """The metrics that say something of so many classes."""
    count = len(breakdown(values)[1])
    return [m for m in metrics if m.name in values and not 0 < count <= _ALWAYS_ALL.get(m.name, 0)]


def _is_shown(row: Mapping[str, Any], rows: Mapping[str, Any]) -> bool:
    """Whether a class gets a row: of many, only those with images."""
    return len(rows) <= _FEW or bool(row.get("images", 1))


def _interval_texts(evaluation: Evaluation, metrics: Sequence[Metric]) -> list[str]:
    return [
        f"{metric.title} {metric.text(low)} to {metric.text(high)}"
        for metric in _shown(metrics, evaluation.metrics)
        if metric.name in evaluation.intervals
        for low, high in [evaluation.intervals[metric.name]]
    ]


def _show_lint(lint: Lint) -> None:
    counts = ", ".join(f"{count:,} {split}" for split, count in lint.images.items())
    noun = next(iter(lint.classes[0])) if lint.classes else "class"
    many = plural(len(lint.classes), noun, f"{noun}es" if noun.endswith("s") else f"{noun}s")
    print_line(f"{one_line(lint.source)}: {counts} in {many}")
    if lint.classes:
        print_rows(lint.classes)
    for note in lint.notes:
        print_line(f"note: {note}")
    if lint.findings:
        print_rows([
            {
                "": finding["level"],
                "kind": finding["kind"],
                "what": finding["text"],
                "for example": _example(finding),
            }
            for finding in lint.findings
        ])  # fmt: skip
    else:
        print_line("no problems found")
    if lint.leaks:
        print_line(
            "splits leak into each other: metrics will look too good (--allow-leaks: exit with 0)"
        )
    print_path(lint.folder)


def _show_report(report: Report) -> None:
    for line in report.said:
        print_line(line)
    print_path(report.file)


def _example(finding: Mapping[str, Any]) -> str:
    """The first images of a finding, and what is wrong with them."""
    if not finding["groups"]:
        return ""
    group = finding["groups"][0]
    names = " = ".join(image["image"] for image in group[:2])
    more = f" = {len(group) - 2} more" if len(group) > 2 else ""
    reason = f" ({finding['reasons'][0]})" if finding["reasons"] else ""
    return f"{names}{more}{reason}"


def _show_curve(curve: Curve) -> None:
    print_line(f"{one_line(curve.source)}: a linear model on features of {one_line(curve.network)}")
    print_rows(curve.rows())
    for note in curve.notes:
        print_line(f"note: {note}")
    print_line(curve.said)


def _show_predictions(predictions: Predictions, *, as_json: bool, as_csv: bool, top: int) -> int:
    top = min(top, max(1, len(predictions.classes)))
    further = [f"{name}{k}" for k in range(2, top + 1) for name in ("label", "score")]
    columns = ("image", "label", "score", *further, "error", "doubts")
    if as_csv:
        print_csv(csv_text(columns, [], header=True))
    for note in predictions.notes:
        print_aside(note)
    failed = 0
    for prediction in predictions:
        failed += bool(prediction.error)
        if as_json:
            print_json(prediction.to_json(), indent=None)
        elif as_csv:
            print_csv(csv_text(columns, [prediction.to_csv(top)]))
        elif prediction.error:
            print_aside(f"{prediction.image}: skipped: {prediction.error}")
        else:
            print_line(f"{prediction.image}: {prediction.line}")
            if prediction.warning:
                print_aside(f"note: {prediction.image}: {prediction.warning}")
    for file in predictions.skipped:
        print_aside(f"{file['path']}: skipped: {file['reason']}")
    return 3 if failed == len(predictions) else 0


def _show_explanations(explanations: Explanations) -> None:
    for note in explanations.notes:
        print_aside(note)
    for explanation in explanations:
        print_line(f"{explanation.image}: {explanation.said} ({explanation.way})")
        if explanation.remark:
            print_aside(f"note: {explanation.image}: {explanation.remark}")
    for file in explanations.skipped:
        print_aside(f"{file['path']}: skipped: {file['reason']}")
    if explanations.picture:
        print_path(explanations.picture)


def _show_converted(converted: Converted) -> None:
    print_line(f"{converted.format}: {converted.text}")
    for note in converted.notes:
        print_line(f"note: {note}")
    print_path(converted.folder)


def _show_info(info: Info) -> None:
    if info.kind == "network":
        _show_network(info)
        return
    print_line(f"{info.kind} {one_line(info.name)}")
    for name, value in info.facts.items():
        if value not in ("", [], {}, None):
            print_line(f"  {name.replace('_', ' ')}: {plain(value)}")
    if info.table:
        print_rows(info.table)


def _show_network(info: Info) -> None:
    facts, ascii_only = info.facts, not is_unicode()
    print_line(f"network {one_line(info.name)}")
    for name in ("origin", "summary", "paper"):
        if facts[name]:
            print_line(f"  {name}: {one_line(facts[name])}")
    print_line(f"  input: {'x'.join(map(str, facts['input']))}")
    print_line()
    print_table(tree_table(info.table, info.depth, ascii_only=ascii_only))
    print_line()
    for line in footer(facts, info.table, info.depth):
        print_line(f"  {line}")
    if info.backward:
        print_line()
        print_line("functions of the backward pass, from the loss on")
        print_line()
        print_table(backward_table(info.backward))


def _show_entries(entries: Iterable[Any]) -> None:
    rows = table(
        "name", "origin", "channels", "pixels", "at least", "parameters", "multiply-adds", "weights",
        "what it is",
    )  # fmt: skip
    for e in entries:
        rows.add_row(
            e.name, e.origin, str(e.channels), str(e.image_size or ""), str(e.min_size or ""),
            f"{e.parameters:,}", f"{e.multiply_adds / 1e6:,.1f} M",
            f"{e.accuracy:.1f} %" if e.weights else "", e.summary,
        )  # fmt: skip
    print_table(rows)


def _show_runs(runs: Iterable[RunRow]) -> None:
    rows = table("name", "network", "data", "best", "epochs", "state", "when", "time")
    for run in runs:
        best = "" if run.best is None else f"{run.metric.text(run.best)} ({run.split})"
        rows.add_row(
            one_line(run.name), one_line(run.network), one_line(run.data),
            one_line(f"{run.figure} {best}") if best else "",
            f"{run.epochs}/{run.of or '?'}", run.state, run.when, clock(run.seconds),
        )  # fmt: skip
    print_table(rows)


_PRINTERS: dict[type, Callable[[Any], None]] = {
    Run: _show_run,
    Evaluation: _show_evaluation,
    Lint: _show_lint,
    Report: _show_report,
    Curve: _show_curve,
    Explanations: _show_explanations,
    Estimate: lambda cost: print_table(cost_table(cost)),
    Info: _show_info,
    Converted: _show_converted,
}
"""The function that prints a result for people, by its type."""
