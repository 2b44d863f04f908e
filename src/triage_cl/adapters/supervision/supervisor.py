"""supervisord as our child: it runs the programs, brings back what ends, and takes all with it when it goes."""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from triage_cl.adapters.processes import start, stop
from triage_cl.adapters.supervision.configuration import STOP_SECONDS, configuration, group, placement
from triage_cl.adapters.supervision.control import Control
from triage_cl.adapters.supervision.ports import check_ports
from triage_cl.adapters.supervision.program import Program
from triage_cl.domain.errors import TriageError

#: The two rounds of programs, and supervisord itself.
STOP_ALL_SECONDS = 2 * STOP_SECONDS + 3

#: How long supervisord may take to start, seconds.
START_SECONDS = 30

#: Longer names of sockets are refused (by about 104 bytes, some of which supervisord needs).
LONGEST_SOCKET = 80


class AlreadyUp(TriageError):
    """`triage up` runs already over this data folder; stop that one first."""


class SupervisorGone(TriageError):
    """The supervisor ended, and everything that it ran ended with it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the supervisor says of a program: its state there, its process (0: none), and how the last one ended."""

    state: str
    pid: int
    exit_status: int


@dataclass
class Supervisor:
    """Runs `programs` in the folder `directory`; as a context: none of them is left when the block ends.

    `folder` holds its configuration and socket, `logs` what is printed. Raises AlreadyUp where `folder` is in use,
    PortTaken where another program has a port that one needs.
    """

    programs: Sequence[Program]
    folder: Path
    logs: Path
    directory: Path
    environment: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        self.folder, self.logs, self.directory = (one.resolve() for one in (self.folder, self.logs, self.directory))

    def __enter__(self) -> "Supervisor":
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(self.folder / "lock")
        try:
            self._start()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _start(self) -> None:
        check_ports(self.programs)
        self._runtime = _short_folder(self.folder)
        self._socket = self._runtime / "supervisord.sock"
        self._socket.unlink(missing_ok=True)
        path = self.folder / "supervisord.conf"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(configuration(self.programs))
        command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(path)]
        told = {**self.environment, **placement(self.programs, self._socket, self.directory)}
        self.process = start(command, self.logs, told, self.logs / "supervisord.err")
        self._control = Control(self._socket)
        try:
            self._wait()
        except BaseException:
            self._end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def begin(self, program: Program) -> None:
        """Start a program, and keep it running from now on."""
        # One that is running already, or could not be started yet and is tried again, is as it should be.
        with contextlib.suppress(xmlrpc.client.Fault):
            self._ask("startProcess", f"{group(program.backend)}:{program.name}", False)

    def sights(self) -> dict[str, Sight]:
        """How each program is doing, by name."""
        return {
            one["name"]: Sight(str(one["statename"]), int(one["pid"]), int(one["exitstatus"]))
            for one in self._ask("getAllProcessInfo")
        }

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SupervisorGone(f"It did not start; see {self.logs / 'supervisord.err'}.")
            time.sleep(0.02)

    def _listens(self) -> bool:
        try:
            self._control.ask("getState")
        except OSError:
            return False
        return True

    def _ask(self, call: str, *arguments: object) -> Any:
        try:
            return self._control.ask(call, *arguments)
        except OSError as error:
            raise SupervisorGone(f"It does not answer ({error}); see {self.logs / 'supervisord.log'}.") from None

    def _end(self) -> None:
        self._control.close()
        stop(self.process, STOP_ALL_SECONDS)
        self._socket.unlink(missing_ok=True)
        if self._runtime != self.folder:
            shutil.rmtree(self._runtime, ignore_errors=True)
        self._lock.close()


def _locked(path: Path) -> IO[bytes]:
    """A file that is ours alone until it is closed, or we end."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise AlreadyUp(f"It is {path.parent.parent}.") from None
    return file


def _short_folder(folder: Path) -> Path:
    """`folder`, or a private one for the socket where that would be too long a name."""
    return folder if len(os.fsencode(folder)) <= LONGEST_SOCKET else Path(tempfile.mkdtemp(prefix="triage-up-"))
