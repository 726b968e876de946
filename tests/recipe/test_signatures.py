"""Arguments in Python are checked as those on the command line are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt

import onestop
from onestop.errors import UsageError
from onestop.recipe.signatures import argument_kinds, checked


@checked
def act(
    thing: Any,
    out: str | Path = "runs",
    *,
    runs: list[str | Path] | str | None = None,
    count: Annotated[int, Gt(0)] = 3,
    way: Literal["a", "b"] | None = None,
    loud: bool = False,
) -> dict[str, Any]:
    return locals()


def test_right_values_arrive_as_the_declared_type() -> None:
    assert act(1)["count"] == 3
    assert act(None, Path("x"), count="4", way="b", loud=True) == {  # type: ignore[arg-type]
        "thing": None, "out": Path("x"), "runs": None, "count": 4, "way": "b", "loud": True,
    }  # fmt: skip
    assert act(1, runs=["a", Path("b")])["runs"] == ["a", Path("b")]

    class Run:
        folder = Path("runs/a")

    assert act(1, Run(), runs=[Run()])["runs"] == [Path("runs/a")]  # type: ignore[arg-type, list-item]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "--count 0: must be at least 1"),
        ({"count": "x"}, "--count x: should be a valid integer"),
        ({"count": None}, "--count of type NoneType: give a value"),
        ({"way": "c"}, "--way c: not one of a, b"),
        ({"out": 3}, "--out of type int: give a path"),
        ({"out": None}, "--out of type NoneType: give a path"),
        ({"runs": [None]}, "--runs of type NoneType: give a path"),
        ({"loud": "perhaps"}, "--loud perhaps: should be a valid boolean"),
        ({"bs": 3}, "act: bs: no such argument; here it is called --batch-size"),
    ],
)
def test_wrong_values_are_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        act(1, **values)


def test_python_says_itself_what_does_not_fit() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        act(1, nonsense=2)  # type: ignore[call-arg]
    assert argument_kinds(act)["thing"] is Any


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: onestop.report(None), "--runs of type NoneType: give a path"),  # type: ignore[arg-type]
        (lambda: onestop.runs(3), "--folder of type int: give a path"),  # type: ignore[arg-type]
        (lambda: onestop.runs("a\0b"), "'a.x00b': is not a path"),
        (lambda: onestop.train("digits", out="https://x/y"), "https://x/y: is a URL"),
        (lambda: onestop.train("digits", recipe=""), "'': a path is empty"),
        (lambda: onestop.Run(3), "path of type int: give text"),  # type: ignore[arg-type]
        (lambda: onestop.Run("s3://runs/a"), "s3://runs/a: is a URL"),
        (lambda: onestop.build(3, 2), "network of type int: give its name"),  # type: ignore[arg-type]
        (lambda: onestop.train("digits", out=3), "--out of type int"),  # type: ignore[arg-type]
        (lambda: onestop.train(resume=3), "--resume of type int"),  # type: ignore[arg-type]
        (lambda: onestop.train("digits", recipe={"lr": 1}), "--recipe of type dict"),  # type: ignore[arg-type]
        (lambda: onestop.predict("m", b"", top=0), "--top 0: must be from 1 to 1,000,000,000"),
        (lambda: onestop.predict("m", b"", top="x"), "--top x: should be a valid integer"),  # type: ignore[arg-type]
        (lambda: onestop.predict("m", b"", precision="x"), "--precision x: not one of"),  # type: ignore[arg-type]
        (lambda: onestop.predict("m", b"", topk=3), "--topk: no such setting; here it is called --top"),
        (lambda: onestop.explain("m", b"", method="x"), "--method x: not one of"),  # type: ignore[arg-type]
        (lambda: onestop.evaluate("m", split=["a"]), "--split"),  # type: ignore[arg-type]
        (lambda: onestop.lint("digits", out=b"x"), "--out of type bytes"),  # type: ignore[arg-type]
        (lambda: onestop.models(3j), "--pattern 3j"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_every_verb_checks_its_arguments(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}") as error:
        call()
    assert "\n" not in str(error.value)


def test_a_tilde_in_a_path_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    @checked
    def save(out: str | Path) -> str:
        return str(out)

    assert save("~/x") == save(Path("~/x")) == str(tmp_path / "home" / "x")
    assert save("x~") == "x~"
