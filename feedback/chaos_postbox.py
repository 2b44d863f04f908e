"""Where Label Studio's webhooks come first: each is kept and answered at once, and what becomes of it is told later."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from feedback.double import Event

#: How often it looks whether anybody is left to keep letters for, seconds.
LOOK_SECONDS = 1.0


class Postbox:
    """Everything that comes to `url`, each body a line of a file."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self._file, self._read = url, file, 0

    def empty(self) -> Sequence[Event]:
        """What came since this was asked last."""
        with self._file.open("rb") as lines:
            lines.seek(self._read)
            whole = lines.read().rpartition(b"\n")[0]
        self._read += len(whole) + bool(whole)
        return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def postbox(file: Path) -> Iterator[Postbox]:
    """A postbox in a process of its own, on loopback: reviewers' requests wait for it while this process makes them."""
    file.touch()

    class Keeping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with file.open("ab") as lines:
                lines.write(json.dumps(json.loads(body)).encode() + b"\n")
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keeping)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(server,), daemon=True)
    process.start()
    server.socket.close()
    try:
        yield Postbox(f"http://127.0.0.1:{server.server_port}", file)
    finally:
        process.kill()
        process.join()


def _serve(server: HTTPServer) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.timeout, parent = LOOK_SECONDS, os.getppid()
    while os.getppid() == parent:
        server.handle_request()
