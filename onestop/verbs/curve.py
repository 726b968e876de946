"""`onestop curve`: what more training images would bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import UsageError
from onestop.recipe.arguments import READING, checked_fields, takes_fields
from onestop.recipe.signatures import checked
from onestop.results.curve import Curve

if TYPE_CHECKING:
    from onestop.training.plan import Plan

_FIELDS = (
    "model", "weights", "image_size", "val_fraction", "data_root", "seed", "device", *READING,
)  # fmt: skip


@takes_fields(*_FIELDS)
@checked
def curve(
    source: Any, *, out: str | Path | None = None, quiet: bool = False, **settings: Any
) -> Curve:
    """Measure what more training images would bring, in seconds.

    The features of a pretrained network are computed once. Linear models on them are fitted to growing
    parts of the training images and measured on held-out folds; an inverse power law through these
    points says what twice the images would bring.

    Args:
        source: a folder, table or data set by name, as `train` takes it
        out: picture of the curve to write: .png, .svg, .pdf or .jpg
        quiet: print no progress
        settings: as of `train`

    Returns:
        The curve.

    Raises:
        OneStopError: No such source or network, no pretrained weights, or too few images.
    """
    from onestop.figures.files import picture_file, write_figure
    from onestop.jobs.curve import measured
    from onestop.jobs.planning import plan_new, take_network

    picture = None if out is None else picture_file("--out", out)
    settings, network = take_network(settings)
    fields = checked_fields(settings, _FIELDS)
    planned, bank, _ = plan_new(source, None, fields, network, quiet=quiet)
    _require_probe(planned)
    result = measured(planned, bank, quiet=quiet)
    if picture is not None:
        write_figure(result.figure(), picture)
    return result


def _require_probe(planned: Plan) -> None:
    """Refuse what has no pretrained features, or none that a linear model can be fitted to."""
    from onestop.training.plan import lacking_weights

    if planned.linear_head is None:
        lacking = lacking_weights(planned.recipe, planned.whys).removeprefix("warning: ")
        why = lacking.partition(";")[0] or planned.whys.get("probe", "no head can be fitted")
        raise UsageError(f"curve: {planned.dataset.name}: {why}; name a network and its --weights")
