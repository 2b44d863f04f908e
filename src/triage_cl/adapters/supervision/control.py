"""The way to talk to a running supervisord: XML-RPC over its socket, which its owner alone can open."""

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

#: How long it may take to answer, seconds.
ANSWER_SECONDS = 10


class Control:
    """The calls that supervisord answers at a socket; each raises OSError or xmlrpc.client.Fault."""

    def __init__(self, path: Path) -> None:
        self._transport = _UnixTransport(path)
        self._server = xmlrpc.client.ServerProxy("http://localhost", self._transport)

    def ask(self, call: str, *arguments: object) -> Any:
        """What supervisord says; raises OSError where it says nothing, Fault where it refuses."""
        try:
            return getattr(self._server.supervisor, call)(*arguments)
        except (http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise OSError(str(error)) from None

    def close(self) -> None:
        """Give back what is open."""
        self._transport.close()


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, _: object) -> http.client.HTTPConnection:
        connection = self._connection[1] or _UnixConnection(self._path)
        self._connection = "", connection
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        opened = socket.socket(socket.AF_UNIX)
        try:
            opened.settimeout(ANSWER_SECONDS)
            opened.connect(str(self._path))
        except OSError:
            opened.close()
            raise
        self.sock = opened
