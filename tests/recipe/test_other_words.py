"""Words of other tools are answered by what they mean."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.recipe.names import ALIASES
from onestop.recipe.other_words import OF_VERBS, OPTIONS, VERBS, answer
from onestop.recipe.schema import FIELDS
from onestop.verbs import VERBS as OWN

Capture = pytest.CaptureFixture[str]
ARGUMENTS = {
    name
    for verb in OWN
    for name in inspect.signature(
        getattr(importlib.import_module(f"onestop.verbs.{verb}"), verb)
    ).parameters
} | {*FIELDS, "dry_run", "print_recipe", "json", "csv", "offline"}


def test_the_table_is_long_and_hides_nothing_of_ours() -> None:
    assert len(OPTIONS) >= 60
    train = {*FIELDS, *inspect.signature(onestop.train).parameters, *ALIASES}
    assert not OPTIONS.keys() & train
    assert not VERBS.keys() & OWN.keys()
    assert all(word.isidentifier() and word == word.lower() for word in (*OPTIONS, *VERBS))


@pytest.mark.parametrize(
    "tool", ["Ultralytics", "timm", "fastai", "torchvision", "Lightning", "Keras", "Hugging Face"]
)
def test_every_tool_is_there(tool: str) -> None:
    assert sum(tool in found.tools for found in OPTIONS.values()) >= 10


def test_every_answer_names_something_that_there_is() -> None:
    verbs = [entry for table in OF_VERBS.values() for entry in table.items()]
    for word, found in (*OPTIONS.items(), *verbs):
        for flag in (part for part in found.text.split() if part.startswith("--")):
            name = flag.removeprefix("--").rstrip(":;,").replace("-", "_")
            assert name in ARGUMENTS, (word, flag)
    assert {found.text for found in VERBS.values()} <= OWN.keys()


TYPED = {
    "--class-weights": "--balance loss",
    "--pretrained": "--weights default",
    "--bs": "--batch-size",
    "--cos-lr": "--schedule",
    "--max_epochs": "--epochs",
    "--per-device-train-batch-size": "--batch-size",
    "--gradient-accumulation-steps": "--accumulate",
    "--in-chans": "--channels",
    "--valid-pct": "--val-fraction",
    "--num-workers": "--workers",
    "--accelerator": "--device",
    "--fp16": "--precision fp16",
    "--model-ema-decay": "--ema",
    "--gradient_clip_val": "--clip-grad",
    "--hsv-h": "--color-jitter",
    "--freeze-backbone": "--freeze backbone",
    "--report-to": "--track",
}


@pytest.mark.parametrize("typed", TYPED)
def test_an_option_of_another_tool_is_answered(typed: str, capsys: Capture) -> None:
    assert main(["train", "photos", typed, "1"]) == 2
    assert capsys.readouterr().err == (
        f"onestop: {typed}: no such option; here it is called {TYPED[typed]} (onestop train --help)\n"
    )


def test_what_has_no_equal_here_is_said(capsys: Capture) -> None:
    main(["train", "photos", "--num-classes", "3"])
    assert (
        "--num-classes: no such option; classes are the names of the folders"
        in capsys.readouterr().err
    )
    main(["predict", "model", "a.jpg", "--conf", "0.5"])
    assert "--csv and --json have each probability" in capsys.readouterr().err


def test_a_sentence_that_begins_with_an_option_is_no_name_of_one(capsys: Capture) -> None:
    main(["train", "photos", "--verbose"])
    assert "--verbose: no such option; --quiet prints no progress (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict model a.jpg --save", "--csv prints a table; redirect it into a file"),
        ("predict model a.jpg --source x", "named in this order: onestop predict MODEL IMAGES"),
        ("evaluate model --test-dir x", "here it is called --data ("),
        ("evaluate model --output x", "--json prints the metrics; redirect it"),
        ("explain model a.jpg --target-layer x", "here it is called --layer ("),
        ("explain model a.jpg --class x", "here it is called --target ("),
        ("runs --limit 3", "here it is called --top ("),
        ("runs --filter x", "here it is called --match ("),
        ("lint photos --fix", "lint changes none of your files"),
        ("train photos --save", "a state to resume from and the best network are always saved"),
        ("train photos --local-files-only", "here it is called --offline ("),
        ("predict model a.jpg --batch-size 3", "--batch-size: is an option of onestop train ("),
        ("evaluate model --epochs 3", "--epochs: is an option of onestop train ("),
    ],
)
def test_a_word_is_answered_by_its_meaning_in_that_verb(
    command: str, said: str, capsys: Capture
) -> None:
    assert main(command.split()) == 2
    assert said in capsys.readouterr().err
    assert OF_VERBS.keys() <= OWN.keys()


def test_an_option_that_is_there_is_not_hidden_by_an_answer() -> None:
    for verb, table in OF_VERBS.items():
        function = getattr(importlib.import_module(f"onestop.verbs.{verb}"), verb)
        assert not table.keys() & {
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }


def test_an_option_of_another_verb_is_said_to_be_one(capsys: Capture) -> None:
    assert main(["predict", "model", "a.jpg", "--class-weights"]) == 2
    assert "here it is called --balance loss, an option of onestop train" in capsys.readouterr().err
    assert main(["train", "photos", "--topk", "3"]) == 2
    assert "here it is called --top, an option of onestop predict" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["class_weights", "Class-Weights", "bs", "max_epochs"])
def test_python_and_recipe_files_get_the_same_answers(word: str) -> None:
    with pytest.raises(
        UsageError, match=r"no such setting; here it is called --(balance|batch|epochs)"
    ):
        onestop.train("digits", **{word: 1})  # type: ignore[arg-type]
    Path("recipe.yaml").write_text(f"epochs: 1\n{word}: 1\n")
    with pytest.raises(
        UsageError, match=r"recipe.yaml:2 '.*': no such setting; here it is called --"
    ):
        onestop.train("digits", recipe="recipe.yaml")


def test_verbs_of_other_tools_are_answered(capsys: Capture) -> None:
    for word, verb in {
        "fit": "train",
        "val": "evaluate",
        "infer": "predict",
        "detect": "predict",
    }.items():
        assert main([word]) == 2
        assert f"{word}: no such command; here it is called {verb}" in capsys.readouterr().err
    with pytest.raises(
        AttributeError, match=r"no attribute .fit.; here it is called onestop\.train"
    ):
        onestop.fit  # noqa: B018


def test_a_typing_error_is_still_one() -> None:
    assert answer("epchs") is None
    assert answer("--no-pretrained") == answer("pretrained")
