"""The table of fields: strict values, names from other tools, and what follows from each marker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from onestop import tasks
from onestop.errors import UsageError
from onestop.recipe import Optimizer
from onestop.recipe.groups import GROUPS
from onestop.recipe.markers import ON, For, Not, With, flag, is_on
from onestop.recipe.schema import (
    FIELDS,
    _marked,
    check_name,
    check_setting,
    check_value,
    choices_of,
    field_types,
    free_fields,
    group_title,
    hints,
    later_fields,
)
from onestop.recipe.settings import refuse_inapplicable, refuse_useless, settings

TASKS = tuple(tasks.TASKS)


def message(name: str, value: object) -> str:
    with pytest.raises(UsageError) as caught:
        check_setting(name, value)
    return str(caught.value)


class TestValues:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("epochs", "3", 3),
            ("lr", "1e-3", 0.001),
            ("lr", 1, 1.0),
            ("channels", "3", 3),
            ("nesterov", "true", True),
            ("nesterov", "off", False),
            ("optimizer", "adamw", "adamw"),
            ("source", 1998, "1998"),
            ("momentum", 0, 0.0),
        ],
    )
    def test_texts_become_values_of_the_right_type(
        self, name: str, text: object, value: object
    ) -> None:
        checked = check_setting(name, text)
        assert checked == value
        assert type(checked) is type(value)

    @pytest.mark.parametrize("name", ["epochs", "lr", "model", "augment", "channels"])
    def test_auto_leaves_a_value_to_be_derived(self, name: str) -> None:
        assert check_setting(name, "auto") is None

    def test_auto_is_no_value_where_nothing_is_derived(self) -> None:
        assert "--seed auto: should be a valid integer" in message("seed", "auto")

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("epochs", "ten", "--epochs ten: should be a valid integer"),
            ("epochs", "2.5", "--epochs 2.5: should be a valid integer"),
            ("epochs", -1, "--epochs -1: must be from 0 to 1,000,000"),
            ("epochs", True, "--epochs true: should be a valid integer"),
            ("lr", "fast", "--lr fast: should be a valid number"),
            ("lr", math.nan, "--lr nan: should be a finite number"),
            ("lr", "inf", "--lr inf: should be a finite number"),
            ("lr", -1, "--lr -1: must be above 0 and at most 1,000,000,000"),
            ("momentum", 1, "--momentum 1: must be at least 0 and below 1"),
            ("val_fraction", 1.5, "--val-fraction 1.5: must be at least 0 and below 1"),
            ("nesterov", "maybe", "--nesterov maybe: should be a valid boolean"),
            ("channels", 2, "--channels 2: not one of 1, 3, 4"),
            ("color_jitter", 1.1, "--color-jitter 1.1: must be from 0 to 1"),
            ("erase", -1, "--erase -1: must be from 0 to 1"),
            ("auto_augment", "auto", "--auto-augment auto: not one of none, trivial, rand"),
            ("seed", 2**32, "--seed 4294967296: must be from 0 to 4,294,967,295"),
        ],
    )
    def test_a_wrong_value_is_named_with_what_is_wanted(
        self, name: str, value: object, expected: str
    ) -> None:
        assert message(name, value) == expected

    def test_a_wrong_choice_lists_the_choices_and_the_nearest(self) -> None:
        assert message("optimizer", "sdg") == (
            "--optimizer sdg: not one of sgd, adam, adamw, rmsprop; did you mean 'sgd'?"
        )

    @pytest.mark.parametrize("name", ["model", "source", "epochs", "augment"])
    @pytest.mark.parametrize("value", ["", "  "])
    def test_an_empty_value_is_refused(self, name: str, value: str) -> None:
        assert message(name, value) == f"--{name}: its value is empty; give one or leave it out"

    def test_the_place_is_the_callers(self) -> None:
        with pytest.raises(UsageError, match=r"^my place x: should be a valid integer$"):
            check_value(int, "x", "my place")

    def test_choices_are_found_in_a_type_also_beside_none(self) -> None:
        assert choices_of(Optimizer) == ("sgd", "adam", "adamw", "rmsprop")
        assert choices_of(field_types()["channels"]) == (1, 3, 4)
        assert choices_of(int) == ()


class TestNames:
    @pytest.mark.parametrize("name", ["batch_size", "batch-size", "batch"])
    def test_a_setting_may_be_spelled_in_three_ways(self, name: str) -> None:
        assert check_name(name, FIELDS, name) == "batch_size"

    def test_an_unknown_name_suggests_the_nearest_as_it_would_be_typed(self) -> None:
        with pytest.raises(UsageError, match=r"--batchsize: no such setting.*'batch-size'"):
            check_name("batchsize", FIELDS, "--batchsize")


def some_value(name: str, unlike: tuple[object, ...] = ()) -> Any:
    """A value of a field that turns it on, other than some."""
    kind = field_types()[name]
    candidates = [*choices_of(kind), True, 0.5, 3, "words", "backbone", "1,2"]
    for value in candidates:
        try:
            checked = check_setting(name, value)
        except UsageError:
            continue
        if is_on(checked) and checked not in unlike:
            return checked
    raise AssertionError(f"no other value of {name} is known to this test")


def violations() -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Each field with settings that each of its markers `With` and `Not` forbids.

    The names are of those that the error has to name; in a list, since test ids are made of them,
    which two processes must agree on.
    """
    for name in FIELDS:
        for marker in _marked(name, With):
            fitting = {other: wanted[0] for other, wanted in marker.values.items()}
            for other, wanted in marker.values.items():
                yield name, {**fitting, other: some_value(other, wanted)}, [other]
        for refused in _marked(name, Not):
            first = {other: wanted[0] for other, wanted in refused.values.items()}
            values = {o: some_value(o) if value is ON else value for o, value in first.items()}
            yield name, values, sorted(values)


VIOLATIONS = list(violations())


class TestMarkers:
    @pytest.mark.parametrize(("name", "others", "named"), VIOLATIONS, ids=str)
    def test_a_setting_that_would_change_nothing_is_refused_with_what_it_conflicts_with(
        self, name: str, others: dict[str, Any], named: list[str]
    ) -> None:
        with pytest.raises(UsageError) as caught:
            refuse_useless(settings(("flag", {**others, name: some_value(name)})))
        said = str(caught.value)
        assert said.startswith(f"--{name.replace('_', '-')}")
        assert said.endswith("; drop one")
        obstacle = said.partition("changes nothing with ")[2]
        flags = {word for word in obstacle.split() if word.startswith("--")}
        assert flags == {f"--{other.replace('_', '-')}" for other in named}

    @pytest.mark.parametrize(("name", "others", "named"), VIOLATIONS, ids=str)
    def test_the_same_from_a_file_is_not(
        self, name: str, others: dict[str, Any], named: list[str]
    ) -> None:
        refuse_useless(settings(("file", {**others, name: some_value(name)})))

    @pytest.mark.parametrize("name", [name for name in FIELDS if _marked(name, For)])
    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("images", [True, False])
    def test_a_setting_of_another_task_or_kind_of_input_is_refused(
        self, name: str, task: str, images: bool
    ) -> None:
        (marker,), value = _marked(name, For), some_value(name)
        chosen = settings(("flag", {name: value}))
        shares, whole = tasks.TASKS[task].takes_shares, tasks.TASKS[task].whole
        known = task in (marker.tasks or TASKS) and (shares or not marker.shares)
        about = not (marker.objects if whole else marker.whole)
        if (images or not marker.images) and known and about:
            refuse_inapplicable(chosen, task, images=images, shares=shares, whole=whole)
            return
        with pytest.raises(UsageError) as caught:
            refuse_inapplicable(chosen, task, images=images, shares=shares, whole=whole)
        if not images and marker.images:
            reason = "is for images, these are vectors"
        elif not known:
            reason = f"is {marker.hint}, this is {task}"
        else:
            things = "objects in images" if whole else "predictions about whole images"
            reason = f"is for {things}, this is {task}"
        assert str(caught.value) == f"{flag(name, value)}: {reason}; leave it out"

    def test_markers_name_fields_and_tasks_that_there_are(self) -> None:
        for name in FIELDS:
            markers: tuple[With | Not, ...] = (*_marked(name, With), *_marked(name, Not))
            for marker in markers:
                assert marker.values.keys() <= set(FIELDS) - {name}
                for other, wanted in marker.values.items():
                    for value in wanted:
                        assert value is ON or check_setting(other, value) == value
            for condition in _marked(name, For):
                assert set(condition.tasks) <= set(TASKS)

    def test_markers_do_not_reach_the_types(self) -> None:
        assert repr(field_types()["step_epochs"]) == (
            "typing.Optional[typing.Annotated[int, Gt(gt=0), Le(le=1000000000)]]"
        )
        assert field_types()["compile"] is bool

    def test_what_may_change_when_a_run_is_resumed(self) -> None:
        assert free_fields() == ("data_root", "strict", "epochs", "patience", "workers", "track")

    def test_what_older_runs_did(self) -> None:
        unset = ("task", "path_column", "label_column", "image_root", "suffix")
        assert later_fields() == {
            **dict.fromkeys(unset), "literal_labels": True, "pixel_range": "image", "track": "none",
            "weights_digest": "unknown", "crop_fraction": None, "probe": "none",
            "time_budget": 0.0, "zoom": 0.0,
        }  # fmt: skip
        assert later_fields().keys() <= {*FIELDS}

    def test_hints_say_when_a_setting_counts(self) -> None:
        assert hints("step_epochs") == ["with --schedule step"]
        assert hints("crop_padding") == ["with --augment crop or flip-crop"]
        assert hints("mixup") == ["for classes or labels"]
        assert hints("lr") == []

    def test_every_group_has_a_title(self) -> None:
        assert [group_title(group) for group in GROUPS] == [
            "data", "augmentation", "network", "optimization", "evaluation", "machine",
        ]  # fmt: skip
