"""`triage up` as a process, and everything that an operator, a mail system and a reviewer do with it."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from tests.review_projects import chosen
from triage_cl.adapters.access_file import Access, load_or_make
from triage_cl.adapters.processes import answers, free_port, start, stop
from triage_cl.adapters.supervision.programs import programs
from triage_cl.bootstrap import bootstrap
from triage_cl.domain.corrections import Correction
from triage_cl.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `condition` gives once it is true."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


@dataclass
class RunningStack:
    """The stack over one data folder, all of it on free ports."""

    settings: Settings
    told: dict[str, Any] = field(default_factory=dict)
    _process: Any = None

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def access(self) -> Access:
        return load_or_make(self.home / "access")

    def start(self) -> None:
        """Start it and wait until it says that everything answers."""
        ready, log = self.home.with_suffix(".json"), self.home.with_suffix(".log")
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "triage_cl.cli", "up", "--json", str(ready)]
        self._process = start(command, ROOT, os.environ | self.settings.environment(), log)

        def is_ready() -> bool:
            assert self._process.poll() is None, log.read_text(errors="replace")[-3_000:]
            return ready.exists()

        wait_until(is_ready, 300, "everything answers")
        self.told = json.loads(ready.read_text())

    def stop(self) -> list[str]:
        """Ask it to stop, and wait; what it left behind."""
        started = psutil.Process(self._process.pid).children(recursive=True)
        stop(self._process, 60)
        _, alive = psutil.wait_procs(started, timeout=5)
        return [" ".join(process.cmdline()) for process in alive]

    def process_of(self, name: str) -> psutil.Process | None:
        """The process that a program is now; the one that listens, where it has a port."""
        program = next(one for one in programs(self.settings) if one.name == name)
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if program.port is None:
                    if process.cmdline()[1:] == list(program.command)[1:]:
                        return process
                elif any(
                    one.laddr.port == program.port
                    for one in process.net_connections("tcp")
                    if one.status == psutil.CONN_LISTEN
                ):
                    return process
        return None

    def is_well(self, name: str) -> bool:
        program = next(one for one in programs(self.settings) if one.name == name)
        return answers(program.health) if program.health else self.process_of(name) is not None

    def ask(self, method: str, path: str, site: str | None = None, **more: Any) -> httpx.Response:
        """An answer of the service (or another of our sites), asked with the key."""
        headers = {"authorization": f"Bearer {self.access.api_key}"} | more.pop("headers", {})
        url = f"{site or self.settings.service_url}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)

    def take(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Decide mail without its truth; the decisions in the same order."""
        unlabelled = (
            {name: value for name, value in line.items() if name not in ("department", "history")} for line in lines
        )
        body = "\n".join(map(json.dumps, unlabelled))
        answer = self.ask("POST", "/emails", content=body, headers={"content-type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def now(self, email_id: str) -> dict[str, Any]:
        """What the served model says of a mail at this moment."""
        answer = self.ask("GET", f"/decisions/{email_id}", params={"now": "true"})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()["now"]
        return said

    def corrections(self) -> list[tuple[int, datetime, Correction]]:
        """All of the ledger, with their positions and when they were recorded."""
        with closing(bootstrap(self.settings)) as app:
            recorded = list(app.ledger.facts(kinds=[Correction.kind]))
        return [(one.position, one.at, one.fact) for one in recorded if isinstance(one.fact, Correction)]

    def kept(self) -> dict[str, Any]:
        """What must be there after a restart as before."""
        with closing(bootstrap(self.settings)) as app:
            decided = app.ledger.fed()
        users = [user["email"] for user in self.studio("GET", "/api/users/")]
        projects = [project["id"] for project in self.studio("GET", "/api/projects/?page_size=100")["results"]]
        return {"decided": decided, "corrections": len(self.corrections()), "users": users, "projects": projects}

    def studio(self, method: str, path: str, body: Any = None) -> Any:
        """What Label Studio answers, past everything of ours."""
        headers = {"Authorization": f"Token {self.access.label_studio_token}"}
        url = f"{self.settings.label_studio_url}{path}"
        answer = httpx.request(method, url, headers=headers, json=body, timeout=120, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def project(self) -> int:
        """The one project of reviews."""
        (project,) = self.studio("GET", "/api/projects/?page_size=100")["results"]
        return int(project["id"])

    def tasks(self) -> list[dict[str, Any]]:
        """Every task with its answers, most urgent first."""
        found: list[dict[str, Any]] = []
        asked = f"/api/tasks?project={self.project()}&fields=all&page_size=100"
        while True:
            page = self.studio("GET", f"{asked}&page={len(found) // 100 + 1}")
            found += page["tasks"]
            if len(found) >= page["total"]:
                return sorted(found, key=lambda task: str(task["data"]["priority"]))

    def task_count(self) -> int:
        return int(self.studio("GET", f"/api/projects/{self.project()}/")["task_number"])

    def answer(self, task: int, department: str) -> None:
        """Say in Label Studio whose mail it is."""
        self.studio("POST", f"/api/tasks/{task}/annotations/", {"result": chosen(department), "lead_time": 3.0})

    @contextmanager
    def without_webhooks(self) -> Iterator[None]:
        """Label Studio tells nothing by itself."""
        hooks = self.studio("GET", "/api/webhooks/")
        for hook in hooks:
            self.studio("PATCH", f"/api/webhooks/{hook['id']}/", {"is_active": False})
        yield
        for hook in hooks:
            self.studio("PATCH", f"/api/webhooks/{hook['id']}/", {"is_active": True})

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Programs that take connections and answer nothing: the worst way to be down."""
        processes = [process for name in names if (process := self.process_of(name)) is not None]
        assert len(processes) == len(names)
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def console(self) -> str:
        """The console's page."""
        return self.ask("GET", "/", self.settings.console_url).text


def stack_settings(home: Path, **given: Any) -> Settings:
    """Settings of a stack over `home` on free ports, in which every mail is reviewed."""
    home.mkdir(parents=True)
    sites = ("label_studio", "service", "receiver", "console", "mlflow", "evidently")
    urls = {f"{site}_url": f"http://127.0.0.1:{free_port()}" for site in sites}
    prefect = f"http://127.0.0.1:{free_port()}/api"
    return load_settings(home=home, reviews="label-studio", review_share=1.0, prefect_api_url=prefect, **urls, **given)


def port_in(url: str) -> int:
    """The port of a URL."""
    return int(urlsplit(url).port or 80)
