"""`triage reviewers`: what is told of whom, taking out and putting back, and what becomes of the model."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.builders import NOON, a_correction, after
from tests.office import mail_about
from tests.reviewed_twice import TwiceReviewed, swapping
from tests.test_cli import assert_one_sentence, told, triage
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import App, bootstrap
from triage_cl.cli.main import app as command
from triage_cl.domain.corrections import Origin, Source
from triage_cl.domain.reviewers import ReviewerTakenOut
from triage_cl.domain.second_looks import Purpose
from triage_cl.settings import load_settings
from triage_cl.usecases.learn import describe_email, follow
from triage_cl.usecases.reviewer_accounts import pace_of, staff_account
from triage_cl.usecases.taking_out import ask_again, change_reviewers, changed_by, taking_out
from triage_cl.usecases.verify import verify_lessons, verify_replay

TEN = tuple(f"reviewer-{number}" for number in range(10))
CARELESS = TEN[0]

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def app(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An installation, which commands in this process find, too."""
    settings = {"home": str(tmp_path / "data"), "registry": "folder", "database_url": ledger_url}
    for name, value in settings.items():
        monkeypatch.setenv(f"TRIAGE_{name.upper()}", value)
    monkeypatch.chdir(tmp_path)
    with closing(bootstrap(load_settings())) as app:
        yield app


@pytest.fixture
def run(app: App, tmp_path: Path) -> Run:
    """Runs a command; what it tells."""

    def run(*arguments: str) -> dict[str, Any]:
        ran = CliRunner().invoke(command, [*arguments, "--json", str(tmp_path / "told.json")])
        assert ran.exit_code == 0, ran.output
        return dict(json.loads((tmp_path / "told.json").read_text()))

    return run


@pytest.fixture
def office(app: App) -> TwiceReviewed:
    """Ten people, the first of whom swaps billing and legal, at a fifth of double reviews."""
    office = TwiceReviewed(app.ledger, TEN, manners={CARELESS: swapping("billing", "legal")}, keys=app.keys)
    app.ensure_ready(NOON)
    return office


def rightness(app: App, office: TwiceReviewed) -> float:
    """The mean probability that the live champion gives to the truth of new mail."""
    desk = app.desk()
    desk.refresh()
    champion = next(iter(desk.learners.values()))
    sure = []
    for number in range(900, 960):
        truth = office.truth(f"mail-{number}")
        email = mail_about(truth, number)
        told = champion.probabilities([describe_email(champion.key, email)])[0]
        sure.append(float(told[list(champion.classes).index(truth)]))
    return sum(sure) / len(sure)


def test_a_malicious_reviewer_is_flagged_taken_out_and_the_model_recovers(
    app: App, office: TwiceReviewed, run: Run
) -> None:
    for _ in range(9):
        office.work(100)
    with_malice = rightness(app, office)
    shown = {row["reviewer"]: row for row in run("reviewers")["reviewers"]}
    assert [name for name, row in shown.items() if row["flagged_at"]] == [CARELESS]
    assert {one["said"] for one in shown[CARELESS]["confusions"]} == {"billing", "legal"}
    assert shown[CARELESS]["agreement"]["high"] < shown[TEN[1]]["agreement"]["low"]
    tried = run("reviewers", "take-out", "--flagged", "--dry-run")
    assert (tried["recorded"], tried["reviewers"], tried["asked_again"]) == (False, [CARELESS], 0)
    assert not list(app.ledger.facts(kinds=[ReviewerTakenOut.kind]))
    done = run("reviewers", "take-out", "--flagged", "--again", "20")
    assert (done["lessons"], done["unanswered"], done["asked_again"]) == (tried["lessons"], tried["unanswered"], 20)
    assert rightness(app, office) > with_malice
    assert verify_replay(app.ledger, app.registry, app.snapshots, app.features_key).holds
    assert verify_lessons(app.ledger).holds
    after_it = {row["reviewer"]: row for row in run("reviewers")["reviewers"]}
    assert (after_it[CARELESS]["lessons"], after_it[CARELESS]["taken_out"]) == (0, True)
    assert after_it[CARELESS]["flagged_at"] == shown[CARELESS]["flagged_at"]
    office.manners = {}
    office.answer([look.id for look in office.open_looks() if look.purpose is Purpose.AGAIN], who=TEN[3])
    assert run("reviewers", "take-out", "--flagged")["reviewers"] == []
    assert len(changed_by(app.ledger, []).unanswered) == done["unanswered"] - 20


def test_what_is_live_equals_its_replay_when_somebody_is_taken_out_and_put_back(
    app: App, office: TwiceReviewed, run: Run
) -> None:
    office.work(60)
    desk = app.desk()
    desk.refresh()
    before = next(iter(desk.learners.values())).fingerprint()
    live = next(iter(desk.learners.values()))
    run("reviewers", "take-out", CARELESS, "--again", "0")
    live = follow(app.ledger, live)
    assert live.fingerprint() != before
    run("reviewers", "reinstate", CARELESS)
    assert follow(app.ledger, live).fingerprint() == before
    desk.refresh()
    assert verify_replay(app.ledger, app.registry, app.snapshots, app.features_key).holds
    assert verify_lessons(app.ledger).holds


def test_one_is_taken_out_from_a_day_on(app: App, office: TwiceReviewed, run: Run) -> None:
    office.answer(office.receive(30))
    office.at += timedelta(days=3)
    office.answer(office.receive(30))
    told_all = run("reviewers", "take-out", CARELESS, "--dry-run")
    told_late = run("reviewers", "take-out", CARELESS, "--since", "2025-03-06", "--dry-run")
    assert (told_all["unanswered"], told_late["unanswered"]) == (6, 3)
    run("reviewers", "take-out", CARELESS, "--since", "2025-03-06")
    row = next(row for row in run("reviewers")["reviewers"] if row["reviewer"] == CARELESS)
    assert (row["lessons"], row["taken_out_since"]) == (3, "2025-03-06T00:00:00+00:00")


def test_taking_out_twice_is_recorded_once(app: App, office: TwiceReviewed, run: Run) -> None:
    office.answer(office.receive(10))
    run("reviewers", "take-out", CARELESS)
    position = app.ledger.position()
    assert run("reviewers", "take-out", CARELESS)["asked_again"] == 0
    assert app.ledger.position() == position


def test_mail_that_lost_its_only_answer_is_asked_about_again_a_few_at_a_time(ledger: Ledger) -> None:
    office = TwiceReviewed(ledger, TEN)
    office.answer(office.receive(5), who=TEN[1])
    office.answer(office.receive(10), who=CARELESS)
    office.answer([f"mail-{number}" for number in range(5)], who=CARELESS)
    changes = taking_out(ledger, [CARELESS])
    assert set(changed_by(ledger, changes).unanswered) == {f"mail-{number}" for number in range(5, 15)}
    assert [change_reviewers(ledger, office.keys, changes, 4, NOON) for _ in range(2)] == [4, 0]
    asked = ledger.looks_for(Purpose.AGAIN)
    assert {look.chance for look in asked} == {0.4}
    office.answer([look.id for look in asked], who=TEN[2])
    assert len(changed_by(ledger, []).unanswered) == 6
    assert change_reviewers(ledger, office.keys, changes, 4, NOON) == 4
    # Who was taken out goes on answering: somebody else is asked.
    office.answer([look.id for look in office.open_looks()], who=CARELESS)
    assert ask_again(ledger, office.keys, changed_by(ledger, []).unanswered, 9, NOON) == 6
    assert verify_lessons(ledger).holds


def test_only_those_who_answered_can_be_taken_out_and_only_those_taken_out_put_back(
    tmp_path: Path, office: TwiceReviewed
) -> None:
    office.answer(office.receive(3))
    settings = {"TRIAGE_DATABASE_URL": office.ledger.engine.url.render_as_string(hide_password=False)}
    for arguments, words in (
        (("take-out", "nobody"), ("nobody", "never answered")),
        (("take-out",), ("--flagged",)),
        (("reinstate", CARELESS), (CARELESS, "not taken out")),
        (("--names",), ("Label Studio",)),
    ):
        assert_one_sentence(triage(tmp_path, "reviewers", *arguments, settings=settings), *words)
    assert told(triage(tmp_path, "reviewers", "take-out", "--flagged", "--json", "-", settings=settings)) == {
        "reviewers": [],
        "lessons": {},
        "unanswered": 0,
        "asked_again": 0,
        "recorded": False,
    }


def test_who_was_put_back_after_a_flag_is_not_taken_out_by_it_again(app: App, office: TwiceReviewed, run: Run) -> None:
    for _ in range(6):
        office.work(100)
    assert run("reviewers", "take-out", "--flagged")["reviewers"] == [CARELESS]
    run("reviewers", "reinstate", CARELESS, "--reason", "the guidelines were wrong")
    assert run("reviewers", "take-out", "--flagged")["reviewers"] == []


def test_the_account_tells_what_everybody_did(ledger: Ledger) -> None:
    office = TwiceReviewed(ledger, TEN[:3], part=1.0)
    office.answer(office.receive(6))
    office.deal()
    office.answer([look.id for look in office.open_looks() if look.email_id == "mail-0"], who=TEN[1])
    ledger.append([replace(a_correction("mail-1", "legal", reviewer=TEN[2]), withheld=True)], NOON)
    account = {one.reviewer: one for one in staff_account(ledger).reviewers}
    assert {name: (one.answers, one.lessons, one.withheld) for name, one in account.items()} == {
        TEN[0]: (2, 2, 0),
        TEN[1]: (3, 2, 0),
        TEN[2]: (3, 2, 1),
    }
    assert account[TEN[0]].doubles.agreement is not None
    assert account[TEN[0]].doubles.agreement.point == 1.0
    assert account[TEN[2]].doubles.agreement is None
    assert staff_account(ledger).doubled == 1.0


def test_the_pace_is_that_of_sittings() -> None:
    times = [after(seconds=20 * n) for n in range(4)] + [after(hours=3), after(hours=3, seconds=50)]
    pace = pace_of(times)
    assert pace is not None
    assert (pace.seconds, pace.an_hour) == (20, pytest.approx(3600 * 4 / 110))
    assert pace_of([NOON]) is None


def test_accepting_what_is_shown_is_told_apart_from_agreeing_unseen(ledger: Ledger) -> None:
    office = TwiceReviewed(ledger, TEN[:2])
    shown = [("billing", Origin.ACCEPTED)] * 9 + [("legal", Origin.CHANGED)]
    for mail, (department, origin) in zip(office.receive(10), shown, strict=True):
        ledger.append([a_correction(mail, department, origin=origin, reviewer=TEN[0])], NOON)
    for mail, department in zip(office.receive(10), ["billing"] * 5 + ["legal"] * 5, strict=True):
        given = a_correction(mail, department, origin=Origin.SCRATCH, blind=True, reviewer=TEN[1])
        ledger.append([given, replace(given, source=Source.IMPORT, answer_id=f"archive:{mail}")], NOON)
    pull = staff_account(ledger).pull
    assert (pull.shown, pull.blind) == (0.9, 0.5)
    assert pull.difference is not None
    assert pull.difference.point == pytest.approx(0.4)


def test_names_are_told_only_where_they_are_asked_for(
    app: App, office: TwiceReviewed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.answer(office.receive(3))
    monkeypatch.setattr("triage_cl.cli.reviewers._names", lambda _: {CARELESS: "ann@example.com"})
    assert "name" not in run("reviewers")["reviewers"][0]
    rows = {row["reviewer"]: row["name"] for row in run("reviewers", "--names")["reviewers"]}
    assert (rows[CARELESS], rows[TEN[1]]) == ("ann@example.com", None)
    assert "ann@example.com" not in CliRunner().invoke(command, ["reviewers"], env={"COLUMNS": "300"}).output
    assert "ann@example.com" in CliRunner().invoke(command, ["reviewers", "--names"], env={"COLUMNS": "300"}).output
