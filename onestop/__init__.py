"""OneStop: from a source of images to a trained, understood, safe and served model.

>>> import onestop
>>> run = onestop.train("digits", epochs=2)  # doctest: +SKIP
>>> onestop.predict(run.folder, "digit.png")  # doctest: +SKIP

Names are imported on first use, so that `import onestop` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from onestop.version import __version__

if TYPE_CHECKING:
    from onestop.data import open_data
    from onestop.errors import (
        ArchitectureError,
        BadImageError,
        DataError,
        InterruptedRun,
        ModelFileError,
        NonFiniteLossError,
        OneStopError,
        OutOfMemoryError,
        RunLockedError,
        UsageError,
        WriteError,
    )
    from onestop.inference.load import load
    from onestop.inference.model import Model
    from onestop.networks import build
    from onestop.networks.surgery import replace_head
    from onestop.recipe import Recipe
    from onestop.results.run import Run
    from onestop.storage.model_file import load_weights, write_weights
    from onestop.verbs.convert import convert
    from onestop.verbs.curve import curve
    from onestop.verbs.evaluate import evaluate
    from onestop.verbs.explain import explain
    from onestop.verbs.info import info
    from onestop.verbs.lint import lint
    from onestop.verbs.models import models
    from onestop.verbs.predict import predict
    from onestop.verbs.report import report
    from onestop.verbs.runs import runs
    from onestop.verbs.train import dry_run, resolve, train

_WHERE = {
    "train": "onestop.verbs.train",
    "resolve": "onestop.verbs.train",
    "dry_run": "onestop.verbs.train",
    "Run": "onestop.results.run",
    "evaluate": "onestop.verbs.evaluate",
    "predict": "onestop.verbs.predict",
    "explain": "onestop.verbs.explain",
    "curve": "onestop.verbs.curve",
    "info": "onestop.verbs.info",
    "lint": "onestop.verbs.lint",
    "models": "onestop.verbs.models",
    "convert": "onestop.verbs.convert",
    "report": "onestop.verbs.report",
    "runs": "onestop.verbs.runs",
    "load": "onestop.inference.load",
    "Model": "onestop.inference.model",
    "load_weights": "onestop.storage.model_file",
    "write_weights": "onestop.storage.model_file",
    "build": "onestop.networks",
    "replace_head": "onestop.networks.surgery",
    "open_data": "onestop.data",
    "Recipe": "onestop.recipe",
    "OneStopError": "onestop.errors",
    "UsageError": "onestop.errors",
    "ArchitectureError": "onestop.errors",
    "ModelFileError": "onestop.errors",
    "RunLockedError": "onestop.errors",
    "DataError": "onestop.errors",
    "BadImageError": "onestop.errors",
    "NonFiniteLossError": "onestop.errors",
    "InterruptedRun": "onestop.errors",
    "OutOfMemoryError": "onestop.errors",
    "WriteError": "onestop.errors",
}

__all__ = [
    "ArchitectureError", "BadImageError", "DataError", "InterruptedRun", "Model", "ModelFileError",
    "NonFiniteLossError", "OneStopError", "OutOfMemoryError", "Recipe", "Run", "RunLockedError",
    "UsageError", "WriteError", "__version__", "build", "convert", "curve", "dry_run", "evaluate",
    "explain", "info", "lint", "load", "load_weights", "models", "open_data", "predict", "replace_head",
    "report", "resolve", "runs", "train", "write_weights",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        from onestop.recipe.other_words import answer_to_verb

        other = answer_to_verb(name)
        near = f"; here it is called onestop.{other.text}" if other else ""
        raise AttributeError(f"module 'onestop' has no attribute {name!r}{near}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
