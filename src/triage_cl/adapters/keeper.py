"""A process that lives no longer than whoever started it: `python keeper.py COMMAND…`, started by `processes.start`.

The keeper leads a process group of its own. Beside the command it starts a watcher, which holds the reading ends of
two pipes: one from the keeper's parent, one from the keeper. However either of them ends, even by `kill -9`, its pipe
closes and the watcher takes the whole group with it; the keeper does the same should the watcher end. It ends with its
command, and what the command left behind ends too. The standard library only: it starts in a few milliseconds and
stays small.
"""

import os
import select
import signal
import subprocess
import sys
from typing import NoReturn

#: What its parent holds the other end of, where it holds one.
PARENT = 0


def main(command: list[str]) -> int:
    """Run `command` until it ends or our parent does; its exit status, as a shell tells it."""
    # Whoever stops the group means the command, which has the signal too: it decides how to end. (A handler is not
    # inherited by the command, an ignored signal would be.)
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: told.append(number))
    keeper, alive = os.pipe()
    watcher = os.fork()
    if not watcher:
        os.close(alive)
        _end_with(PARENT, keeper)
    kept = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for heard in told:
        # It came before the command was there to hear it.
        kept.send_signal(heard)
    ended, status = os.wait()
    if ended == watcher:
        os.killpg(0, signal.SIGKILL)
    kept.returncode = os.waitstatus_to_exitcode(status)
    return kept.returncode if kept.returncode >= 0 else 128 - kept.returncode


def _end_with(*pipes: int) -> NoReturn:
    """Wait for the first of `pipes` that closes, then end the group."""
    while all(os.read(pipe, 1) for pipe in select.select(pipes, (), ())[0]):
        pass
    os.killpg(0, signal.SIGKILL)
    raise SystemExit


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
