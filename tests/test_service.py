"""The HTTP service: each route, in this process over a real ledger."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httpx import Client

from tests.builders import NOON, a_routed
from tests.service_process import KEY, MASTER_KEY, NDJSON, eventually, mail
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.api.application import create_app
from triage_cl.api.guard import OPEN
from triage_cl.api.shapes import CorrectionTaken, DecisionAgain, DecisionMade, Departments, Feed, Health
from triage_cl.bootstrap import App, bootstrap
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.departments import DepartmentAdded, DepartmentRenamed
from triage_cl.domain.emails import Email
from triage_cl.domain.errors import LedgerUnavailable, RegistryUnavailable
from triage_cl.learning.learner import Learner
from triage_cl.settings import load_settings
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.learn import fold
from triage_cl.usecases.triage import Desk

RAW = {"content-type": "message/rfc822"}
A_MESSAGE = b"From: a@example.com\r\nSubject: Invoice\r\nMessage-ID: <1@example.com>\r\n\r\nI was charged twice.\r\n"
REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "http-api.md"


def an_app(home: Path, url: str, **settings: Any) -> App:
    told = {"registry": "folder", "api_key": KEY, "key": MASTER_KEY, "review_share": 0.5}
    return bootstrap(load_settings(home=home, database_url=url, **{**told, **settings}))


@contextmanager
def serving(app: App, ready: bool = True) -> Iterator[Client]:
    """The service on loopback, in a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(app), log_config=None))
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    url, headers = f"http://127.0.0.1:{listener.getsockname()[1]}", {"authorization": f"Bearer {KEY}"}
    try:
        with Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            if ready:
                eventually(lambda: client.get("/ready").status_code == 200)
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> App:
    app = an_app(tmp_path / "home", sqlite_url)
    app.ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("support", "IT Support")], NOON)
    return app


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with serving(app) as client:
        yield client


def decided(client: Client, number: int = 1) -> dict[str, Any]:
    answer = client.post("/emails", json=mail(number))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def send(client: Client, *lines: str) -> list[dict[str, Any]]:
    answer = client.post("/emails", content="\n".join(lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def an_answer(email_id: str, department: str | None = "billing", **changes: Any) -> dict[str, Any]:
    return {
        "email_id": email_id,
        "department": department,
        "reviewer": "m.keller",
        "answer_id": f"{email_id}/{department}",
    } | changes


def routes(client: Client) -> list[tuple[str, str]]:
    described = client.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in described.items() for method in methods]


def test_a_raw_message_is_decided_and_the_decision_is_in_the_ledger(app: App, client: Client) -> None:
    told = client.post("/emails", content=A_MESSAGE, headers=RAW).json()
    DecisionMade.model_validate(told)
    stored = app.ledger.decisions_of([told["email_id"]])[told["email_id"]]
    assert (told["action"], told["version"], told["repeated"]) == (stored.action, stored.version, False)
    assert told["review_probability"] == stored.review_probability
    assert app.ledger.emails([told["email_id"]])[told["email_id"]].subject == "Invoice"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(mail(1)),
        json.dumps(mail(1), indent=2),
        json.dumps({"raw": A_MESSAGE.decode()}),
        json.dumps({"raw_base64": "RnJvbTogYQpTdWJqZWN0OiBiCgpj"}),
    ],
    ids=["one line", "several lines", "raw", "base64"],
)
def test_a_mail_may_come_as_json(client: Client, body: str) -> None:
    answer = client.post("/emails", content=body, headers={"content-type": "application/json; charset=utf-8"})
    assert answer.status_code == 200
    DecisionMade.model_validate(answer.json())


def test_the_same_mail_twice_gives_the_stored_decision(client: Client) -> None:
    first, again = decided(client), decided(client)
    assert again == first | {"repeated": True}


def test_a_mail_that_an_archive_answered_is_not_decided(app: App, client: Client) -> None:
    app.ledger.take_routed([a_routed(app.keys.identify(str(mail(1)["id"])))], NOON)
    alone = client.post("/emails", json=mail(1))
    assert (alone.status_code, alone.json()) == (
        409,
        {"error": "The mail was imported with its answer; it is not decided."},
    )
    refused, other = send(client, json.dumps(mail(1)), json.dumps(mail(2)))
    assert (refused["quarantined"], refused["mail"]) == (False, 1)
    assert other["department"] == "billing"
    assert 'triage_mails_total{outcome="imported"} 2.0' in client.get("/metrics").text


def test_the_same_message_however_it_is_sent_is_one_mail(client: Client) -> None:
    first = client.post("/emails", content=A_MESSAGE, headers=RAW).json()
    again = client.post("/emails", json={"raw": A_MESSAGE.decode().replace("\r\n", "\n")}).json()
    assert again == first | {"repeated": True}


def test_a_batch_is_answered_line_by_line_in_its_order(client: Client) -> None:
    known = decided(client, 7)
    lines = [json.dumps(mail(number)) for number in (3, 7, 1, 2, 1)]
    found = send(client, *lines[:2], "", "not a mail", *lines[2:], '{"subject": 3}')
    assert [one.get("email_id") for one in found] == [
        decided(client, 3)["email_id"],
        known["email_id"],
        None,
        *(decided(client, number)["email_id"] for number in (1, 2, 1)),
        None,
    ]
    assert [one.get("repeated") for one in found] == [False, True, None, False, False, True, None]
    assert found[2] == {"error": "not JSON", "quarantined": True, "mail": 3}
    assert found[6] == {"error": "bad subject", "quarantined": True, "mail": 7}


def test_what_cannot_be_read_is_in_quarantine_once(app: App, client: Client) -> None:
    for _ in range(2):
        refused = client.post("/emails", content=b"no header at all", headers=RAW)
        assert refused.status_code == 422
        assert refused.json() == {"error": "The mail cannot be read: no mail header."}
    send(client, "nonsense", "other nonsense")
    assert app.ledger.quarantined() == {"no mail header": 1, "not JSON": 2}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"raw": 3}', b'{"raw_base64": "!"}'])
def test_bad_json_is_told_in_a_sentence(client: Client, body: bytes) -> None:
    refused = client.post("/emails", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 422
    assert set(refused.json()) == {"error"}


def test_an_unknown_content_type_is_refused(client: Client) -> None:
    refused = client.post("/emails", content=b"x", headers={"content-type": "text/plain"})
    assert refused.status_code == 415
    assert "message/rfc822" in refused.json()["error"]


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    assert client.post("/emails", content=bytes(41 * 2**20), headers=RAW).status_code == 413
    large = json.dumps(an_answer("x" * 70_000)).encode()
    refused = client.post("/corrections", content=large, headers={"content-type": "application/json"})
    assert refused.status_code == 413
    assert set(refused.json()) == {"error"}


def test_more_mails_than_ever_fit_are_refused_for_good(app: App, tmp_path: Path, sqlite_url: str) -> None:
    with serving(an_app(tmp_path / "small", sqlite_url, waiting_mails=3)) as client:
        assert len(send(client, *(json.dumps(mail(number)) for number in range(3)))) == 3
        refused = client.post("/emails", content="\n".join(["{}"] * 4), headers=NDJSON)
        assert refused.status_code == 413
        assert "At most 3 mails" in refused.json()["error"]


def test_without_the_key_only_health_readiness_and_the_description_answer(client: Client) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": KEY}, {"authorization": f"Basic {KEY}"}):
        client.headers.pop("authorization", None)
        for method, path in [*routes(client), ("GET", "/openapi.json"), ("GET", "/nowhere")]:
            answer = client.request(method, path, headers=headers, json={})
            if path in OPEN:
                assert answer.status_code == 200, path
            else:
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"] == "Bearer"
                assert set(answer.json()) == {"error"}


def test_one_decision_is_shown_as_it_was_made(client: Client) -> None:
    made = decided(client)
    shown = client.get(f"/decisions/{made['email_id']}").json()
    DecisionAgain.model_validate(shown)
    assert shown == {name: value for name, value in made.items() if name != "repeated"}
    assert client.get("/decisions/nobody").status_code == 404


def test_what_would_be_said_now_follows_the_lessons_and_stores_nothing(client: Client) -> None:
    made = decided(client)
    assert made["department"] is None
    before = client.get(f"/decisions/{made['email_id']}?now=true").json()["now"]
    assert before["probabilities"] == {}
    client.post("/corrections", json=an_answer(made["email_id"])).raise_for_status()
    url = f"/decisions/{made['email_id']}?now=true"
    now = eventually(lambda: (told := client.get(url).json()["now"])["through"] > before["through"] and told)
    assert (now["department"], now["probabilities"]) == ("billing", {"billing": 1.0})
    assert client.get(f"/decisions/{made['email_id']}").json()["department"] is None


def test_a_mail_whose_text_is_gone_has_no_opinion_now(app: App, client: Client) -> None:
    made = decided(client)
    with app.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM payloads")
    assert client.get(f"/decisions/{made['email_id']}?now=true").status_code == 410
    assert client.get(f"/decisions/{made['email_id']}").status_code == 200


def test_the_feed_gives_every_decision_once_in_order(client: Client) -> None:
    made = send(client, *(json.dumps(mail(number)) for number in range(25)))
    after, found = 0, []
    while page := Feed.model_validate(client.get("/decisions", params={"after": after, "limit": 10}).json()):
        found += page.decisions
        if not page.decisions:
            break
        after = page.next
    assert [one.number for one in found] == list(range(1, 26))
    assert {one.email_id for one in found} == {one["email_id"] for one in made}
    assert client.get("/decisions", params={"after": after}).json() == {"decisions": [], "next": after}


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=1001", "after=x", f"after={2**70}"])
def test_a_bad_question_is_answered_with_which_part_is_wrong(client: Client, query: str) -> None:
    refused = client.get(f"/decisions?{query}")
    assert refused.status_code == 422
    assert query.partition("=")[0] in refused.json()["error"]


def test_a_decision_names_the_department_as_it_is_called_now(app: App, client: Client) -> None:
    made = decided(client)
    client.post("/corrections", json=an_answer(made["email_id"], "support")).raise_for_status()
    eventually(lambda: client.get("/health").json()["lessons"] == 1)
    assert decided(client, 2)["name"] == "IT Support"
    app.ledger.append([DepartmentRenamed("support", "Help Desk")], NOON)
    eventually(lambda: client.get("/departments").json()["departments"][1]["name"] == "Help Desk")
    assert decided(client, 2)["name"] == "Help Desk"


def test_departments_are_listed(client: Client) -> None:
    told = client.get("/departments").json()
    Departments.model_validate(told)
    assert told["departments"] == [{"id": "billing", "name": "Billing"}, {"id": "support", "name": "IT Support"}]


@pytest.mark.parametrize("named", ["support", "IT Support", "it support"])
def test_a_correction_names_its_department_by_id_or_name(app: App, client: Client, named: str) -> None:
    made = decided(client)
    told = client.post("/corrections", json=an_answer(made["email_id"], named, suggestion="Billing")).json()
    CorrectionTaken.model_validate(told)
    assert told == {"email_id": made["email_id"], "department": "support", "recorded": True}
    (recorded,) = app.ledger.corrections_of([made["email_id"]])[made["email_id"]]
    correction = recorded.fact
    assert isinstance(correction, Correction)
    assert correction.reviewer == app.keys.pseudonym("m.keller")
    assert correction.source is (Source.REVIEW if made["drawn"] else Source.VOLUNTEER)
    assert (correction.department, correction.origin, correction.blind) == ("support", "changed", False)


def test_an_answer_that_comes_twice_is_recorded_once_even_after_a_later_one(app: App, client: Client) -> None:
    made = decided(client)
    first = an_answer(made["email_id"], "billing", answer_id="1")
    later = an_answer(made["email_id"], "support", answer_id="2")
    told = [client.post("/corrections", json=answer).json()["recorded"] for answer in (first, first, later, first)]
    assert told == [True, False, True, False]
    departments = [
        recorded.fact.department
        for recorded in app.ledger.corrections_of([made["email_id"]])[made["email_id"]]
        if isinstance(recorded.fact, Correction)
    ]
    assert departments == ["billing", "support"]


def test_two_mails_may_have_answers_of_the_same_name(client: Client) -> None:
    for number in (1, 2):
        made = decided(client, number)
        answer = client.post("/corrections", json=an_answer(made["email_id"], answer_id="1"))
        assert answer.json()["recorded"]


def test_a_withdrawn_answer_teaches_nobody(client: Client) -> None:
    made = decided(client)
    client.post("/corrections", json=an_answer(made["email_id"])).raise_for_status()
    eventually(lambda: client.get("/health").json()["lessons"] == 1)
    assert client.post("/corrections", json=an_answer(made["email_id"], None)).json()["recorded"]
    eventually(lambda: client.get("/health").json()["lessons"] == 0)


def test_a_correction_that_cannot_be_used_says_why(client: Client) -> None:
    made = decided(client)
    good = an_answer(made["email_id"])
    client.post("/corrections", json=good).raise_for_status()
    bad: list[tuple[int, dict[str, Any]]] = [
        (404, an_answer("nobody")),
        (422, an_answer(made["email_id"], "catering")),
        (409, good | {"department": "support"}),
        (422, good | {"answered_at": "2026-03-02T09:00:00"}),
        (422, good | {"reviewer": ""}),
        (422, good | {"mood": "good"}),
        (422, {name: value for name, value in good.items() if name != "department"}),
    ]
    for status, answer in bad:
        refused = client.post("/corrections", json=answer)
        assert (refused.status_code, set(refused.json())) == (status, {"error"}), answer


def test_health_names_the_champion_and_its_fingerprint(app: App, client: Client) -> None:
    told = client.get("/health").json()
    Health.model_validate(told)
    learner = app.desk()
    learner.refresh()
    assert told["fingerprint"] == learner.learners[learner.champion.entrant].fingerprint()
    assert (told["status"], told["seen"], told["version"]) == ("ok", learner.seen, learner.champion.version)


def test_metrics_count_mails_requests_and_waiting(client: Client) -> None:
    send(client, json.dumps(mail(1)), json.dumps(mail(1)), "nonsense")
    told = client.get("/metrics").text
    for line in (
        'triage_mails_total{outcome="decided"} 1.0',
        'triage_mails_total{outcome="repeated"} 1.0',
        'triage_mails_total{outcome="quarantined"} 1.0',
        'triage_requests_total{route="/emails",status="200"} 1.0',
        "triage_waiting_mails 0.0",
        "triage_trouble 0.0",
    ):
        assert line in told.splitlines(), line


def test_two_applications_in_one_process_count_apart(app: App) -> None:
    with serving(app) as one, serving(app) as other:
        decided(one)
        assert 'outcome="decided"' not in other.get("/metrics").text


def test_errors_of_no_route_have_the_same_shape(client: Client) -> None:
    assert client.get("/nowhere").json() == {"error": "Not Found"}
    assert client.delete("/emails").json() == {"error": "Method Not Allowed"}


def test_an_unexpected_error_shows_no_traceback_and_quotes_no_mail(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("about Mrs Confidential")

    monkeypatch.setattr(Ledger, "feed", broken)
    refused = client.get("/decisions")
    assert (refused.status_code, set(refused.json())) == (500, {"error"})
    assert "ZeroDivisionError" in caplog.text
    assert "Confidential" not in caplog.text + refused.text


def test_one_mail_that_breaks_the_desk_does_not_take_the_others_with_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Desk.decide

    def fussy(desk: Desk, emails: list[Email], at: Any) -> Any:
        if any("13" in email.body for email in emails):
            raise ZeroDivisionError
        return decide(desk, emails, at)

    monkeypatch.setattr(Desk, "decide", fussy)
    found = send(client, *(json.dumps(mail(number)) for number in (1, 13, 2)))
    assert [("error" in one, one.get("quarantined")) for one in found] == [(False, None), (True, False), (False, None)]
    assert client.post("/emails", json=mail(13)).status_code == 500
    assert decided(client, 3)["repeated"] is False


def test_a_ledger_that_fails_is_told_and_the_service_recovers(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "facts", _unavailable)
        eventually(lambda: client.get("/ready").status_code == 503)
        refused = client.post("/emails", json=mail(1))
        assert refused.status_code == 503
        assert "cannot be reached" in refused.json()["error"]
        assert int(refused.headers["retry-after"]) > 0
        health = client.get("/health").json()
        assert (health["status"], health["trouble"]) == ("trouble", refused.json()["error"])
    eventually(lambda: client.get("/ready").status_code == 200)
    assert decided(client)["repeated"] is False


def test_a_group_that_cannot_be_stored_is_answered_with_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "admit", _unavailable)
        assert client.post("/emails", json=mail(1)).status_code == 503
    eventually(lambda: client.get("/ready").status_code == 200)
    assert decided(client)["repeated"] is False


def _unavailable(*_: object, **__: object) -> object:
    raise LedgerUnavailable("It reports: gone.")


def test_a_registry_that_is_away_keeps_an_empty_ledger_waiting_and_no_other(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    away.set()
    registry = app.registry
    register = type(registry).register

    def may_register(*arguments: Any) -> Any:
        if away.is_set():
            raise RegistryUnavailable("It was looked for.")
        return register(*arguments)

    monkeypatch.setattr(type(registry), "register", may_register)
    with serving(app, ready=False) as client:
        told = eventually(lambda: (answer := client.get("/ready")) and "registry" in answer.text and answer)
        assert told.status_code == 503
        assert client.post("/emails", json=mail(1)).status_code == 503
        assert client.get("/health").status_code == 200
        away.clear()
        eventually(lambda: client.get("/ready").status_code == 200)
    away.set()
    with serving(app) as client:
        decided(client)


def test_the_learners_are_kept_when_the_service_ends(app: App) -> None:
    with serving(app) as client:
        client.post("/corrections", json=an_answer(decided(client)["email_id"])).raise_for_status()
        told = eventually(lambda: (health := client.get("/health").json())["lessons"] == 1 and health)
    kept = [path.stem for path in (app.home / "snapshots").glob("*.safetensors")]
    assert kept == [f"hashed-ensemble@{told['through']}-{told['as_of']}"]


def described(client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_is_described_with_an_example_of_its_answer(client: Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    without = []
    for name, operation in described(client):
        assert operation["description"], name
        for content in operation["responses"]["200"]["content"].values():
            schema = schemas.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            if not (schema.get("examples") or "example" in content):
                without.append(name)
    assert without == []


def test_the_examples_of_mails_are_decided(client: Client) -> None:
    operation = dict(described(client))["POST /emails"]
    for kind, content in operation["requestBody"]["content"].items():
        examples = [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
        for example in examples:
            body = example if isinstance(example, str) else json.dumps(example)
            assert client.post("/emails", content=body, headers={"content-type": kind}).status_code == 200


def test_the_reference_names_every_route_and_no_other(client: Client) -> None:
    named = re.findall(r"^\| `((?:GET|POST) /[\w/{}]+)` \|", REFERENCE.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(name for name, _ in described(client))


def test_an_edit_is_folded_beside_the_desk_and_mail_goes_on_meanwhile(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = send(client, *(json.dumps(mail(number)) for number in range(6)))
    for one in made:
        client.post("/corrections", json=an_answer(one["email_id"])).raise_for_status()
    before = eventually(lambda: (health := client.get("/health").json())["lessons"] == 6 and health)
    begun, released, folds = threading.Event(), threading.Event(), []
    at_once = Checkpoints.fold

    def slow(*arguments: Any) -> Learner:
        folds.append(arguments)
        begun.set()
        assert released.wait(60)
        return at_once(*arguments)

    monkeypatch.setattr(Checkpoints, "fold", slow)
    client.post("/corrections", json=an_answer(made[0]["email_id"], "support")).raise_for_status()
    assert begun.wait(30)
    late = decided(client, 50)
    assert late["as_of"] == before["as_of"]
    client.post("/corrections", json=an_answer(late["email_id"])).raise_for_status()
    meanwhile = eventually(lambda: (health := client.get("/health").json())["lessons"] == 7 and health)
    assert (meanwhile["through"], meanwhile["as_of"]) == (app.ledger.position(), before["as_of"])
    replayed = fold(app.ledger, "hashed-ensemble", app.features_key, 0, meanwhile["through"], meanwhile["as_of"])
    assert meanwhile["fingerprint"] == replayed.fingerprint()
    for one in made[1:4]:
        client.post("/corrections", json=an_answer(one["email_id"], "support")).raise_for_status()
    released.set()
    head = app.ledger.position()
    told = eventually(lambda: (health := client.get("/health").json())["as_of"] == head and health)
    assert told["fingerprint"] == fold(app.ledger, "hashed-ensemble", app.features_key, 0, head, head).fingerprint()
    assert len(folds) == 2
