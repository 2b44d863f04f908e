"""A Label Studio of chaos' own: in a folder, on loopback, ended and started again as often as one likes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.access_file import Access
from triage_cl.adapters.label_studio import server
from triage_cl.adapters.processes import answers, free_port, start, stop
from triage_cl.domain.errors import BadInput, ReviewScreenUnavailable

if TYPE_CHECKING:
    import subprocess

EMAIL = "chaos@example.com"
#: How long a start may take, the first of which makes the database, and how often one looks, seconds.
START_SECONDS, LOOK_SECONDS = 300.0, 0.2
#: How long it is given to end in good order, seconds.
ENDING = 10.0


class LabelStudioServer:
    """One server over the folder `home`, with one user, whose key is in `access`."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root, self._home, self._port = root, home, free_port()
        self.access, self.url = Access(), f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, without waiting."""
        told = server.environment(self._home / "data", EMAIL, self.access)
        # Our folders are not for its Python.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = start(server.command(self._root, self._port), self._home, inherited | told, self._log)

    def wait(self, meanwhile: Callable[[float], None] = time.sleep) -> None:
        """Return once it answers; raises ReviewScreenUnavailable where it ended, or takes too long."""
        until = time.monotonic() + START_SECONDS
        while not answers(f"{self.url}/health"):
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                said = self._log.read_text(errors="replace").strip().rpartition("\n")[2]
                raise ReviewScreenUnavailable(f"Label Studio did not start; it said last: {said[:200]!r}.")
            meanwhile(LOOK_SECONDS)

    def stop(self, kill: bool = False) -> None:
        """End it, if it runs: at once, or in good order."""
        if self._process is not None:
            stop(self._process, 0 if kill else ENDING)
            self._process = None

    @property
    def _log(self) -> Path:
        return self._home / "label-studio.log"


@contextmanager
def label_studio_server(root: Path | None, home: Path) -> Iterator[LabelStudioServer]:
    """A server that answers, of the checkout `root`; raises BadInput where none is installed there."""
    if root is None or not server.executable(root).exists():
        raise BadInput("Label Studio is not installed; `make label-studio` does it, and --double does without it.")
    home.mkdir(parents=True)
    running = LabelStudioServer(root, home)
    try:
        running.start()
        running.wait()
        yield running
    finally:
        running.stop()
