"""How fast this machine is: what every other measurement has to be read against."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from triage_cl.domain.errors import BadInput, NoSpace

LOOPS = 20_000
BLOCK = bytes(4096)


def calibrate(folder: Path, seconds: float = 1.0, clock: Callable[[], float] = perf_counter) -> dict[str, float]:
    """`cpu_loops_per_second` of a fixed loop in Python, `fsyncs_per_second` of 4 KiB appended to a file in `folder`.

    Each takes about `seconds`; the file is gone afterwards.

    Raises:
        BadInput: The folder cannot be written.
        NoSpace: The disk is full.
    """
    return {
        "cpu_loops_per_second": LOOPS * _rate(_loop, seconds, clock),
        "fsyncs_per_second": _fsyncs_per_second(folder, seconds, clock),
    }


def _rate(work: Callable[[], None], seconds: float, clock: Callable[[], float]) -> float:
    """How often a second `work` can be done one after the other."""
    started, done, passed = clock(), 0, 0.0
    while passed < seconds:
        work()
        done += 1
        passed = clock() - started
    return done / passed


def _loop() -> None:
    total = 0
    for number in range(LOOPS):
        total = (total * 31 + number) & 0xFFFF_FFFF


def _fsyncs_per_second(folder: Path, seconds: float, clock: Callable[[], float]) -> float:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:

            def append() -> None:
                file.write(BLOCK)
                os.fsync(file.fileno())

            return _rate(append, seconds, clock)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpace(f"({folder})") from error
        raise BadInput(f"{folder} cannot be written: {error.strerror}.") from error
