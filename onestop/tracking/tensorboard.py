"""TensorBoard events, in `tensorboard/` in the run's folder.

Written in TensorBoard's record format, but not with torch's SummaryWriter: that writes in a thread of
its own, whose errors (a full disk) print a traceback on the terminal instead of being raised here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter

from onestop.runtime.files import make_folder
from onestop.tracking.tracker import Opening, Setting, Status

FOLDER = "tensorboard"
_STATUS = {
    "finished": api_pb2.STATUS_SUCCESS,
    "stopped": api_pb2.STATUS_UNKNOWN,
    "failed": api_pb2.STATUS_FAILURE,
}


class TensorBoard:
    """A new events file. What it repeats of earlier files, TensorBoard drops from these."""

    def __init__(self, opening: Opening) -> None:
        folder = opening.folder / FOLDER
        make_folder(folder)
        begun_before = any(folder.glob("events.out.tfevents.*"))
        self.where = f"tensorboard --logdir {folder}"
        self.keep: dict[str, str] = {}
        self.epoch, self.step = (opening.epoch, opening.step) if begun_before else (0, 0)
        # TensorBoard reads files in the order of their names.
        self._file = (folder / f"events.out.tfevents.{time.time_ns()}").open("xb")
        self._records = RecordWriter(self._file)
        self._put(Event(file_version="brain.Event:2"))
        if begun_before:
            start = SessionLog(status=SessionLog.START)
            self._put(Event(step=opening.step + 1, session_log=start))
        self._put_plugin_data(
            metadata.SESSION_START_INFO_TAG, session_start_info=_start(opening.settings)
        )
        self._file.flush()

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Write metrics as scalars, which TensorBoard stores in 32 bits."""
        values = [Summary.Value(tag=name, simple_value=x) for name, x in metrics.items()]
        self._put(Event(step=step, summary=Summary(value=values)))
        self._file.flush()

    def finish(self, metrics: Mapping[str, float | str], step: int, status: Status) -> None:
        """Write the final metrics, and the status in the table of settings (HPARAMS)."""
        self.write({k: v for k, v in metrics.items() if not isinstance(v, str)}, step)
        end = SessionEndInfo(status=_STATUS[status], end_time_secs=time.time())
        self._put_plugin_data(metadata.SESSION_END_INFO_TAG, session_end_info=end)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _put(self, event: Event) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())

    def _put_plugin_data(self, tag: str, **info: SessionStartInfo | SessionEndInfo) -> None:
        about = metadata.create_summary_metadata(HParamsPluginData(**info))
        value = Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
        self._put(Event(summary=Summary(value=[value])))


def open_tracker(opening: Opening) -> TensorBoard:
    """Begin or continue the events of a run."""
    return TensorBoard(opening)


def _start(settings: Mapping[str, Setting]) -> SessionStartInfo:
    start = SessionStartInfo(start_time_secs=time.time())
    for name, value in settings.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return start
