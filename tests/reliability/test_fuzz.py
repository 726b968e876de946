"""Headers, cards, states and recipes that hypothesis thinks up: our own error in one line, or it works.

The seal of a file keeps damage out, not malice: whoever writes a file can seal it. So cards and states
are changed before they are sealed.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import onestop
from onestop.errors import OneStopError
from onestop.recipe.files import read_recipe
from onestop.storage.container import packed, unpacked
from onestop.storage.model_file import packed_model, read_model, read_weights
from onestop.storage.run_folder import MODEL, RECIPE, STATE
from onestop.training.checkpoint import States
from tests.reliability.card import tried

pytestmark = pytest.mark.thorough

EXAMPLES = int(os.environ.get("ONESTOP_EXAMPLES", "200"))
fuzz = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

# Values that a parser may trip over, beside what hypothesis thinks up.
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "1", "\0",
     "../../x", [], {}, [[]], [0, 0], [-1, 5], [10**9, 10**9], {"": {}}, "x" * 10_000]
)  # fmt: skip
VALUES = ODD | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    rng = np.random.default_rng(0)
    images, targets = rng.integers(0, 255, (40, 8, 8, 1), np.uint8), np.arange(40) % 2
    return onestop.train(
        (images, targets), model="cnn1", image_size=8, epochs=1, quiet=True,
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def changed(value: Any, data: st.DataObject) -> Any:
    """A copy of a tree of JSON with a few of its branches replaced, removed or added."""
    tree = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 3))):
        tree = _one_change(tree, data)
    return tree


def _one_change(tree: Any, data: st.DataObject) -> Any:
    if not isinstance(tree, dict | list) or not tree or data.draw(st.integers(0, 9)) == 0:
        return copy.deepcopy(data.draw(VALUES))
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = data.draw(st.sampled_from(keys))
    how = data.draw(st.integers(0, 5))
    if how == 0:
        del tree[key]
    elif how == 1 and isinstance(tree, dict):
        tree[data.draw(st.text(max_size=5))] = copy.deepcopy(data.draw(VALUES))
    else:
        tree[key] = _one_change(tree[key], data)
    return tree


COUNTED = Counter[str]()


def survives(read: Callable[[], object], path: Path) -> bool:
    """Whether it could be read; else the error must be ours, in one line that names the file."""
    COUNTED["tried"] += 1
    try:
        read()
    except OneStopError as error:
        problem = str(error)
    else:
        COUNTED["usable"] += 1
        return True
    assert str(path) in problem
    assert "\n" not in problem
    return False


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@fuzz
@given(data=st.data())
def test_headers_of_safetensors(run: onestop.Run, tmp_path_factory: Any, data: Any) -> None:
    content = (run.folder / MODEL).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    if data.draw(st.booleans()):
        text = json.dumps(changed(header, data)).encode()
    else:
        text = data.draw(st.binary(max_size=200))
    path = tmp_path_factory.getbasetemp() / "header.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    for read in (lambda: read_model(path), lambda: read_weights(path)):
        if survives(read, path):
            assert "onestop" not in unpacked(path).metadata or unpacked(path).sealed


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@fuzz
@given(data=st.data())
def test_cards_of_models(run: onestop.Run, tmp_path_factory: Any, data: Any) -> None:
    card, tensors = read_model(run.folder / MODEL)
    path = tmp_path_factory.getbasetemp() / "card.safetensors"
    described = changed(dataclasses.asdict(card), data)
    if not isinstance(described, dict) or not described:
        return
    path.write_bytes(packed(tensors, "onestop", described))
    image = Image.new("L", (9, 9), 100)

    def use() -> None:
        for said in onestop.load(path).predict([image]):
            assert said

    survives(use, path)


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@fuzz
@given(data=st.data())
def test_tensors_of_models(run: onestop.Run, tmp_path_factory: Any, data: Any) -> None:
    card, tensors = read_model(run.folder / MODEL)
    names = list(tensors)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(names))
        how = data.draw(st.integers(0, 3))
        if how == 0:
            tensors.pop(name, None)
        elif how == 1:
            tensors[data.draw(st.text(max_size=9))] = tensors.get(name, card_tensor())
        else:
            shape = data.draw(st.lists(st.integers(0, 4), max_size=4))
            tensors[name] = card_tensor().expand(shape).clone()
    path = tmp_path_factory.getbasetemp() / "tensors.safetensors"
    path.write_bytes(packed_model(tensors, card))
    survives(lambda: onestop.load(path), path)


def card_tensor() -> Any:
    import torch

    return torch.ones(())


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@fuzz
@given(data=st.data())
def test_states(run: onestop.Run, tmp_path_factory: Any, data: Any) -> None:
    newest = max((run.folder / STATE).iterdir())
    content = unpacked(newest)
    described = changed(json.loads(content.metadata[content.sealed]), data)
    if not isinstance(described, dict) or not described:
        return
    folder = tmp_path_factory.mktemp("state", numbered=True)
    (folder / newest.name).write_bytes(packed(content.tensors, content.sealed, described))
    states = States(folder)
    if survives(states.newest, folder):
        assert states.last or states.damaged


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@fuzz
@given(data=st.data())
def test_recipes(run: onestop.Run, tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / RECIPE
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(st.binary(max_size=300)))
    else:
        values = read_recipe(run.folder / RECIPE)
        path.write_text(json.dumps(changed(dict(values), data)), encoding="utf-8")
    survives(lambda: read_recipe(path), path)


def test_how_much_was_tried() -> None:
    """Behind all others of this file; where they run elsewhere, there is nothing to say."""
    if COUNTED["tried"] >= 5 * EXAMPLES:
        assert COUNTED["usable"] > EXAMPLES / 10
        what = "headers, cards, tensors, states and recipes that hypothesis thought up"
        tried(what, f"{COUNTED['tried']:,}, of which {COUNTED['usable']:,} could be used")
