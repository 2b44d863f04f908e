"""A real Label Studio for the tests that need one: started once, on loopback, stopped by its pid."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from triage_cl.adapters.access_file import Access
from triage_cl.adapters.label_studio import server
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.processes import free_port, start, stop

ROOT = Path(__file__).parents[1]
EMAIL = "triage@example.com"


@dataclass(frozen=True)
class RunningLabelStudio:
    """A server with one user, and the way in."""

    url: str
    access: Access = field(repr=False)
    home: Path
    connection: Connection


@contextmanager
def running_label_studio(
    home: Path, port: int | None = None, access: Access | None = None
) -> Iterator[RunningLabelStudio]:
    """A Label Studio over the folder `home`; stopped at the end of the block, its data stays."""
    if not server.executable(ROOT).exists():
        pytest.skip("Label Studio is not installed (make label-studio)")
    port, access = port or free_port(), access or Access()
    home.mkdir(parents=True, exist_ok=True)
    settings = os.environ | server.environment(home / "data", EMAIL, access)
    process = start(server.command(ROOT, port), home, settings, home / "label-studio.log")
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 240
        while not _answers(url):
            assert process.poll() is None, (home / "label-studio.log").read_text()[-2_000:]
            assert time.monotonic() < until, "Label Studio did not start"
            time.sleep(0.2)
        with closing(Connection(url, access.label_studio_token)) as connection:
            yield RunningLabelStudio(url, access, home, connection)
    finally:
        stop(process)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
