"""The declaration: every field has a text, a type and a group, and a name of its own."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import get_type_hints

import pytest

import onestop
from onestop.recipe import Optim, Recipe, groups, markers, ranges
from onestop.recipe.groups import GROUP_OF, GROUPS
from onestop.recipe.schema import DEFAULTS, FIELDS, check_setting, field_docs, field_types

# The lines of a recipe file; programs may rely on their names and people on their order.
ORDER = [
    "source", "data_root", "val_fraction", "task", "path_column", "label_column", "image_root",
    "suffix", "literal_labels", "strict", "channels", "image_size", "fit", "crop_fraction",
    "pixel_range", "normalize",
    "augment", "crop_padding", "auto_augment", "color_jitter", "erase", "zoom", "mixup", "cutmix",
    "model", "weights", "weights_digest", "probe", "freeze", "unfreeze_after", "cached_augmentations",
    "backbone_lr_scale", "layer_decay", "epochs", "time_budget", "batch_size",
    "accumulate", "optimizer", "lr", "momentum", "nesterov", "weight_decay", "decay_all",
    "schedule", "step_epochs", "warmup_epochs",
    "clip_grad", "label_smoothing", "balance", "ema", "tta", "monitor", "patience", "seed",
    "device", "precision", "memory_format", "compile", "deterministic", "workers", "cache",
    "threads", "track",
]  # fmt: skip


def test_names_are_unique_over_all_groups() -> None:
    names = [field.name for group in GROUPS.values() for field in dataclasses.fields(group)]
    assert len(names) == len(set(names))
    assert not set(names) & GROUPS.keys(), "a flat name would hide a group"


def test_fields_have_the_order_of_recipe_files() -> None:
    assert list(FIELDS) == ORDER == list(GROUP_OF)


def test_a_recipe_has_the_groups() -> None:
    assert get_type_hints(Recipe) == GROUPS


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_text_and_a_type(name: str) -> None:
    text = field_docs()[name]
    assert len(text) > 10
    assert "\n" not in text
    assert not text.endswith(".")  # flags' texts are no sentences
    assert field_types()[name] is not None


def test_the_declaration_stays_small() -> None:
    assert len(FIELDS) < 64
    assert all(len(dataclasses.fields(group)) < 20 for group in GROUPS.values())


def test_texts_and_fields_are_the_same_names_in_the_same_order() -> None:
    assert tuple(field_docs()) == FIELDS == tuple(field_types())


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_default_passes_its_own_check(name: str) -> None:
    assert check_setting(name, DEFAULTS[name]) == DEFAULTS[name]


def test_a_field_without_a_default_must_be_known() -> None:
    with pytest.raises(TypeError, match="lr"):
        Optim(epochs=3)


def test_train_shows_every_field_in_its_signature_and_its_text() -> None:
    parameters = inspect.signature(onestop.train).parameters
    assert set(FIELDS) <= parameters.keys()
    for name in set(FIELDS) - {"source"}:
        assert parameters[name].default == DEFAULTS.get(name)
        assert f"{name}: {field_docs()[name]}" in (onestop.train.__doc__ or "")


def test_the_declaration_needs_nothing_heavy() -> None:
    modules = set()
    for module in (groups, markers, ranges):
        tree = ast.parse(inspect.getsource(module))
        modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {
        "__future__", "collections.abc", "dataclasses", "typing", "annotated_types",
        "pydantic", "onestop.images.pixel_range", "onestop.recipe.durations",
        "onestop.recipe.markers", "onestop.recipe.ranges",
    }  # fmt: skip
