"""The servers and applications that a demo runs as processes; none of them outlives the process that started it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from triage_cl.adapters import keeper
from triage_cl.domain.errors import OrchestratorUnavailable

#: Seconds between two looks for runs that are due, between two tries of a run that has to wait for another one, and
#: between two looks whether a server answers.
POLL_SECONDS = 1
WAIT_SECONDS = 5
LOOK_SECONDS = 0.1


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prefect_environment(home: Path, api_url: str) -> dict[str, str]:
    """What Prefect's server and its clients are told: everything in the folder `home`, nobody called at home."""
    return {
        "PREFECT_HOME": str(home.resolve() / "prefect"),
        "PREFECT_API_URL": api_url,
        "PREFECT_RUNNER_POLL_FREQUENCY": str(POLL_SECONDS),
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": str(WAIT_SECONDS),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def start(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path, follow: bool = False
) -> "subprocess.Popen[bytes]":
    """A process in a group of its own that ends when this one does, however that ends.

    What it prints goes to the end of the file `log`; with `follow` its standard output is the caller's to read.
    The caller keeps the returned object for as long as the process shall live.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *command],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if follow else file,
            stderr=file,
            start_new_session=True,
        )


def stop(process: "subprocess.Popen[bytes]", seconds: float = 10) -> None:
    """End a process of `start` and everything it started: asked to first, made to after `seconds`."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    _signal(process, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def start_prefect_server(home: Path, port: int) -> "subprocess.Popen[bytes]":
    """Prefect's server on loopback, its database and its log in the folder `home`."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | prefect_environment(home, f"http://127.0.0.1:{port}/api")
    return start(command, home, environment, logs / "prefect.log")


def wait_healthy(url: str, seconds: float, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Return once the Prefect API at `url` answers.

    Raises OrchestratorUnavailable after `seconds`, or as soon as `process`, which was to be the server, has ended.
    """
    wait_answers(f"{url}/health", seconds, process)


def wait_answers(url: str, seconds: float, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Return once a GET of `url` is answered with 200.

    Raises OrchestratorUnavailable after `seconds`, or as soon as `process`, which was to be the server, has ended.
    """
    until = time.monotonic() + seconds
    while not answers(url):
        if process is not None and process.poll() is not None:
            raise OrchestratorUnavailable(f"It was to answer at {url} and ended with status {process.returncode}.")
        if time.monotonic() > until:
            raise OrchestratorUnavailable(f"Nothing answered at {url} for {seconds:g} seconds.")
        time.sleep(LOOK_SECONDS)


def is_healthy(url: str) -> bool:
    """Whether a Prefect API answers at `url`; no proxy is asked."""
    return answers(f"{url}/health")


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
