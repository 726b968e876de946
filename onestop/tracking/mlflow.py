"""Runs of MLflow, on the server or in the folder of MLFLOW_TRACKING_URI.

Through MLflow's client alone: a run that is active in the user's own program stays as it is.
"""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from onestop.errors import UsageError
from onestop.tracking.tracker import Opening, Setting, Status, environment, unless_set

# Before the import: MLflow tells its authors what is used unless it is told not to (mlflow.org,
# "Usage Tracking").
os.environ.update(unless_set(MLFLOW_DISABLE_TELEMETRY="true"))

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES

EXPERIMENT = "onestop"
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_WHILE_CALLED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # asked for again whenever a client is made
    "MLFLOW_ALLOW_FILE_STORE": "true",  # else it refuses folders, and all it can do without SQL
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a run does not wait minutes for a server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where results go
}
_SQL = importlib.util.find_spec("sqlalchemy") is not None  # of MLflow's full package only
_LONGEST = 6000  # letters of a parameter's value that every store takes


class MLflow:
    """A run of MLflow: parameters from the recipe, metrics by step."""

    def __init__(self, opening: Opening) -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self.keep = {} if uri else {"uri": opening.known.get("uri") or _default_uri()}
        uri = uri or self.keep["uri"]
        if _is_database(uri) and not _SQL:
            raise UsageError(
                f"{uri} is a database, which needs more of MLflow: pip install mlflow; or name a "
                "server or a folder with MLFLOW_TRACKING_URI"
            )
        with environment(unless_set(**_WHILE_CALLED)):
            self._client = MlflowClient(tracking_uri=uri)
            self._run = self._taken_up(opening.known.get("run")) or self._new(opening)
            self.keep["run"] = self._run
            self.epoch = int(max((m.value for m in self._history("epoch")), default=0))
            self.step = max((m.step for m in self._history("batch/loss")), default=0)
            self._describe(opening)
        self.where = f"MLflow, run {self._run} in {uri}"

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Write the metrics of a step."""
        now = int(time.time() * 1000)
        theirs = [Metric(name, value, now, step) for name, value in metrics.items()]
        with environment(unless_set(**_WHILE_CALLED)):
            self._client.log_batch(self._run, metrics=theirs)

    def finish(self, metrics: Mapping[str, float | str], step: int, status: Status) -> None:
        """Write the final metrics and end MLflow's run; words become tags."""
        self.write({k: v for k, v in metrics.items() if not isinstance(v, str)}, step)
        tags = [RunTag(k, v) for k, v in metrics.items() if isinstance(v, str)]
        with environment(unless_set(**_WHILE_CALLED)):
            self._client.log_batch(self._run, tags=tags)
            self._client.set_terminated(self._run, _STATUS[status])

    def close(self) -> None:
        """Nothing is held."""

    def _taken_up(self, run: str | None) -> str | None:
        """The run that was begun before, unless another store is asked for now or it was deleted."""
        if run is None:
            return None
        try:
            found = self._client.get_run(run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if found.info.lifecycle_stage != "active":
            return None
        self._client.update_run(run, status="RUNNING")
        return run

    def _new(self, opening: Opening) -> str:
        tags = {"run_folder": str(opening.folder)}
        run = self._client.create_run(self._experiment(), run_name=opening.folder.name, tags=tags)
        return str(run.info.run_id)

    def _experiment(self) -> str:
        if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return given
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _history(self, name: str) -> list[Metric]:
        return list(self._client.get_metric_history(self._run, name))

    def _describe(self, opening: Opening) -> None:
        """Settings as parameters; MLflow never changes one, so what did change becomes a tag."""
        there = self._client.get_run(self._run).data.params
        texts = {name: _text(value) for name, value in opening.settings.items()}
        self._client.log_batch(
            self._run,
            params=[Param(k, v) for k, v in texts.items() if k not in there],
            tags=[RunTag(k, v) for k, v in texts.items() if there.get(k, v) != v],
        )


def open_tracker(opening: Opening) -> MLflow:
    """Begin a run of MLflow, or go on with one."""
    return MLflow(opening)


def _default_uri() -> str:
    """MLflow's own default place; the folder `mlruns` where that is a database it has no driver for.

    That folder is where MLflow then looks first by itself.
    """
    uri = mlflow.get_tracking_uri()
    return Path("mlruns").resolve().as_uri() if _is_database(uri) and not _SQL else uri


def _is_database(uri: str) -> bool:
    return re.split("[+:]", uri, maxsplit=1)[0] in DATABASE_ENGINES


def _text(value: Setting) -> str:
    return str(value)[:_LONGEST]
