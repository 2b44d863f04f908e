"""The outbound webhook, against a real receiver: signed, in order, at least once, whatever the receiver does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.service_process import RunningService, eventually, mail, running_service
from triage_cl.api.delivery import LONGEST_PAUSE_SECONDS, pause_after

SECRET = "whsec_" + "c2VjcmV0IGZvciB0ZXN0cw=="


@dataclass
class Receiver:
    """A help desk that takes decisions; it refuses as often as it is told to."""

    url: str = ""
    refusals: int = 0
    arrived: list[tuple[dict[str, str], bytes, int]] = field(default_factory=list)

    @property
    def taken(self) -> list[int]:
        """The numbers of the decisions that it took."""
        bodies = [json.loads(body) for _, body, status in self.arrived if status == 204]
        return [decision["number"] for body in bodies for decision in body["decisions"]]


@contextmanager
def receiving(refusals: int = 0, path: str = "/hook?token=hidden") -> Iterator[Receiver]:
    receiver = Receiver(refusals=refusals)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = 500 if len(receiver.arrived) < receiver.refusals else 204
            receiver.arrived.append(({name.lower(): value for name, value in self.headers.items()}, body, status))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def delivering(home: Path, url: str, *receivers: Receiver) -> Iterator[RunningService]:
    subscribers = [receiver.url for receiver in receivers]
    with running_service(home, url, subscribers=subscribers, signing_secret=SECRET) as service:
        yield service


@pytest.mark.integration
def test_decisions_are_delivered_signed_and_in_order(ledger_url: str, tmp_path: Path) -> None:
    with receiving() as receiver, delivering(tmp_path / "home", ledger_url, receiver) as service:
        made = service.send([mail(number) for number in range(150)])
        eventually(lambda: len(receiver.taken) >= 150)
        assert receiver.taken == list(range(1, 151))
        told = []
        for headers, body, _ in receiver.arrived:
            told += Webhook(SECRET).verify(body, headers)["decisions"]
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(body + b" ", headers)
        assert {one["email_id"] for one in told} == {one["email_id"] for one in made}
        assert told == service.client.get("/decisions", params={"limit": 150}).json()["decisions"]
        eventually(lambda: service.health()["subscribers"][0]["behind"] == 0)


@pytest.mark.integration
def test_a_receiver_that_fails_at_first_gets_the_same_delivery_again(sqlite_url: str, tmp_path: Path) -> None:
    with receiving(refusals=2) as receiver, delivering(tmp_path / "home", sqlite_url, receiver) as service:
        service.send([mail(1)])
        eventually(lambda: len(receiver.arrived) >= 1)
        failing = eventually(lambda: (told := service.health()["subscribers"][0])["error"] and told)
        assert (failing["behind"], failing["error"]) == (
            1,
            "The subscriber did not take the decisions. It answered 500.",
        )
        service.send([mail(2)])
        eventually(lambda: receiver.taken == [1, 2])
        first, second, third = receiver.arrived[:3]
        assert [one[2] for one in (first, second, third)] == [500, 500, 204]
        assert first[0]["webhook-id"] == second[0]["webhook-id"] == third[0]["webhook-id"]
        assert first[1] == second[1] == third[1]
        recovered = eventually(lambda: (told := service.health()["subscribers"][0])["error"] is None and told)
        assert recovered["failing_since"] is None


@pytest.mark.integration
def test_delivery_goes_on_after_a_restart_where_it_had_come(sqlite_url: str, tmp_path: Path) -> None:
    with receiving() as receiver:
        with delivering(tmp_path / "home", sqlite_url, receiver) as service:
            service.send([mail(1)])
            eventually(lambda: receiver.taken == [1])
        with running_service(tmp_path / "home", sqlite_url) as service:
            service.send([mail(2)])
        with delivering(tmp_path / "home", sqlite_url, receiver) as service:
            service.send([mail(3)])
            eventually(lambda: receiver.taken == [1, 2, 3])


@pytest.mark.integration
def test_a_new_subscriber_gets_what_is_decided_from_now_on(sqlite_url: str, tmp_path: Path) -> None:
    with receiving() as old, receiving(path="/other") as new:
        with delivering(tmp_path / "home", sqlite_url, old) as service:
            service.send([mail(1)])
        with delivering(tmp_path / "home", sqlite_url, old, new) as service:
            service.send([mail(2)])
            eventually(lambda: new.taken == [2] and old.taken == [1, 2])


@pytest.mark.integration
def test_one_of_two_services_delivers_and_the_other_takes_over(ledger_url: str, tmp_path: Path) -> None:
    with receiving() as receiver, delivering(tmp_path / "one", ledger_url, receiver) as one:
        one.send([mail(0)])
        eventually(lambda: receiver.taken == [1])
        with delivering(tmp_path / "two", ledger_url, receiver) as two:
            for number in range(1, 20):
                (one, two)[number % 2].send([mail(number)])
            eventually(lambda: len(receiver.taken) >= 20)
            assert receiver.taken == list(range(1, 21))
            one.end()
            one.process.wait(60)
            two.send([mail(20)])
            eventually(lambda: receiver.taken == list(range(1, 22)))


@pytest.mark.integration
def test_a_receiver_that_is_away_stops_nothing_and_its_url_is_in_no_log(sqlite_url: str, tmp_path: Path) -> None:
    with receiving() as receiver:
        pass
    with delivering(tmp_path / "home", sqlite_url, receiver) as service:
        assert service.send([mail(1)])[0]["repeated"] is False
        told = eventually(lambda: (subscriber := service.health()["subscribers"][0])["error"] and subscriber)
        assert told["error"] == "It cannot be reached (ConnectError)."
        metrics = service.client.get("/metrics").text
        assert f'triage_subscriber_behind{{subscriber="{told["subscriber"]}"}} 1.0' in metrics.splitlines()
        assert "not delivered" in service.log.read_text()
        assert "hidden" not in service.log.read_text() + metrics + json.dumps(service.health())


def test_pauses_grow_to_five_minutes_and_no_further() -> None:
    for failures in range(1, 60):
        longest = min(LONGEST_PAUSE_SECONDS, 2.0 ** (failures - 1))
        assert longest / 2 <= pause_after(failures) <= longest
