"""`triage serve` as a real process: what was acknowledged is there, load is refused, other processes are heard."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.builders import NOON, a_correction
from tests.service_process import NDJSON, RunningService, eventually, mail, running_service
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.schema import feed
from triage_cl.domain.departments import DepartmentAdded

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """The ledger as another process sees it, with two departments."""
    with closing(Ledger(ledger_url)) as ledger:
        ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("support", "Support")], NOON)
        yield ledger


@pytest.fixture
def service(ledger: Ledger, ledger_url: str, tmp_path: Path) -> Iterator[RunningService]:
    with running_service(tmp_path / "one", ledger_url) as service:
        yield service


def test_a_correction_that_another_process_records_is_served_within_a_second(
    service: RunningService, ledger: Ledger
) -> None:
    (made,) = service.send([mail(1)])
    (recorded,) = ledger.append([a_correction(made["email_id"], "billing")], NOON)
    told = eventually(lambda: (now := service.now(made["email_id"]))["through"] >= recorded.position and now, 1)
    assert told["probabilities"] == {"billing": 1.0}
    ledger.append([a_correction(made["email_id"], "support")], NOON)
    eventually(lambda: service.now(made["email_id"])["probabilities"] == {"support": 1.0}, 1)


def test_a_correction_is_heard_while_mail_keeps_coming(service: RunningService, ledger: Ledger) -> None:
    (made,) = service.send([mail(0)])
    ended = threading.Event()

    def keep_coming() -> None:
        number = 1
        while not ended.is_set():
            service.send([mail(number + extra) for extra in range(50)])
            number += 50

    with ThreadPoolExecutor(2) as pool:
        burst = pool.submit(keep_coming)
        try:
            ledger.append([a_correction(made["email_id"], "billing")], NOON)
            eventually(lambda: service.health()["lessons"] == 1, 5)
        finally:
            ended.set()
        burst.result()


def test_every_acknowledged_mail_is_there_after_a_power_cut(service: RunningService, ledger: Ledger) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()

    def send(first: int) -> None:
        with contextlib.suppress(httpx.HTTPError):
            for number in range(first, first + 10_000, 5):
                acknowledged.extend(one["email_id"] for one in service.send([mail(number + i) for i in range(5)]))
                if len(acknowledged) >= 200:
                    enough.set()

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send, 10_000 * sender) for sender in range(4)]
        assert enough.wait(60)
        service.kill()
        for sender in senders:
            sender.result()
    assert len(acknowledged) >= 200
    assert ledger.known(acknowledged) == ledger.decisions_of(acknowledged).keys() == set(acknowledged)
    fed = [decision.email_id for _, decision in ledger.feed(0, 50_000)]
    assert len(fed) == len(set(fed)) == ledger.fed()


def test_many_single_mails_share_transactions(service: RunningService) -> None:
    with ThreadPoolExecutor(20) as pool:
        for answer in pool.map(lambda number: service.client.post("/emails", json=mail(number)), range(300)):
            assert answer.status_code == 200
    told = service.client.get("/metrics").text
    (groups,), (mails,) = (re.findall(rf"^triage_group_mails_{part} (\d+)", told, re.M) for part in ("count", "sum"))
    assert int(mails) == 300
    assert int(groups) < 250


@contextlib.contextmanager
def stalled(ledger: Ledger) -> Iterator[None]:
    """Nobody else can store a decision until the block ends."""
    with ledger.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(sa.update(feed).values(number=feed.c.number))
        yield


def test_a_stalled_ledger_ends_in_429_and_what_was_let_in_is_decided(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    with running_service(tmp_path / "small", ledger_url, waiting_mails=5) as service, ThreadPoolExecutor(5) as pool:
        (known,) = service.send([mail(0)])
        with stalled(ledger):
            waiting = [pool.submit(service.send, [mail(number)]) for number in range(1, 6)]
            eventually(lambda: service.health()["waiting_mails"] == 5)
            for body, headers in ((json.dumps(mail(6)), {"content-type": "application/json"}), ("{}\n{}", NDJSON)):
                refused = service.client.post("/emails", content=body, headers=headers, timeout=5)
                assert refused.status_code == 429
                assert 1 <= int(refused.headers["retry-after"]) <= 60
                assert set(refused.json()) == {"error"}
            # Reading goes on meanwhile.
            assert service.client.get(f"/decisions/{known['email_id']}").status_code == 200
        made = [answer.result()[0] for answer in waiting]
        assert ledger.known([one["email_id"] for one in made]) == {one["email_id"] for one in made}
        assert service.client.post("/emails", json=mail(6)).status_code == 200


def test_two_services_over_one_ledger_serve_the_same_model(
    service: RunningService, ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    with running_service(tmp_path / "two", ledger_url) as other:
        taught = service.send([mail(number, name) for number in range(20) for name in ("billing", "support")])
        ledger.append([a_correction(one["email_id"], _department(n)) for n, one in enumerate(taught)], NOON)
        both = (service, other)
        eventually(lambda: all(one.health()["lessons"] == 40 for one in both))
        first, second = (one.health() for one in both)
        served = ("version", "seen", "through", "as_of", "fingerprint")
        assert [first[name] for name in served] == [second[name] for name in served]
        assert service.now(taught[0]["email_id"]) == other.now(taught[0]["email_id"])
        lines = [mail(number, name) for number in range(100, 110) for name in ("billing", "support")]
        made, again = service.send(lines), other.send(lines)
        assert again == [one | {"repeated": True} for one in made]
        assert {one["department"] for one in made} == {"billing", "support"}


def _department(number: int) -> str:
    return ("billing", "support")[number % 2]


def test_two_services_may_start_on_an_empty_ledger_at_once(ledger_url: str, tmp_path: Path) -> None:
    with (
        running_service(tmp_path / "one", ledger_url, ready=False) as one,
        running_service(tmp_path / "two", ledger_url, ready=False) as two,
    ):
        for service in (one, two):
            eventually(lambda service=service: service.client.get("/ready").status_code == 200)
        eventually(lambda: one.health()["seen"] == two.health()["seen"])
        first, second = one.health(), two.health()
        assert (first["version"], first["fingerprint"]) == (second["version"], second["fingerprint"])


def test_the_same_mail_sent_to_two_services_at_once_has_one_decision(
    service: RunningService, ledger_url: str, tmp_path: Path
) -> None:
    lines = [mail(number) for number in range(40)]
    with running_service(tmp_path / "two", ledger_url) as other, ThreadPoolExecutor(2) as pool:
        here, there = pool.map(lambda one: one.send(lines), (service, other))
    assert [_without(one) for one in here] == [_without(one) for one in there]
    assert all(one["repeated"] is not other["repeated"] for one, other in zip(here, there, strict=True))


def _without(decision: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in decision.items() if name != "repeated"}


def test_a_service_that_is_told_to_end_answers_what_waits(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    with running_service(tmp_path / "one", ledger_url) as service, ThreadPoolExecutor(1) as pool:
        service.send([mail(0)])
        with stalled(ledger):
            waiting = pool.submit(service.send, [mail(1)])
            eventually(lambda: service.health()["waiting_mails"] == 1)
            service.end()
        assert waiting.result()[0]["repeated"] is False
        assert service.process.wait(60) == 0
        assert "Traceback" not in service.log.read_text()
    assert list((tmp_path / "one" / "snapshots").glob("*.safetensors"))


def test_a_start_after_a_crash_serves_what_was_learned(
    service: RunningService, ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    (made,) = service.send([mail(1)])
    ledger.append([a_correction(made["email_id"], "billing")], NOON)
    eventually(lambda: service.health()["lessons"] == 1)
    before = service.health()["fingerprint"]
    service.kill()
    with running_service(tmp_path / "one", ledger_url) as again:
        assert again.health()["fingerprint"] == before


def refusal_of(*options: str, **environment: str) -> str:
    """What `triage serve` says instead of serving."""
    command = [sys.executable, "-m", "triage_cl.cli", "serve", *options]
    told = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    return told.stderr


def test_a_taken_port_is_named(service: RunningService, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    assert f"port {port} of 127.0.0.1" in refusal_of("--port", port, TRIAGE_HOME=str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIGNING_SECRET", "!"), ("SUBSCRIBERS", '["ftp://example.com"]'), ("SUBSCRIBERS", '["http://a:b@c:x/"]')],
)
def test_a_setting_that_cannot_be_used_is_named_and_not_quoted(tmp_path: Path, name: str, value: str) -> None:
    given = {f"TRIAGE_{name}": value, "TRIAGE_HOME": str(tmp_path), "TRIAGE_REGISTRY": "folder"}
    given.setdefault("TRIAGE_SUBSCRIBERS", '["http://127.0.0.1:9/"]')
    told = refusal_of("--port", "0", **given)
    assert name.lower() in told
    assert "a:b" not in told
