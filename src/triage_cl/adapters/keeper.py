"""A process that lives no longer than whoever started it: `python keeper.py COMMAND…`, started by `processes.start`.

The keeper leads a process group of its own and holds the reading end of a pipe from its parent. However the parent
ends, even by `kill -9`, the pipe closes, and the keeper takes the whole group with it. It ends with its command, and
what the command left behind ends too. The standard library only: it starts in a few milliseconds and stays small.
"""

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run `command` until it ends or our parent does; its exit status, as a shell tells it."""
    # Whoever stops the group means the command, which has the signal too: it decides how to end. (A handler is not
    # inherited by the command, an ignored signal would be.)
    signal.signal(signal.SIGTERM, _leave_it_to_the_command)
    signal.signal(signal.SIGINT, _leave_it_to_the_command)
    kept = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    status = kept.wait()
    os.killpg(0, signal.SIGTERM)
    return status if status >= 0 else 128 - status


def _leave_it_to_the_command(*_: object) -> None:
    """Do nothing."""


def _end_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
