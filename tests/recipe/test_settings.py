"""Settings: layers over each other, and what is refused since it would change nothing."""

from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.recipe.schema import DEFAULTS, FIELDS
from onestop.recipe.settings import Layer, refuse_inapplicable, refuse_useless, settings
from tests.recipes import DERIVED, recipe


class TestLayers:
    ALL: tuple[tuple[Layer, dict[str, object]], ...] = (
        ("recipe", {"epochs": 1, "lr": 0.1, "seed": 1}),
        ("file", {"epochs": 2, "lr": 0.2}),
        ("flag", {"epochs": 3}),
    )

    def test_later_layers_count_more(self) -> None:
        values = settings(*self.ALL).values
        known = [values[name] for name in ("epochs", "lr", "seed", "schedule")]
        assert known == [3, 0.2, 1, "cosine"]

    def test_each_value_remembers_where_it_came_from(self) -> None:
        origins = settings(*self.ALL).origins
        found = [origins[name].layer for name in ("epochs", "lr", "seed", "schedule")]
        assert found == ["flag", "file", "recipe", "default"]
        assert set(origins) == set(FIELDS)

    def test_a_derived_value_says_why(self) -> None:
        chosen = settings(*self.ALL).derive("batch_size", 32, "few images")
        assert chosen.values["batch_size"] == 32
        assert chosen.origins["batch_size"].why == "few images"

    def test_only_a_flag_counts_as_asked_for_now(self) -> None:
        chosen = settings(*self.ALL).derive("batch_size", 32, "few images")
        asked = [name for name in FIELDS if chosen.given(name)]
        assert asked == ["epochs"]

    def test_nothing_given_is_the_built_in_recipe(self) -> None:
        assert settings().values == DEFAULTS

    def test_none_leaves_a_value_to_be_derived_again(self) -> None:
        chosen = settings(("file", {"epochs": 2, "data_root": "x"}), ("flag", {"epochs": None}))
        assert "epochs" not in chosen.values
        assert chosen.values["data_root"] == "x"
        assert settings(("flag", {"data_root": None})).values["data_root"] is None

    def test_the_recipe_is_built_when_all_is_known(self) -> None:
        with pytest.raises(TypeError, match="image_size"):
            _ = settings().recipe
        chosen = settings(("flag", DERIVED))
        assert chosen.recipe == recipe()
        assert chosen.recipe is chosen.recipe


class TestUseless:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"momentum": 0.9, "optimizer": "adam"}, "--momentum 0.9: changes nothing with"),
            (
                {"nesterov": True, "optimizer": "adamw"},
                "--nesterov: changes nothing with --optimizer adamw",
            ),
            ({"step_epochs": 3}, "--step-epochs 3: changes nothing with --schedule cosine"),
            (
                {"crop_padding": 2, "augment": "flip"},
                "--crop-padding 2: changes nothing with --aug",
            ),
            (
                {"decay_all": True, "weight_decay": 0.0},
                "--decay-all: changes nothing with --weight-decay 0",
            ),
            (
                {"cached_augmentations": 4, "freeze": "0"},
                "--cached-augmentations 4: changes nothing with --freeze 0; drop one",
            ),
            (
                {"cached_augmentations": 4, "mixup": 0.2},
                "--cached-augmentations 4: changes nothing with --mixup 0.2; drop one",
            ),
            (
                {"cached_augmentations": 4, "cutmix": 1.0},
                "--cached-augmentations 4: changes nothing with --cutmix 1; drop one",
            ),
            (
                {"cached_augmentations": 4, "tta": "flip"},
                "--cached-augmentations 4: changes nothing with --tta flip; drop one",
            ),
            (
                {"unfreeze_after": 2, "freeze": "none"},
                "--unfreeze-after 2: changes nothing with --freeze none; drop one",
            ),
            (
                {"backbone_lr_scale": 0.5, "freeze": "backbone", "unfreeze_after": 0},
                "--backbone-lr-scale 0.5: changes nothing with --freeze backbone and --unfreeze-after",
            ),
            ({"nesterov": True, "momentum": 0.0}, "--nesterov: needs a momentum above 0"),
            (
                {
                    "compile": True,
                    "freeze": "backbone",
                    "unfreeze_after": 0,
                    "cached_augmentations": 4,
                },
                "--compile: changes nothing with --freeze backbone, --unfreeze-after 0 and --cached",
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
            {"cached_augmentations": 0, "mixup": 0.2},
            {"cached_augmentations": 4, "freeze": "backbone"},
            {"momentum": 0.0, "optimizer": "adam"},
            {"unfreeze_after": 0, "freeze": "none"},
            {"backbone_lr_scale": 0.5, "freeze": "backbone", "unfreeze_after": 2},
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


class TestInapplicable:
    """`label_smoothing` stands for settings of a task, `fit` for those of images."""

    @pytest.mark.parametrize(
        ("layer", "name", "value"),
        [
            ("flag", "label_smoothing", 0.1),
            ("flag", "label_smoothing", 0.0),
            ("file", "label_smoothing", 0.1),
            ("recipe", "label_smoothing", 0.1),
            ("flag", "fit", "crop"),
            ("flag", "mixup", 0.2),
            ("file", "mixup", 0.2),
        ],
    )
    def test_what_the_run_does_not_have_is_refused(
        self, layer: Layer, name: str, value: object
    ) -> None:
        with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} .*: is for .*; leave it"):
            refuse_inapplicable(settings((layer, {name: value})), "regression", images=False)

    @pytest.mark.parametrize(
        ("layer", "name", "value"),
        [
            ("file", "label_smoothing", 0.0),
            ("file", "balance", "none"),
            ("file", "fit", "pad"),
            ("recipe", "image_size", 32),
            ("flag", "lr", 0.1),
            ("flag", "image_size", None),
        ],
    )
    def test_a_file_may_set_what_vectors_do_not_have_and_turn_off_what_the_task_does_not(
        self, layer: Layer, name: str, value: object
    ) -> None:
        refuse_inapplicable(settings((layer, {name: value})), "regression", images=False)
