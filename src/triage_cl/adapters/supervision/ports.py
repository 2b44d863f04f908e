"""Who listens where: a port that a program needs must be free before it starts."""

import socket
from collections.abc import Sequence

from triage_cl.adapters.supervision.program import Program
from triage_cl.domain.errors import TriageError


class PortTaken(TriageError):
    """A port is taken; stop what listens there, or set another one."""


def check_ports(programs: Sequence[Program]) -> None:
    """Return if every port that `programs` need is free; raises PortTaken that names each that is not, and by whom."""
    needed: dict[int, str] = {}
    for program in programs:
        if program.port is not None:
            other = needed.setdefault(program.port, program.name)
            if other != program.name:
                raise PortTaken(f"{other} and {program.name} are both to listen on {program.port}.")
    taken = [f"{port} ({name}) by {owner(port)}" for port, name in needed.items() if not is_free(port)]
    if taken:
        raise PortTaken(f"Taken: {'; '.join(taken)}.")


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of loopback."""
    with socket.socket() as probe:
        # As servers do: a connection that has just been closed does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def owner(port: int) -> str:
    """The program that listens on a port, as far as the system tells."""
    import psutil

    try:
        listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        (pid, *_) = [one.pid for one in listening if one.laddr and one.laddr.port == port and one.pid]
        return f"{psutil.Process(pid).name()}, process {pid}"
    except (psutil.Error, ValueError, OSError):
        return "a program that the system does not name"
