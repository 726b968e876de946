"""The catalogue: what each row says of its builder is so."""

from __future__ import annotations

import importlib
import inspect

import pytest

from onestop.networks import make
from onestop.networks.catalog import OWN, Entry


@pytest.mark.parametrize("entry", OWN.values(), ids=OWN)
def test_a_builder_takes_the_image_size_if_its_row_says_so_and_all_its_options(
    entry: Entry,
) -> None:
    module, _, name = entry.where.partition(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    assert ("image_size" in parameters) == entry.size
    assert {"classes", "channels", *entry.options} <= set(parameters)


def test_an_entry_can_be_put_into_a_set() -> None:
    assert len({*OWN.values()}) == len(OWN)


def test_options_tell_the_networks_of_a_family_apart() -> None:
    depths = [len(make(OWN[f"resnet{n}"], 2, 3, 32).stage1) for n in (20, 56)]  # type: ignore[arg-type]
    assert depths == [3, 9]
