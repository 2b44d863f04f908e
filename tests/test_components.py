"""The health of the parts: asked of real servers that go, hang, refuse and come back."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.builders import NOON, after
from tests.conftest import find_free_port
from triage_cl.adapters.components import Components, Part, answers, parts_of
from triage_cl.settings import load_settings
from triage_cl.usecases.alarms import EVIDENTLY, MLFLOW, PREFECT, RECEIVER, REVIEWS, SERVICE, Health, State


class FakePart:
    """A server on loopback that answers as it is told, and can go and come back."""

    def __init__(self) -> None:
        self.port, self.code, self.delay = find_free_port(), 200, threading.Event()
        self.delay.set()
        self.asked: list[tuple[str, str | None]] = []
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come(self) -> None:
        part = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                part.asked.append((self.path, self.headers.get("Authorization")))
                part.delay.wait(30)
                refused = part.code in (401, 403) and self.path == "/health"
                self.send_response(200 if refused else part.code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def part() -> Iterator[FakePart]:
    part = FakePart()
    part.come()
    yield part
    part.delay.set()
    part.go()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not come true"
        sleep(0.05)


@contextmanager
def looking_after(part: FakePart, file: Path, **changes: Any) -> Iterator[Components]:
    with httpx.Client(timeout=5, trust_env=False) as client:
        asked = Part("Service", answers(client, f"{part.url}/health", f"{part.url}/ready"), **changes)
        with closing(Components([asked], file, timeout=2, slow=0.5)) as components:
            yield components


def test_a_part_that_goes_and_comes_back_is_told_with_its_time(part: FakePart, tmp_path: Path) -> None:
    with looking_after(part, tmp_path / "health.json") as components:
        assert components.look(NOON) == [Health("Service", State.UP, NOON)]
        assert components.look(after(minutes=1)) == [Health("Service", State.UP, NOON)]
        part.go()
        [down] = components.look(after(minutes=2))
        assert (down.state, down.since) == (State.DOWN, after(minutes=2))
        assert components.look(after(minutes=3))[0].since == after(minutes=2)
        part.come()
        assert components.look(after(minutes=4)) == [Health("Service", State.UP, after(minutes=4))]
        part.code = 503
        [down] = components.look(after(minutes=5))
        assert (down.state, down.detail) == (State.DOWN, f"{part.url}/health answers 503")


def test_since_when_is_remembered_over_a_restart(part: FakePart, tmp_path: Path) -> None:
    file = tmp_path / "console" / "health.json"
    with looking_after(part, file) as components:
        components.look(NOON)
    part.go()
    with looking_after(part, file) as components:
        components.look(after(hours=1))
    with looking_after(part, file) as components:
        assert components.look(after(hours=2))[0].since == after(hours=1)
    assert (file.stat().st_mode & 0o777) == 0o600
    file.write_text("{nonsense")
    with looking_after(part, file) as components:
        assert components.look(after(hours=3))[0].since == after(hours=3)


def test_a_part_that_hangs_holds_nobody_up(part: FakePart, tmp_path: Path) -> None:
    part.delay.clear()
    with looking_after(part, tmp_path / "health.json") as components:
        for minute in range(2):
            [hanging] = components.look(after(minutes=minute))
            assert (hanging.state, hanging.since, hanging.detail) == (State.DOWN, NOON, "no answer for 2 s")
        assert len(part.asked) == 1
        part.delay.set()
        until(lambda: components.look(after(minutes=9))[0].state is State.UP)


def test_a_part_that_takes_its_time_is_slow(part: FakePart, tmp_path: Path) -> None:
    part.delay.clear()
    threading.Timer(0.8, part.delay.set).start()
    with looking_after(part, tmp_path / "health.json") as components:
        [slow] = components.look(NOON)
    assert (slow.state, slow.detail[:15]) == (State.SLOW, "its answer took")


def test_a_part_that_has_never_answered_is_no_alarm_unless_it_belongs(part: FakePart, tmp_path: Path) -> None:
    part.go()
    with looking_after(part, tmp_path / "mine.json") as components:
        assert components.look(NOON)[0].state is State.DOWN
    with looking_after(part, tmp_path / "perhaps.json", expected=False) as components:
        assert components.look(NOON)[0].state is State.UNSEEN
        part.come()
        assert components.look(after(minutes=1))[0].state is State.UP
        part.go()
        assert components.look(after(minutes=2))[0].state is State.DOWN


def test_label_studio_that_refuses_the_key_is_told(part: FakePart, tmp_path: Path) -> None:
    settings = load_settings(reviews="label-studio", label_studio_url=part.url)
    [reviews] = [one for one in parts_of(settings, lambda: "the-token") if one.name == REVIEWS]
    with closing(Components([reviews], tmp_path / "health.json")) as components:
        assert components.look(NOON)[0].state is State.UP
        part.code = 401
        [refused] = components.look(after(minutes=1))
    assert (refused.state, refused.since) == (State.REFUSED, after(minutes=1))
    assert ("/api/current-user/whoami", "Token the-token") in part.asked
    assert "the-token" not in json.dumps(refused.detail)


def test_parts_that_the_settings_do_without_are_not_asked() -> None:
    used = {
        reviews: [part.name for part in parts_of(load_settings(reviews=reviews), str) if part.ask]
        for reviews in ("file", "label-studio")
    }
    assert used["file"] == [SERVICE, PREFECT, MLFLOW, EVIDENTLY]
    assert used["label-studio"] == [SERVICE, REVIEWS, RECEIVER, PREFECT, MLFLOW, EVIDENTLY]
    assert MLFLOW not in [part.name for part in parts_of(load_settings(registry="folder"), str) if part.ask]
