"""The public names: each is there, is loaded when it is asked for, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

import onestop
from onestop.verbs import VERBS


@pytest.mark.parametrize("name", onestop.__all__)
def test_each_public_name_is_there(name: str) -> None:
    value = getattr(onestop, name)
    assert value.__module__.startswith("onestop.") if callable(value) else value


def test_each_verb_is_a_public_function() -> None:
    assert set(VERBS) <= set(onestop.__all__) == set(dir(onestop))


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'onestop' has no attribute 'trian'"):
        _ = onestop.trian


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, onestop; "
        "print(sorted(name for name in sys.modules if name.startswith('onestop.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['onestop.version']\n"
