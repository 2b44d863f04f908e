"""What supervisord is told: a file that is the same wherever it stands, and the paths and commands it speaks of.

These come by supervisord's environment, for in its file some characters of a path would mean something else.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from io import StringIO
from pathlib import Path

from triage_cl.adapters import keeper
from triage_cl.adapters.supervision.program import Program

#: How long a program may take to stop before it is killed with all it started. There are two rounds of it.
STOP_SECONDS = 7

#: One that ends sooner was not started: it is tried again, each time a second later than before.
START_SECONDS = 10

#: A log is turned at this size; so many old ones are kept.
LOG_BYTES, LOG_FILES = "10MB", 3

SUPERVISORD: Mapping[str, Mapping[str, object]] = {
    "unix_http_server": {"file": "%(ENV_UP_SOCKET)s", "chmod": "0700"},
    "supervisord": {
        "nodaemon": "true",
        "silent": "true",
        "strip_ansi": "true",
        "nocleanup": "true",
        "pidfile": "supervisord.pid",
        "childlogdir": ".",
        "logfile": "supervisord.log",
        "logfile_maxbytes": LOG_BYTES,
        "logfile_backups": LOG_FILES,
    },
    "rpcinterface:supervisor": {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
    },
}


def configuration(programs: Sequence[Program]) -> str:
    """The text of supervisord's configuration; it starts nothing by itself, and brings back whatever ends.

    Its logs are in the folder that supervisord is started in.
    A program's group is told to stop as one: all that are no backend first, then the backends.
    """
    sections = dict(SUPERVISORD) | {f"program:{program.name}": _program(program) for program in programs}
    for priority, backend in enumerate((True, False)):
        names = [program.name for program in programs if program.backend is backend]
        if names:
            sections[f"group:{group(backend)}"] = {"programs": ",".join(names), "priority": priority}
    parser, text = RawConfigParser(), StringIO()
    parser.read_dict(sections)
    parser.write(text)
    return text.getvalue()


def placement(programs: Sequence[Program], socket: Path, directory: Path) -> dict[str, str]:
    """The environment that the configuration refers to; the programs run in `directory`.

    Each program runs under a keeper, whose standard input closes when supervisord ends, however it does.
    """
    kept = [sys.executable, "-I", "-S", keeper.__file__]
    commands = {_variable(program): shlex.join([*kept, *program.command]) for program in programs}
    return commands | {"UP_SOCKET": str(socket), "UP_DIRECTORY": str(directory)}


def group(backend: bool) -> str:
    """The group whose members stop together."""
    return "backends" if backend else "applications"


def log_of(program: Program, logs: Path) -> Path:
    """Where what a program prints is kept."""
    return logs / f"{program.name}.log"


def _variable(program: Program) -> str:
    return f"UP_COMMAND_{program.name.upper().replace('-', '_')}"


def _program(program: Program) -> dict[str, object]:
    # What runs once may end at once, and is begun again by whoever sees that it failed.
    return {
        "command": f"%(ENV_{_variable(program)})s",
        "directory": "%(ENV_UP_DIRECTORY)s",
        "autostart": "false",
        "autorestart": "false" if program.once else "true",
        "startsecs": 0 if program.once else START_SECONDS,
        "startretries": 1_000,
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": STOP_SECONDS,
        "redirect_stderr": "true",
        "stdout_logfile": f"{program.name}.log",
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_FILES,
    }
