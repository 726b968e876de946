"""Runs of MLflow in a folder, read back with MLflow's own client."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

import onestop
from onestop.errors import UsageError
from onestop.storage.run_folder import TRACKING
from onestop.tracking import mlflow
from onestop.tracking.tracker import environment
from tests.tracking.conftest import EPOCHS, STEPS, column, same, train

pytestmark = pytest.mark.thorough


def opened(uri: str) -> MlflowClient:
    with environment({"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}):
        return MlflowClient(tracking_uri=uri)


@pytest.fixture
def store(tmp_path: Path) -> MlflowClient:
    """The one of a run that names none, where MLflow has no driver for databases."""
    return opened((tmp_path / "mlruns").as_uri())


@pytest.fixture(autouse=True)
def _without_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "_SQL", False)


def run_of(folder: Path, store: MlflowClient) -> Run:
    return store.get_run(json.loads((folder / TRACKING).read_text())["mlflow"]["run"])


def history(run: Run, store: MlflowClient, name: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in store.get_metric_history(run.info.run_id, name)]


def test_a_run_of_mlflow_has_settings_and_figures(
    plain: onestop.Run, store: MlflowClient, every_step: None, capfd: pytest.CaptureFixture[str]
) -> None:
    run = train(track="mlflow", name="mine")
    assert capfd.readouterr() == ("", "")
    assert not [thread.name for thread in threading.enumerate() if "mlflow" in thread.name.lower()]
    assert same(run, plain)
    found = run_of(run.folder, store)
    assert (found.info.run_name, found.info.status) == ("mine", "FINISHED")
    assert store.get_experiment(found.info.experiment_id).name == "onestop"
    assert found.data.params == {k: str(v) for k, v in run.recipe.values().items() if v is not None}
    assert found.data.tags["run_folder"] == str(run.folder)
    assert found.data.tags["final/split"] == "test"
    for name in ("train/loss", "train/accuracy", "val/loss", "val/macro_f1", "lr", "seconds"):
        assert history(found, store, name) == column(run, name.replace("/", "_"))
    steps = EPOCHS * STEPS
    assert [step for step, _ in history(found, store, "batch/loss")] == list(range(1, steps + 1))
    assert history(found, store, "final/accuracy") == [(steps, run.metrics["accuracy"])]


def test_a_run_that_goes_on_is_the_same_run_and_repeats_no_step(
    plain: onestop.Run,
    store: MlflowClient,
    killed: Callable[..., Path],
    every_step: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = killed(track="mlflow").resolve()
    before = run_of(folder, store)
    assert before.info.status == "RUNNING"
    assert history(before, store, "epoch") == [(STEPS, 1.0), (2 * STEPS, 2.0)]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # where another store is the default
    uri = (tmp_path / "mlruns").as_uri()
    with pytest.raises(UsageError, match=f"sent its metrics to {uri}, as its tracking.json says; "):
        train(resume=folder, strict=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run = train(resume=folder, strict=True)
    after = run_of(folder, store)
    assert after.info.run_id == before.info.run_id
    assert after.info.status == "FINISHED"
    assert history(after, store, "val/loss") == column(run, "val_loss")
    steps = [step for step, _ in history(after, store, "batch/loss")]
    assert steps == list(range(1, EPOCHS * STEPS + 1))
    assert (after.data.params["strict"], after.data.tags["strict"]) == ("False", "True")
    assert same(run, plain)


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "named"))
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "beans")
    run = train(track="mlflow", epochs=1)
    assert "uri" not in json.loads((run.folder / TRACKING).read_text())["mlflow"]
    store = opened(str(tmp_path / "named"))
    found = run_of(run.folder, store)
    assert store.get_experiment(found.info.experiment_id).name == "beans"
    store.delete_run(found.info.run_id)
    train(resume=run.folder, epochs=2)  # a run that somebody deleted is not woken up
    again = run_of(run.folder, store)
    assert again.info.run_id != found.info.run_id
    assert [step for step, _ in history(again, store, "epoch")] == [STEPS, 2 * STEPS]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "other"))
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    train(resume=run.folder, epochs=3)
    other = opened(str(tmp_path / "other"))
    assert len(history(run_of(run.folder, other), other, "epoch")) == 3
    assert not Path("mlruns").exists()


@pytest.mark.parametrize("uri", ["http://192.0.2.1:5000", "file:///planted", "planted"])
def test_a_run_folder_does_not_say_where_metrics_go(uri: str, tmp_path: Path) -> None:
    run = train(epochs=1)
    (run.folder / TRACKING).write_text(json.dumps({"mlflow": {"uri": uri, "run": "0" * 32}}))
    recipe = run.folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("track: none", "track: mlflow"))
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(UsageError) as refused:
        train(resume=run.folder, epochs=2)
    message = str(refused.value)
    assert uri in message
    assert "MLFLOW_TRACKING_URI" in message
    assert "--track mlflow" in message
    (run.folder / TRACKING).unlink()
    with pytest.raises(UsageError, match="its recipe sends metrics to MLflow; name it again"):
        train(resume=run.folder, epochs=2)
    assert {path.name for path in tmp_path.iterdir()} == before
    train(resume=run.folder, epochs=2, track="mlflow")
    assert json.loads((run.folder / TRACKING).read_text())["mlflow"]["uri"].endswith("/mlruns")
    train(resume=run.folder, epochs=3)  # where it went before is the user's own place


def test_a_database_without_a_driver_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    with pytest.raises(
        UsageError, match=r"sqlite:///mine\.db is a database, .* pip install mlflow"
    ):
        train(track="mlflow")


@pytest.mark.parametrize("wish", [None, "false"])
def test_mlflow_is_told_to_keep_quiet_before_it_is_loaded(wish: str | None) -> None:
    script = (
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mlflow':\n"
        "            sys.exit(os.environ.get('MLFLOW_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import onestop.tracking.mlflow\n"
    )
    own = {} if wish is None else {"MLFLOW_DISABLE_TELEMETRY": wish}
    with environment(own):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
    assert done.stderr.strip() == (wish or "true")
