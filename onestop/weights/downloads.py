"""Downloading a file: with progress, resumed where it stopped, checked, and with time limits."""

from __future__ import annotations

import hashlib
import http.client
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from filelock import FileLock

from onestop.runtime.aside import aside, is_live
from onestop.runtime.files import flush_folder
from onestop.version import __version__

SILENCE = 10.0
"""Seconds after which a server that does not answer, or stops sending, counts as unreachable."""
LONGEST = 3600.0
"""Seconds after which a download is given up; the next one continues it."""
_ATTEMPTS = 5  # to go on after a connection broke, as long as each one brought something
_CHUNK = 2**18


class DownloadError(Exception):
    """Why a file could not be downloaded, in a few words.

    Not a `OneStopError`: the caller knows what the file is for and what else can be done.
    """


def download(url: str, target: Path, sha256: str) -> None:
    """Download a file unless another process has just done so; complete and checked, or not at all.

    What has arrived before a connection broke stays beside the target and is completed next time.

    Args:
        url: http, https or file.
        target: Written once the content is complete and checked.
        sha256: The first digits of its SHA-256, as many as are known.

    Raises:
        DownloadError: The server cannot be reached, the content is another one, or the disk is full.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(part.with_suffix(".lock")):
            if not target.exists():
                _complete(url, part, sha256, _Progress(target))
                part.replace(target)
                flush_folder(target.parent)
    except OSError as error:
        raise DownloadError(f"{error.filename or target}: {error.strerror or error}") from None


def require_reachable(url: str) -> None:
    """See that a server answers, in short time, before a library is left to try for minutes.

    Raises:
        DownloadError: It does not.
    """
    try:
        _opened(url, 0).close()
    except urllib.error.HTTPError as error:  # an answer too
        error.close()


def _complete(url: str, part: Path, sha256: str, progress: _Progress) -> None:
    """Bring the file to its end, in as many connections as it takes."""
    begun, attempts = time.monotonic(), 0
    while True:
        size = part.stat().st_size if part.exists() else 0
        try:
            _receive(url, part, progress, begun + LONGEST)
        except _BrokenError as error:
            attempts += 1
            now = part.stat().st_size if part.exists() else 0
            if attempts == _ATTEMPTS or now <= size:
                raise DownloadError(str(error)) from None
            continue
        actual = _sha256(part)
        if actual.startswith(sha256):
            return
        part.unlink()
        if not size:
            raise DownloadError(f"{url}: has SHA-256 {actual[:16]}..., not {sha256[:16]}...")


class _BrokenError(Exception):
    """A connection that ended early; another one may go on."""


def _receive(url: str, part: Path, progress: _Progress, until: float) -> None:
    """Append what the server has beyond the part that is here."""
    have = part.stat().st_size if part.exists() else 0
    try:
        answer = _opened(url, have)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing, or the part is of another file; the checksum tells
        raise DownloadError(f"HTTP {error.code} {error.reason}") from None
    with answer:
        if getattr(answer, "status", 200) != http.client.PARTIAL_CONTENT:
            have = 0  # the server sends all of it
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else None
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            while chunk := _read(answer):
                file.write(chunk)
                have += len(chunk)
                progress.show(have, total)
                if time.monotonic() > until:
                    raise DownloadError(f"took more than {LONGEST / 60:.0f} minutes")
            file.flush()
            os.fsync(file.fileno())
    progress.end()
    if total is not None and have < total:
        raise _BrokenError(f"the connection broke after {have:,} of {total:,} bytes")


def _read(answer: Any) -> bytes:
    try:
        return bytes(answer.read(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_reason(error)) from None


def _opened(url: str, begin: int) -> Any:
    """The server's answer, or an error within the time limit, the look-up of its address included."""
    headers = {"User-Agent": f"onestop/{__version__}"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of our catalogue
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=SILENCE))  # noqa: S310
        except Exception as error:  # whatever it is, it is waited for
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=SILENCE + 1)
    except queue.Empty:
        raise DownloadError(f"no answer within {SILENCE:g} seconds") from None
    if isinstance(answer, urllib.error.HTTPError):
        raise answer
    if isinstance(answer, Exception):
        raise DownloadError(_reason(answer))
    return answer


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"no answer within {SILENCE:g} seconds"
    return str(getattr(cause, "strerror", None) or cause or type(error).__name__)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Progress:
    """One line on standard error: on a terminal how far it is, elsewhere that it has begun."""

    def __init__(self, target: Path) -> None:
        self.name, self.shown, self.begun = target.name, 0.0, False

    def show(self, have: int, total: int | None) -> None:
        """Called after each piece; writes a few times a second."""
        live = is_live()
        if (now := time.monotonic()) < self.shown + 0.2 or (self.begun and not live):
            return
        size = f"{total / 1e6:.1f} MB" if total else "size unknown"
        if live:
            aside(f"\rdownloading {self.name}: {have / 1e6:.1f} of {size}")
        else:
            aside(f"downloading {self.name} ({size})\n")
        self.shown, self.begun = now, True

    def end(self) -> None:
        """Leave the line of a terminal."""
        if self.begun and is_live():
            aside("\n")
