"""Size and crop of a probe, settled before a run begins."""

from __future__ import annotations

import dataclasses
import time
from typing import cast

import pytest

from onestop.data.preprocess import ImagePreprocessing
from onestop.jobs.view import _is_free, _needs, view_needs
from onestop.training.plan import Plan
from onestop.training.probe.features import bank_for
from onestop.training.probe.views import View
from tests.conftest import make_photos
from tests.training.probed import session_of, some_weights


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("view")
    source = make_photos(folder / "photos", {"red": 5, "blue": 5})
    return session_of(source, some_weights(folder / "w.safetensors")).plan


def test_nothing_is_looked_at_unless_the_recipe_asks(plan: Plan) -> None:
    assert plan.recipe.network.probe == "fit"
    assert view_needs(plan, bank_for(plan), time.perf_counter(), pytest.fail) == {}


def test_the_best_view_is_set_where_nobody_has(plan: Plan) -> None:
    base = cast(ImagePreprocessing, plan.preprocessing)
    best = dataclasses.replace(base, fit="crop", size=(64, 64), crop_fraction=0.9)
    compared = [View(best, 0.25), View(base, 0.5)]
    assert set(_needs(plan, compared)) == {"probe", "crop_fraction"}  # --image-size 32 was given
    free = dataclasses.replace(plan, whys={**plan.whys, "image_size": "usual"})
    needs = _needs(free, compared)
    assert (needs["image_size"][0], needs["crop_fraction"][0]) == (64, 0.9)
    assert needs["probe"] == ("fit", needs["image_size"][1])
    assert "0.2500 with 64 pixels, centre crop of 0.9, 0.5000 with 32 pixels" in needs["probe"][1]


def test_views_of_another_size_or_crop_than_the_user_s_are_left_out(plan: Plan) -> None:
    base = cast(ImagePreprocessing, plan.preprocessing)
    assert _is_free(plan, base)
    assert not _is_free(plan, dataclasses.replace(base, size=(64, 64)))
    other = dataclasses.replace(base, crop_fraction=0.5)
    assert _is_free(plan, other)
    set_by_user = dataclasses.replace(plan, recipe=plan.recipe.replace(crop_fraction=1.0))
    assert not _is_free(set_by_user, other)
