"""MLflow runs, on the server or in the folder of MLFLOW_TRACKING_URI.

Uses only MLflow's client, so that a run that is active in the user's program is not affected.
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

# Before the import: MLflow reports usage to its authors unless this is set (mlflow.org, "Usage
# Tracking").
os.environ.update(unless_set(MLFLOW_DISABLE_TELEMETRY="true"))

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES

EXPERIMENT = "onestop"
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_WHILE_CALLED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # checked again whenever a client is created
    "MLFLOW_ALLOW_FILE_STORE": "true",  # else it refuses folders, its only store without SQL
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # do not wait minutes for a server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for results
}
_SQL = importlib.util.find_spec("sqlalchemy") is not None  # only in MLflow's full package
_MAX_LENGTH = 6000  # characters of a parameter's value that every store accepts


class MLflow:
    """An MLflow run: parameters from the recipe, metrics by step."""

    def __init__(self, opening: Opening) -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self.keep = {} if uri else {"uri": default_uri()}  # never what the run's folder says
        uri = uri or self.keep["uri"]
        if _is_database(uri) and not _SQL:
            raise UsageError(
                f"{uri} is a database, which needs the full MLflow: pip install mlflow; or set "
                "MLFLOW_TRACKING_URI to a server or a folder"
            )
        with environment(unless_set(**_WHILE_CALLED)):
            self._client = MlflowClient(tracking_uri=uri)
            self._run = self._reopened(opening.known.get("run")) or self._new(opening)
            self.keep["run"] = self._run
            self.epoch = int(max((m.value for m in self._history("epoch")), default=0))
            self.step = max((m.step for m in self._history("batch/loss")), default=0)
            self._describe(opening)
        self.where = f"MLflow, run {self._run} in {uri}"

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Write the metrics of a step."""
        now = int(time.time() * 1000)
        values = [Metric(name, value, now, step) for name, value in metrics.items()]
        with environment(unless_set(**_WHILE_CALLED)):
            self._client.log_batch(self._run, metrics=values)

    def finish(self, metrics: Mapping[str, float | str], step: int, status: Status) -> None:
        """Write the final metrics and end the MLflow run; text becomes tags."""
        self.write({k: v for k, v in metrics.items() if not isinstance(v, str)}, step)
        tags = [RunTag(k, v) for k, v in metrics.items() if isinstance(v, str)]
        with environment(unless_set(**_WHILE_CALLED)):
            self._client.log_batch(self._run, tags=tags)
            self._client.set_terminated(self._run, _STATUS[status])

    def close(self) -> None:
        """Nothing to close."""

    def _reopened(self, run: str | None) -> str | None:
        """The run that was begun earlier; None if it was deleted or is in another store."""
        if run is None:
            return None
        try:
            entry = self._client.get_run(run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if entry.info.lifecycle_stage != "active":
            return None
        self._client.update_run(run, status="RUNNING")
        return run

    def _new(self, opening: Opening) -> str:
        tags = {"run_folder": str(opening.folder)}
        run = self._client.create_run(self._experiment(), run_name=opening.folder.name, tags=tags)
        return str(run.info.run_id)

    def _experiment(self) -> str:
        if identifier := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return identifier
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        experiment = self._client.get_experiment_by_name(name)
        return str(experiment.experiment_id if experiment else self._client.create_experiment(name))

    def _history(self, name: str) -> list[Metric]:
        return list(self._client.get_metric_history(self._run, name))

    def _describe(self, opening: Opening) -> None:
        """Log settings as parameters; these are immutable in MLflow, so a changed one becomes a tag."""
        logged = self._client.get_run(self._run).data.params
        texts = {name: _text(value) for name, value in opening.settings.items()}
        self._client.log_batch(
            self._run,
            params=[Param(k, v) for k, v in texts.items() if k not in logged],
            tags=[RunTag(k, v) for k, v in texts.items() if logged.get(k, v) != v],
        )


def open_tracker(opening: Opening) -> MLflow:
    """Begin or continue an MLflow run."""
    return MLflow(opening)


def default_uri() -> str:
    """MLflow's own default; the folder `mlruns` if that is a database without a driver.

    That folder is then the first place where MLflow looks.
    """
    uri = mlflow.get_tracking_uri()
    return Path("mlruns").resolve().as_uri() if _is_database(uri) and not _SQL else uri


def _is_database(uri: str) -> bool:
    return re.split("[+:]", uri, maxsplit=1)[0] in DATABASE_ENGINES


def _text(value: Setting) -> str:
    return str(value)[:_MAX_LENGTH]
