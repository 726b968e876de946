"""Settings: strict values, files with line numbers, layers over each other."""

from __future__ import annotations

import dataclasses
import math
import shlex
from pathlib import Path
from typing import Any

import pytest

from onestop.errors import UsageError
from onestop.flags import options_of, parse
from onestop.recipe import FIELDS, Optimizer, Recipe, field_types
from onestop.recipe.config import (
    Layer,
    check_name,
    check_setting,
    check_value,
    choices_of,
    command_of,
    read_recipe,
    refuse_useless,
    settings,
    write_recipe,
)
from onestop.verbs.train import resolve, train


def message(name: str, value: object) -> str:
    with pytest.raises(UsageError) as caught:
        check_setting(name, value)
    return str(caught.value)


class TestLayers:
    ALL: tuple[tuple[Layer, dict[str, object]], ...] = (
        ("recipe", {"epochs": 1, "lr": 0.1, "seed": 1}),
        ("file", {"epochs": 2, "lr": 0.2}),
        ("flag", {"epochs": 3}),
    )

    def test_later_layers_count_more(self) -> None:
        recipe = settings(*self.ALL).recipe
        assert (recipe.epochs, recipe.lr, recipe.seed, recipe.fit) == (3, 0.2, 1, "crop")

    def test_each_value_remembers_where_it_came_from(self) -> None:
        origins = settings(*self.ALL).origins
        found = [origins[name].layer for name in ("epochs", "lr", "seed", "fit")]
        assert found == ["flag", "file", "recipe", "default"]
        assert set(origins) == set(FIELDS)

    def test_a_derived_value_says_why(self) -> None:
        chosen = settings(*self.ALL).derive("batch_size", 32, "few images")
        assert chosen.recipe.batch_size == 32
        assert chosen.origins["batch_size"].why == "few images"

    def test_only_a_flag_counts_as_asked_for_now(self) -> None:
        chosen = settings(*self.ALL).derive("batch_size", 32, "few images")
        asked = [name for name in FIELDS if chosen.given(name)]
        assert asked == ["epochs"]

    def test_nothing_given_is_the_built_in_recipe(self) -> None:
        assert settings().recipe == Recipe()


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
            ("epochs", 0, "--epochs 0: should be greater than 0"),
            ("epochs", True, "--epochs true: should be a valid integer"),
            ("lr", "fast", "--lr fast: should be a valid number"),
            ("lr", math.nan, "--lr nan: should be a finite number"),
            ("lr", "inf", "--lr inf: should be a finite number"),
            ("lr", -1, "--lr -1: should be greater than 0"),
            ("momentum", 1, "--momentum 1: should be less than 1"),
            ("val_fraction", 1.5, "--val-fraction 1.5: should be less than 1"),
            ("nesterov", "maybe", "--nesterov maybe: should be a valid boolean"),
            ("channels", 2, "--channels 2: not one of 1, 3, 4"),
            ("color_jitter", 1.1, "--color-jitter 1.1: should be less than or equal to 1"),
            ("erase", -1, "--erase -1: should be greater than or equal to 0"),
            ("auto_augment", "auto", "--auto-augment auto: not one of none, trivial, rand"),
            ("seed", 2**32, "--seed 4294967296: should be less than or equal to 4294967295"),
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


class TestFiles:
    def read(self, text: str) -> dict[str, Any]:
        Path("r.yaml").write_text(text, encoding="utf-8")
        return read_recipe("r.yaml")

    def test_a_file_holds_settings_by_any_of_their_names(self) -> None:
        text = "# comment\nsource: digits\nbatch-size: 8\nlearning_rate: 1e-2\nnesterov: yes\n"
        assert self.read(text) == {
            "source": "digits", "batch_size": 8, "lr": 0.01, "nesterov": True,
        }  # fmt: skip

    def test_null_and_auto_leave_a_value_to_be_derived(self) -> None:
        assert self.read("epochs: null\nlr: auto\nmodel: ~\n") == {
            "epochs": None, "lr": None, "model": None,
        }  # fmt: skip

    def test_words_that_yaml_takes_for_something_else_stay_words(self) -> None:
        assert self.read("augment: none\nsource: 1998\n") == {"augment": "none", "source": "1998"}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("lr: 0.1\nepoch: 3\n", "r.yaml:2 'epoch': no such setting; did you mean 'epochs'"),
            ("epochs: 3\nlr: 1\nepochs: 4\n", "r.yaml:3 'epochs': set twice; keep one"),
            ("batch: 3\nbatch_size: 4\n", "r.yaml:2 'batch_size': set twice"),
            ("epochs: [1, 2]\n", "r.yaml:1 'epochs': a single value is wanted, not a list"),
            ("epochs:\n  one: 1\n", "r.yaml:1 'epochs': a single value is wanted"),
            ("lr: 1\nepochs: ten\n", "r.yaml:2 epochs: ten: should be a valid integer"),
            ("lr: .nan\n", "r.yaml:1 lr: .nan: should be"),
            ("epochs: true\n", "r.yaml:1 epochs: true: should be a valid integer"),
            ("? [epochs]\n: 3\n", "r.yaml:1: the name of a setting is wanted, not a list"),
            ("model: ''\n", "r.yaml:1 model: its value is empty"),
            ("epochs: 3: 4\n", "r.yaml:1: no valid YAML (mapping values are not allowed here)"),
            ("lr: 1\n\tepochs: 3\n", "r.yaml:2: no valid YAML"),
            ("epochs: *ref\n", "r.yaml:1: no valid YAML"),
            ("a: \x01\n", "r.yaml: no valid YAML"),
            ("- epochs\n- 3\n", "r.yaml: a recipe is a list of `name: value` lines"),
            ("", "r.yaml: a recipe is a list of `name: value` lines"),
            ("just words\n", "r.yaml: a recipe is a list of `name: value` lines"),
            ("[" * 5000, "r.yaml: no valid YAML"),
        ],
    )
    def test_a_mistake_is_one_line_with_file_and_line(self, text: str, expected: str) -> None:
        with pytest.raises(UsageError) as caught:
            self.read(text)
        assert str(caught.value).startswith(expected)
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_not_there_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"--recipe no.yaml: No such file or directory; name"):
            read_recipe("no.yaml")

    def test_a_folder_is_no_recipe(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="Is a directory"):
            read_recipe(tmp_path)

    def test_a_picture_is_no_recipe(self) -> None:
        Path("r.yaml").write_bytes(b"\x89PNG\xff\xfe")
        with pytest.raises(UsageError, match=r"--recipe r.yaml: is not a text file"):
            read_recipe("r.yaml")

    @pytest.mark.parametrize(
        "recipe",
        [
            Recipe(),
            Recipe(
                source="1e5", data_root="~", val_fraction=0.0, channels=4, image_size=7,
                fit="pad", normalize="half", augment="none", crop_padding=0,
                auto_augment="none", color_jitter=1.0, erase=0.25, mixup=0.2, cutmix=1.0, model="null",
                weights="no",
                epochs=3, batch_size=5, accumulate=2, optimizer="rmsprop", lr=1e-7, momentum=0.0,
                nesterov=True, weight_decay=1e-30, decay_all=True, schedule="one-cycle",
                step_epochs=2, warmup_epochs=0.5, clip_grad=1e9, label_smoothing=0.1,
                balance="loss", ema=0.999, monitor="macro_f1", patience=2, seed=2**32 - 1,
                device="cuda:1", precision="bf16", compile=True, deterministic=True, workers=0,
                threads=3,
            ),
            Recipe(source="Bilder: Käfer #1 \udcff\n'\"", model="net.py:Net"),
        ],
        ids=["built in", "every value", "odd names"],
    )  # fmt: skip
    def test_what_is_written_is_read_back(self, recipe: Recipe) -> None:
        text = write_recipe(recipe)
        assert self.read(text) == dataclasses.asdict(recipe)
        assert [line.partition(":")[0] for line in text.splitlines() if line[0] != " "] == list(
            FIELDS
        )


class TestUseless:
    def test_the_command_of_a_recipe_leaves_it_out(self) -> None:
        recipe = Recipe(augment="flip", crop_padding=4, step_epochs=10, momentum=0.9)
        assert command_of(recipe) == "onestop train digits --augment flip --momentum 0.9"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"momentum": 0.9, "optimizer": "adam"}, "--momentum 0.9: changes nothing with"),
            ({"nesterov": True, "optimizer": "adamw"}, "--nesterov True: changes nothing with"),
            ({"step_epochs": 3}, "--step-epochs 3: changes nothing with --schedule cosine"),
            (
                {"crop_padding": 2, "augment": "flip"},
                "--crop-padding 2: changes nothing with --aug",
            ),
            ({"decay_all": True, "weight_decay": 0.0}, "--decay-all True: changes nothing with"),
            ({"views": 4, "freeze": "0"}, "--views 4: changes nothing with --freeze 0"),
            ({"views": 4, "mixup": 0.2}, "--views 4: changes nothing with --mixup and --cutmix"),
            ({"views": 4, "cutmix": 1.0}, "--views 4: changes nothing with --mixup and --cutmix"),
            ({"nesterov": True, "momentum": 0.0}, "--nesterov: needs a momentum above 0"),
            (
                {"compile": True, "freeze": "backbone", "unfreeze_after": 0, "views": 4},
                "--compile True: changes nothing with --freeze backbone for good and --views",
            ),
        ],
    )
    def test_a_setting_that_would_change_nothing_is_refused(
        self, given: dict[str, object], expected: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            refuse_useless(settings(("flag", given)))
        assert str(caught.value).startswith(expected)

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"momentum": 0.9, "optimizer": "rmsprop"},
            {"step_epochs": 3, "schedule": "step"},
            {"crop_padding": 2, "augment": "flip-crop"},
            {"crop_padding": 2},
            {"nesterov": True, "momentum": 0.9},
            {"nesterov": False, "optimizer": "adam"},
            {"decay_all": False, "weight_decay": 0.0},
            {"views": 0, "mixup": 0.2},
        ],
    )
    def test_a_setting_that_counts_passes(self, given: dict[str, object]) -> None:
        refuse_useless(settings(("flag", given)))

    def test_a_derived_value_is_nobodys_mistake(self) -> None:
        refuse_useless(settings().derive("step_epochs", 10, "a tenth every ten epochs"))

    def test_the_recipe_of_a_run_may_be_used_again_with_other_flags(self) -> None:
        stored: dict[str, object] = {"schedule": "step", "step_epochs": 10, "momentum": 0.9}
        refuse_useless(
            settings(("file", stored), ("flag", {"schedule": "cosine", "optimizer": "adam"}))
        )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"optimizer": "adamw", "schedule": "step", "step_epochs": 3, "lr": 1e-3},
        {"nesterov": True, "decay_all": True, "label_smoothing": 0.1, "compile": True},
        {"mixup": 0.2, "auto_augment": "trivial", "erase": 0.25, "tta": "flip", "track": "mlflow"},
    ],
)
def test_the_command_of_a_recipe_gives_the_recipe(given: dict[str, Any]) -> None:
    recipe = resolve("digits", **given).recipe
    words = shlex.split(command_of(recipe))
    assert words[:3] == ["onestop", "train", "digits"]
    options = options_of(train)
    parsed = parse("train", train, options, words[2:])
    assert parsed is not None
    fields = {name: value for name, value in parsed.items() if name in FIELDS}
    assert resolve(**fields).recipe == recipe
