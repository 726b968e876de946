"""One pixel range, from the training images to every use of the model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image

import onestop
from onestop.data import open_data
from onestop.errors import UsageError
from onestop.inference.load import load
from onestop.storage.model_file import read_card
from tests.conftest import REPOSITORY
from tests.deep_files import png16, tiff
from tests.reliability.bad_inputs import encoded

pytestmark = pytest.mark.thorough

Save = Callable[[NDArray[Any]], bytes]
OPTIONS: dict[str, Any] = {
    "model": "lenet5", "image_size": 32, "epochs": 12, "quiet": True, "no_report": True,
    "workers": 0,
}  # fmt: skip


def two_classes(folder: Path, save: Save, count: int = 40, side: int = 64) -> Path:
    """Greys of 12 bits: class a around 1500, class b around 1620."""
    rng = np.random.default_rng(0)
    for name, mean in (("a", 1500), ("b", 1620)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            values = np.rint(rng.normal(mean, 30, (side, side)))
            (folder / name / f"{number:02}.img.png").write_bytes(save(values))
    return folder


def in_16_bits(values: NDArray[Any]) -> bytes:
    return png16(values.astype(np.uint16))


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_classes(tmp_path_factory.mktemp("greys") / "greys", in_16_bits)


@pytest.fixture(scope="module")
def run(greys: Path) -> onestop.Run:
    return onestop.train(greys, out=greys.parent / "runs", **OPTIONS)


def stored(run: onestop.Run) -> Any:
    return read_card(run.folder / "model.safetensors").preprocessing["pixel_range"]


def few(name: str) -> dict[str, Any]:
    return {**OPTIONS, "epochs": 1, "name": name}


# --- training ---


def test_12_bits_in_16_train_as_well_as_8_bits(run: onestop.Run, tmp_path: Path) -> None:
    def in_8_bits(values: NDArray[Any]) -> bytes:
        return encoded(np.rint(values * (255 / 4095)).astype(np.uint8))

    plain = onestop.train(two_classes(tmp_path / "plain", in_8_bits), out=tmp_path, **OPTIONS)
    assert run.metrics["accuracy"] == plain.metrics["accuracy"] == 1
    assert stored(plain) == "full"


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("float", lambda v: tiff((v / 4095).astype(np.float32))),
        ("signed", lambda v: tiff((v - 2000).astype(np.int16), order=">", compressed=True)),
        ("unsigned 32 bits", lambda v: tiff((v * 2000 + 2**31).astype(np.uint32))),
        ("signed 8 bits", lambda v: tiff((v / 8 - 200).round().astype(np.int8))),
        ("inverted", lambda v: tiff(v.astype(np.uint16), white_is_zero=True)),
        ("colour", lambda v: png16(np.stack([v] * 3, -1).astype(np.uint16))),
    ],
)
def test_other_deep_images_are_learned_too(name: str, save: Save, tmp_path: Path) -> None:
    source = two_classes(tmp_path / "images", save, count=20, side=32)
    trained = onestop.train(source, out=tmp_path, **OPTIONS)
    assert trained.metrics["accuracy"] == 1, name
    low, high = stored(trained)
    assert high > low


def test_a_hot_pixel_ruins_nothing(tmp_path: Path) -> None:
    source = two_classes(tmp_path / "images", in_16_bits, count=20, side=32)
    values = np.full((32, 32), 1500, np.uint16)
    values[3, 3] = 65535
    (source / "a" / "hot.png").write_bytes(png16(values))
    trained = onestop.train(source, out=tmp_path, val_fraction=0, **few("hot"))
    assert stored(trained)[1] < 1800


def test_the_range_is_that_of_the_whole_training_split(greys: Path, run: onestop.Run) -> None:
    card = read_card(run.folder / "model.safetensors")
    train = open_data(str(greys), val_fraction=0.1, seed=0).splits["train"]
    assert len(train) == 72
    values = [np.asarray(Image.open(greys / train.name(index))) for index in range(72)]
    low, high = card.preprocessing["pixel_range"]
    assert (low, high) == (np.min(values), np.max(values))
    recipe = yaml.safe_load((run.folder / "recipe.yaml").read_text())
    assert recipe["pixel_range"] == f"{low:.0f},{high:.0f}"


def test_it_is_told_once(
    greys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], run: onestop.Run
) -> None:
    options = {**few("told"), "quiet": False}
    onestop.train(greys, out=tmp_path, **options)
    low, high = stored(run)
    note = (
        f"note: 16-bit images use {low:,.0f} to {high:,.0f} of 65,535: pixel range "
        f"{low:.0f},{high:.0f} is black to white (--pixel-range sets another)"
    )
    assert capsys.readouterr().err.count(note) == 1
    del options["no_report"], options["name"]
    onestop.dry_run(greys, **options)
    assert note in capsys.readouterr().err


def test_a_range_that_is_set_is_used(greys: Path, tmp_path: Path) -> None:
    for value in ("1400,1700", (1400, 1700), [1400.0, 1700.0]):
        trained = onestop.train(greys, out=tmp_path, pixel_range=value, **few("set"))
        assert stored(trained) == [1400, 1700]
    full = onestop.train(greys, out=tmp_path, pixel_range="full", **few("full"))
    assert stored(full) == "full"
    auto = onestop.train(greys, out=tmp_path, pixel_range="auto", **few("auto"))
    assert stored(auto)[0] > 1000


def test_images_of_8_bits_take_no_range(tmp_path: Path) -> None:
    source = two_classes(tmp_path / "plain", lambda v: encoded((v / 16).astype(np.uint8)), 8, 32)
    with pytest.raises(UsageError, match=r"--pixel-range 0,4095: changes nothing, since all"):
        onestop.train(source, out=tmp_path, pixel_range="0,4095", **few("none"))
    assert not (tmp_path / "none").exists()


def test_several_depths_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = two_classes(tmp_path / "images", in_16_bits, 8, 32)
    (source / "a" / "plain.png").write_bytes(encoded(np.full((32, 32), 9, np.uint8)))
    onestop.train(source, out=tmp_path, val_fraction=0, **{**few("mixed"), "quiet": False})
    printed = capsys.readouterr().err
    assert "note: images of several depths: 16-bit 16, 8-bit 1; one range serves all" in printed
    assert "a/plain.png (has 8 bits, so that 0 to 255 stands for the pixel range" in printed


# --- use ---


def test_evaluation_is_that_of_training(run: onestop.Run) -> None:
    again = onestop.evaluate(run.folder)
    assert again.metrics["loss"] == run.metrics["loss"]
    assert again.metrics["accuracy"] == 1


def test_one_image_alone_is_scaled_like_all_others(run: onestop.Run, greys: Path) -> None:
    """In whatever form it is given, and whatever its own darkest and brightest pixels are."""
    model = load(run.folder)
    low, high = stored(run)
    values = np.full((32, 32), 1500, np.uint16)
    wanted = round((1500 - low) * 255 / (high - low))
    forms: list[Any] = [
        png16(values), tiff(values), tiff(values.astype(np.float32)), values, values.astype(float),
        torch.from_numpy(values.astype(np.int32)), values[..., None], tiff(values.astype(np.int32)),
    ]  # fmt: skip
    for form in forms:
        remarks: list[str] = []
        prepared = model.prepare(form, remarks.append)
        assert prepared.unique().tolist() == [wanted]
        assert remarks == []
    (prediction,) = onestop.predict(run.folder, values)
    assert prediction.label == "a"
    picture = prediction.thumbnail()
    assert picture is not None
    assert (picture == wanted).all()


def test_what_lies_outside_is_clipped_and_said(run: onestop.Run, tmp_path: Path) -> None:
    values = np.full((32, 32), 1500, np.uint16)
    values[:2] = 60_000
    (prediction,) = onestop.predict(run.folder, values)
    low, high = stored(run)
    assert prediction.warning == (
        f"6% of its values lie outside the pixel range {low:.0f},{high:.0f} and are clipped"
    )
    (prediction,) = onestop.predict(run.folder, [png16(values)])
    assert prediction.warning.startswith("6% of its values lie outside")
    (prediction,) = onestop.predict(run.folder, np.full((32, 32), 90, np.uint8))
    assert prediction.warning.startswith("has 8 bits, so that 0 to 255 stands for")
    pair = np.stack([values, values]), ["a", "b"]
    assert len(onestop.evaluate(run.folder, data=pair).remarks) == 2


def test_a_heat_map_is_made_of_the_same_pixels(run: onestop.Run) -> None:
    values = np.full((32, 32), 1500, np.uint16)
    (explanation,) = onestop.explain(run.folder, values)
    low, high = stored(run)
    wanted = round((1500 - low) * 255 / (high - low))
    assert np.unique(np.asarray(explanation.pixels)).tolist() == [wanted]


def test_a_model_of_8_bits_takes_only_full_scales(tmp_path: Path) -> None:
    source = two_classes(tmp_path / "plain", lambda v: encoded((v / 16).astype(np.uint8)), 8, 32)
    trained = onestop.train(source, out=tmp_path, **few("plain"))
    model = load(trained.folder)
    deep = np.full((32, 32), 25700, np.uint16)
    assert model.prepare(png16(deep)).unique().tolist() == [100]
    assert model.prepare(tiff(np.full((32, 32), 0.5, np.float32))).unique().tolist() == [128]
    deep[0] = 26_000
    (prediction,) = onestop.predict(trained.folder, [png16(deep)])
    assert prediction.warning.startswith("has values from 25,700 to 26,000 only")
    floats = onestop.predict(trained.folder, [tiff(np.full((32, 32), 100, np.float32))])
    assert "pixel range is 0,1; scale them" in next(iter(floats)).error


def test_a_model_file_without_a_range_goes_by_the_image(run: onestop.Run, tmp_path: Path) -> None:
    model = load(run.folder)
    fields = {k: v for k, v in model.card.preprocessing.items() if k != "pixel_range"}
    old = type(model.card)(**{**vars(model.card), "preprocessing": fields})
    path = tmp_path / "old.safetensors"
    onestop.Model(model.network, old).save(path)
    assert "pixel_range" not in read_card(path).preprocessing
    again = load(path)
    assert again.preprocessing.pixel_range == "image"
    one, other = (tiff(np.full((32, 32), top, np.float32)) for top in (1, 1.5))
    assert again.prepare(one).unique().tolist() == [255]
    assert again.prepare(other).unique().tolist() == [2]


# --- caches, threads, resuming ---


def test_neither_cache_nor_threads_matter(
    greys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_CACHE", str(tmp_path / "cache"))
    losses = []
    for number, (cache, workers) in enumerate(
        [("memory", 0), ("none", 2), ("disk", 1), ("disk", 0)]
    ):
        options = {**few(f"run{number}"), "cache": cache, "workers": workers, "epochs": 2}
        losses.append(onestop.train(greys, out=tmp_path, **options).metrics["loss"])
    assert len(set(losses)) == 1
    assert len(list((tmp_path / "cache").glob("*.images"))) == 2  # train and val
    options = {**few("other"), "cache": "disk", "pixel_range": "1400,1700", "epochs": 2}
    assert onestop.train(greys, out=tmp_path, **options).metrics["loss"] != losses[0]
    assert len(list((tmp_path / "cache").glob("*.images"))) == 4


def test_random_crops_are_taken_from_the_same_pixels(greys: Path, tmp_path: Path) -> None:
    options = {**few("crops"), "augment": "resized-crop", "image_size": 32}
    uncached = onestop.train(greys, out=tmp_path, **options)
    assert stored(uncached)[0] > 1000
    cached = onestop.train(greys, out=tmp_path, **{**options, "cache": "memory"})
    assert cached.metrics["images"] == uncached.metrics["images"]


def test_a_run_goes_on_with_its_range(greys: Path, tmp_path: Path) -> None:
    whole = onestop.train(
        greys, out=tmp_path, **{**few("whole"), "epochs": 2, "schedule": "constant"}
    )
    part = onestop.train(greys, out=tmp_path, **{**few("part"), "schedule": "constant"})
    before = stored(part)
    part = onestop.train(part.folder, epochs=2, quiet=True, no_report=True)
    assert stored(part) == before == stored(whole)
    with pytest.raises(UsageError, match="pixel-range"):
        onestop.train(part.folder, epochs=3, pixel_range="0,9", quiet=True, no_report=True)


# --- Python ---


@pytest.mark.parametrize("kind", [np.uint16, np.int64, np.float32, np.float64])
def test_arrays_have_one_range(kind: type[Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    means = np.array([1500, 1620] * 40)
    values = np.rint(rng.normal(means[:, None, None], 30, (80, 32, 32))).astype(kind)
    if kind == np.float64:
        values = values / 4095
    labels = ["a" if mean == 1500 else "b" for mean in means]
    trained = onestop.train((values, labels), out=tmp_path, **OPTIONS)
    assert trained.metrics["accuracy"] == 1
    predicted = onestop.predict(trained.folder, list(values[:4]))
    assert [p.label for p in predicted] == labels[:4]


def test_fractions_are_what_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    eight = rng.integers(0, 256, (20, 32, 32), dtype=np.uint8)
    runs = [
        onestop.train((images, [0, 1] * 10), out=tmp_path, **few("run"))
        for images in (eight, eight / np.float32(255), eight / 255, eight.astype(np.int64))
    ]
    assert len({run.metrics["loss"] for run in runs}) == 1
    assert [stored(run) for run in runs] == ["full", [0, 1], [0, 1], [0, 255]]


def test_a_torch_data_set_that_normalises_is_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [torch.from_numpy(rng.normal(0, 1, (3, 32, 32)).astype(np.float32)) for _ in range(20)]
    source = [(image, k % 2) for k, image in enumerate(images)]
    trained = onestop.train(source, out=tmp_path, **{**few("torch"), "model": "lenet5_color"})
    low, high = stored(trained)
    assert low < -2
    assert high > 2
    assert trained.metrics["images"] > 0


# --- lint and info ---


def test_info_and_lint_show_the_range(greys: Path, tmp_path: Path) -> None:
    facts = onestop.info(greys).facts
    assert facts["pixel_range"].startswith("16-bit images use 1,3")
    assert 0.4 < facts["mean"][0] < 0.6
    found = onestop.lint(greys, out=tmp_path, quiet=True, exact=True)
    lines = [finding for finding in found.findings if finding["kind"] == "pixel range"]
    assert [(line["level"], line["text"][:16]) for line in lines] == [("note", "16-bit images us")]
    assert not any(finding["kind"] in ("one colour", "values") for finding in found.findings)


def test_lint_warns_of_scales_that_differ(tmp_path: Path) -> None:
    source = two_classes(tmp_path / "images", in_16_bits, 8, 32)
    for number in range(4):
        floats = np.random.default_rng(number).random((32, 32)).astype(np.float32)
        (source / "a" / f"float{number}.tif").write_bytes(tiff(floats))
    (source / "b" / "plain.png").write_bytes(
        encoded(np.arange(1024, dtype=np.uint8).reshape(32, 32) % 251)
    )
    found = onestop.lint(source, out=tmp_path, quiet=True, exact=True)
    warned = {f["kind"]: f["text"] for f in found.findings if f["level"] == "warning"}
    assert "images of several depths: 16-bit 16, float 4, 8-bit 1" in warned["pixel range"]
    assert warned["values"] == "1 image of another depth or scale than the rest"
    report = json.loads((found.folder / "lint.json").read_text())
    assert any(finding["kind"] == "pixel range" for finding in report["findings"])


# --- memory ---


def test_a_large_grey_needs_few_bytes_a_pixel(tmp_path: Path) -> None:
    """docs/sources.md states the bound: 12 bytes per pixel; these were 26 once."""
    if sys.platform != "linux":
        pytest.skip("the peak is read from /proc")
    side = 4000
    values = np.zeros((side, side), np.uint16)
    values[::7] = 1500
    for name, data in (("grey", png16(values)), ("float", tiff(values.astype(np.float32)))):
        path = tmp_path / name
        path.write_bytes(data)
        code = (
            "import resource, sys\n"
            "from onestop.images.decode import decode\n"
            "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
            "before = peak()\n"
            "decode(sys.argv[1], 3, None, (0.0, 4095.0))\n"
            "print(peak() - before)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True, text=True, check=False, cwd=REPOSITORY,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < 12 * side**2 + 20e6, name
