"""`triage serve` as a real process, and how a client talks to it."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from triage_cl.adapters.processes import free_port, start, stop, wait_answers

KEY = "a-key-for-tests"
MASTER_KEY = "5f" * 32
NDJSON = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True)
class RunningService:
    """A service that listens, and a client that has its key."""

    url: str
    process: "Popen[bytes]" = field(repr=False)
    client: httpx.Client
    log: Path

    def send(self, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Decide a batch of mails; what became of each."""
        body = "\n".join(json.dumps(line) for line in lines)
        answer = self.client.post("/emails", content=body, headers=NDJSON)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def now(self, email_id: str) -> dict[str, Any]:
        """What the served model says about a mail at this moment."""
        answer = self.client.get(f"/decisions/{email_id}", params={"now": True})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["now"]
        return told

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = self.client.get("/health").json()
        return told

    def end(self) -> None:
        """Tell it to end, as a supervisor does."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_service(home: Path, ledger_url: str, ready: bool = True, **settings: Any) -> Iterator[RunningService]:
    """A service over a ledger; stopped at the end of the block. Two over one ledger need homes of their own."""
    home.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), home / "service.log"
    told = {"home": home, "database_url": ledger_url, "registry": "folder", "api_key": KEY, "key": MASTER_KEY}
    environment = {f"TRIAGE_{name.upper()}": _written(value) for name, value in {**told, **settings}.items()}
    command = [sys.executable, "-m", "triage_cl.cli", "serve", "--port", str(port)]
    process = start(command, home, os.environ | environment, log)
    url = f"http://127.0.0.1:{port}"
    headers = {"authorization": f"Bearer {KEY}"}
    try:
        wait_answers(f"{url}/{'ready' if ready else 'health'}", 60, process)
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            yield RunningService(url, process, client, log)
    finally:
        stop(process, 50)


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def mail(number: int, department: str = "billing") -> dict[str, Any]:
    """A line of the mail archive; the same number gives the same mail."""
    words = {"billing": "invoice refund charged payment", "support": "router broken password screen"}[department]
    return {"id": f"{department}-{number}", "sender": "a@example.com", "subject": words, "body": f"{words} {number}"}


def eventually(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """What `holds` returns as soon as it is true; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.02)
    return found
