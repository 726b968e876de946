"""A server of files on this machine that breaks off, forgets ranges or sends nothing, as asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves one content under every path.

    Attributes:
        content: What it serves.
        breaks: After how many bytes the next connections break; each is used once.
        ranges: Whether it can begin in the middle.
        asked: The ranges asked for, one for each request.
        status: Of an answer without content, instead of the content.
        silent: Set to release those who wait for an answer that does not come; None answers at once.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.breaks, self.ranges = content, list[int](), True
        self.asked: list[str | None] = []
        self.status = 200
        self.silent: threading.Event | None = None

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        here = self.server
        asked = self.headers.get("Range")
        here.asked.append(asked)
        if here.silent:
            here.silent.wait(30)
            return
        if here.status != 200:
            self.send_error(here.status)
            return
        begin = int(m[1]) if here.ranges and (m := re.match(r"bytes=(\d+)-", asked or "")) else 0
        if begin and begin >= len(here.content):
            self.send_error(416)
            return
        rest = here.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: here.breaks.pop(0)] if here.breaks else rest)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            if server.silent:
                server.silent.set()
            server.shutdown()
            thread.join()
