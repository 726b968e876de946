"""Recipes as files, with line numbers in their errors, and as commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from onestop.errors import UsageError
from onestop.flags import options_of, parse
from onestop.recipe import Recipe
from onestop.recipe.files import command_of, read_recipe, read_resolved, write_recipe
from onestop.recipe.schema import FIELDS
from onestop.verbs.train import resolve, train
from tests.recipes import recipe


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
            ("epochs: [1, 2]\n", "r.yaml:1 'epochs': expected a single value, not a list"),
            ("epochs:\n  one: 1\n", "r.yaml:1 'epochs': expected a single value"),
            ("lr: 1\nepochs: ten\n", "r.yaml:2 epochs: ten: should be a valid integer"),
            ("lr: .nan\n", "r.yaml:1 lr: .nan: should be"),
            ("epochs: true\n", "r.yaml:1 epochs: true: should be a valid integer"),
            ("? [epochs]\n: 3\n", "r.yaml:1: expected the name of a setting, not a list"),
            ("model: ''\n", "r.yaml:1 model: its value is empty"),
            ("epochs: 3: 4\n", "r.yaml:1: not valid YAML (mapping values are not allowed here)"),
            ("lr: 1\n\tepochs: 3\n", "r.yaml:2: not valid YAML"),
            ("epochs: *ref\n", "r.yaml:1: not valid YAML"),
            ("a: \x01\n", "r.yaml: not valid YAML"),
            ("- epochs\n- 3\n", "r.yaml: not a recipe; write one `name: value` line"),
            ("", "r.yaml: not a recipe; write one `name: value` line"),
            ("just words\n", "r.yaml: not a recipe; write one `name: value` line"),
            ("[" * 5000, "r.yaml: not valid YAML"),
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
        "chosen",
        [
            recipe(),
            recipe(
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
            recipe(source="Bilder: Käfer #1 \udcff\n'\"", model="net.py:Net"),
        ],
        ids=["built in", "every value", "odd names"],
    )  # fmt: skip
    def test_what_is_written_is_read_back(self, chosen: Recipe) -> None:
        text = write_recipe(chosen)
        assert self.read(text) == chosen.values()
        assert [line.partition(":")[0] for line in text.splitlines() if line[0] != " "] == list(
            FIELDS
        )


OLD = """\
source: photos
data_root: null
val_fraction: 0.1
strict: false
channels: 3
image_size: 224
fit: crop
normalize: weights
augment: resized-crop
crop_padding: 0
auto_augment: none
color_jitter: 0.0
erase: 0.0
mixup: 0.0
cutmix: 0.0
model: squeezenet1_1
weights: default
freeze: backbone
unfreeze_after: 3
views: 4
backbone_lr_scale: 0.25
layer_decay: 1.0
epochs: 15
batch_size: 32
accumulate: 1
optimizer: sgd
lr: 0.004
momentum: 0.9
nesterov: false
weight_decay: 0.0005
decay_all: false
schedule: cosine
step_epochs: 10
warmup_epochs: 0.75
clip_grad: 0.0
label_smoothing: 0.0
balance: none
ema: 0.80952
tta: none
monitor: accuracy
patience: 7
seed: 0
device: cpu
precision: fp32
memory_format: channels-last
compile: false
deterministic: false
workers: 2
cache: none
threads: 2
"""


class TestOldRuns:
    """Recipes of runs that an earlier version began: `views`, and no `track` or `pixel_range`."""

    def test_the_recipe_of_an_old_run_is_read(self) -> None:
        Path("r.yaml").write_text(OLD, encoding="utf-8")
        chosen = read_resolved("r.yaml")
        assert chosen.network.cached_augmentations == 4
        assert chosen.machine.track == "none"
        assert (chosen.optim.lr, chosen.optim.ema, chosen.data.data_root) == (0.004, 0.80952, None)
        lines = OLD.replace("views:", "cached_augmentations:") + "track: none\n"
        unset = ("task", "path_column", "label_column", "image_root", "suffix")
        later = "".join(f"{name}: null\n" for name in unset) + "literal_labels: true\n"
        lines = lines.replace("normalize:", "crop_fraction: null\npixel_range: image\nnormalize:")
        lines = lines.replace("mixup:", "zoom: 0.0\nmixup:")
        lines = lines.replace("batch_size:", "time_budget: 0.0\nbatch_size:")
        lines = lines.replace("freeze:", "weights_digest: unknown\nprobe: none\nfreeze:")
        assert write_recipe(chosen) == lines.replace("strict:", f"{later}strict:", 1)

    def test_one_that_says_too_little_is_refused(self) -> None:
        Path("r.yaml").write_text(OLD.replace("lr: 0.004\n", "").replace("epochs: 15", "epochs: ~"))
        with pytest.raises(
            UsageError, match=r"r\.yaml: does not set epochs, lr, as the recipe of a"
        ):
            read_resolved("r.yaml")


def test_a_command_leaves_out_what_changes_nothing() -> None:
    chosen = recipe(augment="flip", crop_padding=4, step_epochs=10, tta="flip", freeze="backbone",
                    cached_augmentations=4, optimizer="adam", nesterov=True)  # fmt: skip
    words = command_of(chosen).split()
    assert {"--augment", "--tta", "--freeze", "--optimizer"} <= set(words)
    useless = {
        "--crop-padding",
        "--step-epochs",
        "--cached-augmentations",
        "--momentum",
        "--nesterov",
    }
    assert not useless & set(words)


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
    chosen = resolve("digits", **given).recipe
    words = shlex.split(command_of(chosen))
    assert words[:3] == ["onestop", "train", "digits"]
    options = options_of(train)
    parsed = parse("train", train, options, words[2:])
    assert parsed is not None
    fields = {name: value for name, value in parsed.items() if name in FIELDS}
    assert resolve(**fields).recipe == chosen
