"""From the arguments of a new run to its plan: settings, data, network, and what is derived.

torch is imported inside the functions: a usage error must not wait for it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from onestop.errors import OneStopError, UsageError
from onestop.images.pixel_range import parsed
from onestop.jobs.permission import Downloads, is_in_run, permitted
from onestop.recipe.files import read_recipe
from onestop.recipe.markers import flag
from onestop.recipe.names import canonical, names_code
from onestop.recipe.settings import Layer, Settings, refuse_useless, settings
from onestop.storage.own_files import remains
from onestop.tracking import require

if TYPE_CHECKING:
    from onestop.data.dataset import Dataset
    from onestop.jobs.view import Needs
    from onestop.networks.catalog import Entry
    from onestop.training.plan import Plan
    from onestop.training.probe.features import FeatureBank
    from onestop.training.probe.strength import Chosen, Examples

Measured: TypeAlias = "Callable[[Plan, Collection[str], float, Callable[[str], None]], Needs]"
"""Takes a plan, the names of what is settled, when the run was asked for, and what takes lines; gives
settings, each with its reason."""
First: TypeAlias = (
    "Callable[[Plan, FeatureBank, Examples, Chosen, float, Callable[[str], None]], Path]"
)
"""Creates the folder of the run and keeps a model there, as `keep_first_model` does."""


def take_network(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """The overrides with a network object replaced by its name, and that network or None."""
    for spelled, value in overrides.items():
        if canonical(spelled) == "model" and callable(value):
            from onestop.networks.custom import name_of

            return {**overrides, spelled: name_of(value)}, value
    return dict(overrides), None


def permitted_for(source: Any, recipe: str | Path | None, named: Mapping[str, Any]) -> Downloads:
    """What may be downloaded: all, unless the settings come from the recipe in a run folder."""
    if recipe is None or not is_in_run(recipe):
        return Downloads()
    folder = Path(recipe).parent
    return permitted(folder, read_recipe(recipe), named, source=source is not None)


def plan_new(
    source: Any, recipe: str | Path | None, checked: dict[str, Any], network: Any, *,
    quick: bool = False, quiet: bool = True, settle: bool = True,
    measured: Measured = lambda *_: {}, first: First | None = None,
) -> tuple[Plan, FeatureBank, Path | None]:  # fmt: skip
    """The plan of a new run, the features of its training images that are known, and its folder.

    Args:
        source: As `train` takes it, but for the folder of a run.
        recipe: YAML file of settings.
        checked: Settings by name.
        network: As it came from Python, if it did.
        quick: Stop after the probe.
        quiet: Say nothing of what is compared.
        settle: Settle what only the images can tell, too.
        measured: Settles what only a measurement can tell.
        first: Keeps the first model, if there is one before all is settled.

    Raises:
        OneStopError: A wrong setting or source.
    """
    if isinstance(source, str | Path) and (problem := remains(Path(source))):
        raise UsageError(f"{source}: {problem}")
    begun, needs = time.perf_counter(), dict[str, tuple[object, str]]()
    allowed = permitted_for(source, recipe, checked)
    planned = _planned(source, recipe, checked, network, allowed, needs, quick=quick)

    from onestop.display.progress import Watcher
    from onestop.jobs.view import view_needs
    from onestop.training.probe.features import bank_for

    bank, say, folders = bank_for(planned), Watcher(quiet=quiet).say, list[Path]()

    def keep(examples: Examples, chosen: Chosen) -> None:
        if first is not None:
            folders.append(first(planned, bank, examples, chosen, begun, say))

    while missing := planned.otherwise or (
        settle
        and (view_needs(planned, bank, begun, say, keep) or measured(planned, needs, begun, say))
    ):
        needs |= missing
        planned = _planned(source, recipe, checked, network, allowed, needs, quick=quick)
        if planned.engine != bank.engine:  # features in another precision are other features
            bank = bank_for(planned)
    return planned, bank, folders[0] if folders else None


def resolve_new(
    source: Any, recipe: str | Path | None, overrides: dict[str, Any], allowed: Downloads,
    needs: Mapping[str, tuple[object, str]] = {},
) -> tuple[Settings, Dataset, Entry]:  # fmt: skip
    """The settings, the data and the network; `needs` are settings that turned out to be needed."""
    layers: list[tuple[Layer, Mapping[str, object]]] = []
    if recipe is not None:
        layers.append(("file", _without_stale_digest(read_recipe(recipe), overrides)))
    data = source
    if isinstance(source, str | os.PathLike):
        overrides = {**overrides, "source": os.fspath(source)}
    layers.append(("flag", overrides))
    partial = _with_needs(settings(*layers), needs)
    values = partial.values
    refuse_useless(partial)
    require(values["track"])
    if source is None or isinstance(source, str | os.PathLike):
        data = values["source"]

    from onestop.data import as_recorded, open_data
    from onestop.data.dataset import facts
    from onestop.data.pixel_values import count_pixel_values, range_notes
    from onestop.data.sources.python import NAME
    from onestop.runtime.device import cores
    from onestop.training.defaults import derive

    dataset = open_data(
        data, root=values["data_root"], download=allowed.data, **as_recorded(values)
    )
    if data is not values["source"]:
        named: tuple[Layer, Mapping[str, object]] = ("flag", {"source": NAME})
        partial = _with_needs(settings(*layers, named), needs)
    partial = _with_network_of_weights(partial, dataset)
    counts = count_pixel_values(dataset.splits["train"], cores())
    info = dataclasses.replace(facts(dataset), values=counts)
    resolved, entry = derive(partial, info, download=allowed.weights)
    found = resolved.origins["pixel_range"].layer == "derived"
    notes = range_notes(info.values, parsed(resolved.values["pixel_range"]), found=found)
    return resolved, dataset.with_splits(dataset.splits, *notes), entry


def _with_network_of_weights(partial: Settings, dataset: Dataset) -> Settings:
    """With the network that a file or a run of initial weights is for, if nobody names one."""
    from onestop.inference.identify import network_of
    from onestop.inference.published import is_tag
    from onestop.storage.model_file import model_path
    from onestop.tasks import TASKS

    weights = partial.values.get("weights", "none")
    if "model" in partial.values or weights == "none" or is_tag(weights):
        return partial
    try:
        network = network_of(model_path(weights))
    except OneStopError:
        return partial  # what is wrong is said when it is read for the network of the rules
    if names_code(network):
        return partial
    return partial.derive(
        "model", TASKS[dataset.task].network_over(network), f"{weights} is for it"
    )


def _without_stale_digest(
    recipe: dict[str, Any], overrides: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A recipe, without the hash of its initial weights if the flags name others."""
    if {"model", "weights"} & overrides.keys():
        return {name: value for name, value in recipe.items() if name != "weights_digest"}
    return recipe


def _with_needs(partial: Settings, needs: Mapping[str, tuple[object, str]]) -> Settings:
    """The settings with those that the network turned out to need; `choose` asks for such a need."""
    for name, (value, why) in needs.items():
        if partial.origins[name].layer != "default" and partial.values.get(name) != "choose":
            raise UsageError(f"{flag(name, partial.values[name])}: {why}; leave it out")
        partial = partial.derive(name, value, why)
    return partial


def _planned(
    source: Any, recipe: str | Path | None, checked: dict[str, Any], network: Any,
    allowed: Downloads, needs: Mapping[str, tuple[object, str]], *, quick: bool = False,
) -> Plan:  # fmt: skip
    resolved, dataset, entry = resolve_new(source, recipe, checked, allowed, needs)
    if quick:
        resolved = _quick(resolved)

    from onestop.training.plan import plan

    download = allowed.weights
    return plan(resolved.recipe, entry, dataset, network, resolved.whys, download=download)


def _quick(resolved: Settings) -> Settings:
    """The settings with no epochs after the probe."""
    if resolved.values["probe"] == "none":
        why = resolved.origins["probe"].why or "--probe none"
        raise UsageError(f"--quick: there is no probe ({why}); name weights with --weights")
    if resolved.given("epochs"):
        raise UsageError(f"--quick: is --epochs 0, not {resolved.values['epochs']}; drop one")
    return resolved.derive("epochs", 0, "--quick keeps the probe")
