"""What the console tells of a ledger: its numbers, its alarms, and the way of one mail."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import (
    NOON,
    NOW,
    a_correction,
    a_drift_verdict,
    a_version,
    after,
    an_admission,
    an_alias_move,
)
from tests.office import an_office, department_of
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.overview_rows import counted_by_hour, list_of
from triage_cl.adapters.sql.schema import decisions
from triage_cl.domain.corrections import ANSWER_WINDOW
from triage_cl.domain.decisions import Action, ShadowDecision
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged, DepartmentRetired
from triage_cl.domain.emails import Unreadable
from triage_cl.domain.promotion import PromotionRule
from triage_cl.domain.versions import CHALLENGER
from triage_cl.usecases.alarms import LEDGER, REVIEWS, Alarm, Health, Limits, Severity, State, find_alarms
from triage_cl.usecases.console_ledger import Listing, Volume
from triage_cl.usecases.overview import MOST_DECISIONS, Lookout, Overview
from triage_cl.usecases.trace import Trace, believe, trace

MIDNIGHT = NOON.replace(hour=0)
LIMITS = Limits(answers=timedelta(days=5), reviews=False)


def overview_of(ledger: Ledger, at: datetime = NOON, subscribers: dict[str, str] | None = None) -> Overview:
    return Lookout(ledger, PromotionRule(), subscribers=subscribers or {}).look(at)


def admit(ledger: Ledger, id: str, at: datetime, action: Action = Action.SUGGEST, drawn: bool = False) -> None:
    draw = 0.1 if drawn else 0.9
    ledger.admit([an_admission(id, decided_at=at, action=action, draw=draw)], NOW)


def test_an_empty_ledger_is_told_as_such(ledger: Ledger) -> None:
    seen = overview_of(ledger)
    assert (seen.position, seen.number, seen.last_at, seen.today.mails) == (0, 0, None, 0)
    assert (seen.reign, seen.drift, seen.moves, seen.estimates.duel) == (None, None, (), None)
    assert (len(seen.hours), len(seen.days)) == (13, 14)
    assert find_alarms((), seen, LIMITS, NOON) == []


def test_mail_is_counted_by_the_hour_today_and_by_the_day(ledger: Ledger) -> None:
    admit(ledger, "morning", MIDNIGHT + timedelta(hours=8, minutes=59), Action.AUTO)
    admit(ledger, "noon", NOON, drawn=True)
    admit(ledger, "yesterday", MIDNIGHT - timedelta(seconds=1), Action.AUTO)
    admit(ledger, "long ago", NOON - timedelta(days=20))
    seen = overview_of(ledger)
    assert [volume for volume in seen.hours if volume.mails] == [
        Volume(MIDNIGHT + timedelta(hours=8), 1, 1, 0),
        Volume(NOON, 1, 0, 1),
    ]
    assert seen.today == Volume(MIDNIGHT, 2, 1, 1)
    assert seen.days[-2] == Volume(MIDNIGHT - timedelta(days=1), 1, 1, 0)
    assert sum(day.mails for day in seen.days) == 3
    assert (seen.number, seen.last_at) == (4, NOON)


def test_counting_goes_on_where_it_was(ledger: Ledger) -> None:
    lookout = Lookout(ledger, PromotionRule())
    admit(ledger, "first", NOON)
    lookout.look(NOON)
    admit(ledger, "second", NOON, Action.AUTO)
    admit(ledger, "an hour ago", after(hours=-1))
    assert lookout.look(NOON).today == Volume(MIDNIGHT, 3, 1, 0)
    tomorrow = lookout.look(after(days=1))
    assert (tomorrow.today.mails, tomorrow.days[-2].mails) == (0, 3)
    assert lookout.look(after(days=14)).days == tuple(Volume(MIDNIGHT + timedelta(days=day)) for day in range(1, 15))


def test_a_ledger_that_was_restored_is_counted_anew(ledger: Ledger) -> None:
    lookout = Lookout(ledger, PromotionRule())
    for number in range(3):
        admit(ledger, f"mail-{number}", NOON)
    assert lookout.look(NOON).today.mails == 3
    with ledger.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(sa.delete(decisions).where(decisions.c.number > 1))
        connection.execute(sa.text("UPDATE feed SET number = 1"))
    assert lookout.look(NOON).today.mails == 1


def test_what_reviewers_have_before_them_is_told(ledger: Ledger) -> None:
    for id in ("answered", "open", "waiting"):
        admit(ledger, id, NOON, drawn=True)
    ledger.published({"answered": "1", "open": "2"}, after(minutes=5))
    ledger.append([a_correction("answered")], after(minutes=9))
    seen = overview_of(ledger, after(hours=1))
    assert (seen.backlog.tasks, seen.backlog.oldest_at) == (1, after(minutes=5))
    assert (seen.backlog.unpublished, seen.backlog.waiting_since) == (1, NOON)
    assert (seen.estimates.decided.drawn, seen.estimates.decided.answered) == (3, 1)


def test_corrections_of_today_and_lessons_of_all_days_are_counted(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("sales", "Sales")], after(days=-2))
    ledger.append([a_correction("mail-1"), a_correction("mail-2", "sales")], after(days=-1))
    ledger.append([a_correction("mail-1", "sales"), a_correction("mail-3", None)], NOON)
    seen = overview_of(ledger)
    assert (seen.corrections_today, seen.estimates.lessons) == (2, 2)
    ledger.append([DepartmentRetired("sales")], NOON)
    assert overview_of(ledger).estimates.lessons == 0


def test_estimates_are_about_the_last_decisions_only(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage_cl.usecases.overview.MOST_DECISIONS", 2)
    for minute in range(4):
        admit(ledger, f"mail-{minute}", after(minutes=minute))
    estimates = overview_of(ledger, after(hours=1)).estimates
    assert (estimates.since, estimates.decided.mails) == (after(minutes=2), 2)
    assert MOST_DECISIONS == 20_000


def test_the_champion_is_told_with_its_reign_and_what_it_has_not_learned(ledger: Ledger) -> None:
    first, retrained = a_version("tfidf-svm", 1), a_version("tfidf-svm", 5)
    ledger.append([first, an_alias_move(first.version)], after(days=-9))
    ledger.append([retrained, an_alias_move(retrained.version, previous=first.version)], after(days=-1))
    ledger.append([a_correction(f"mail-{number}") for number in range(3)], NOON)
    seen = overview_of(ledger).reign
    assert seen is not None
    assert (seen.version, seen.since, seen.as_of, seen.unlearned) == (retrained, after(days=-9), 5, 2)


def test_a_champion_that_learns_at_once_is_told_as_it_made_its_last_decision(ledger: Ledger) -> None:
    ledger.append([a_version(), an_alias_move(), a_correction()], NOON)
    ledger.admit([an_admission(through=3, as_of=3)], NOW)
    seen = overview_of(ledger).reign
    assert seen is not None
    assert (seen.through, seen.as_of, seen.unlearned) == (3, 3, 0)


def test_challengers_of_many_nights_hide_no_promotion(ledger: Ledger) -> None:
    old, new = a_version(), a_version("tfidf-svm")
    promotion = an_alias_move(new.version, previous=old.version, reasons=("it is better",))
    ledger.append([old, an_alias_move(old.version), new, promotion], NOON)
    for night in range(20):
        version = a_version("hashed-ensemble", night + 1)
        ledger.append([version, an_alias_move(version.version, CHALLENGER)], after(days=night))
    moves = [recorded.fact for recorded in overview_of(ledger, after(days=20)).moves]
    assert promotion in moves
    assert len(moves) == 5


def test_the_duel_is_told_as_the_judge_sees_it(ledger: Ledger) -> None:
    champion, challenger = a_version(), a_version("tfidf-svm")
    ledger.append([champion, an_alias_move(champion.version)], NOON)
    ledger.append([challenger, an_alias_move(challenger.version, CHALLENGER)], NOON)
    shadow = ShadowDecision("mail-1", challenger.entrant, "sales", 0.8)
    ledger.admit([an_admission(disagreements=(shadow,), disputed=True, draw=0.0)], NOW)
    ledger.append([a_correction(department="sales", blind=True)], NOON)
    duel = overview_of(ledger, after(days=8)).estimates.duel
    assert duel is not None
    assert (duel.evidence.disputed, duel.evidence.answered, duel.challenger.version) == (1, 1, challenger.version)


def test_what_could_not_be_read_is_counted_by_reason(ledger: Ledger) -> None:
    ledger.quarantine([Unreadable("a", "empty"), Unreadable("b", "empty"), Unreadable("c", "torn")], NOON)
    assert overview_of(ledger).quarantined == {"empty": 2, "torn": 1}


# What is wrong.


def alarms_of(ledger: Ledger, at: datetime, limits: Limits = LIMITS, **subscribers: str) -> list[Alarm]:
    return list(find_alarms((), overview_of(ledger, at, subscribers), limits, at))


def test_a_task_that_waits_too_long_is_a_warning_since_it_waits(ledger: Ledger) -> None:
    admit(ledger, "mail-1", NOON, drawn=True)
    ledger.published({"mail-1": "1"}, after(minutes=1))
    assert alarms_of(ledger, after(days=5)) == []
    [alarm] = alarms_of(ledger, after(days=5, minutes=2))
    assert (alarm.severity, alarm.since) == (Severity.WARNING, after(minutes=1))


def test_drawn_mail_that_nobody_offers_is_an_alarm(ledger: Ledger) -> None:
    admit(ledger, "mail-1", NOON, drawn=True)
    assert alarms_of(ledger, after(minutes=10)) == []
    [alarm] = alarms_of(ledger, after(minutes=11))
    assert (alarm.severity, alarm.since) == (Severity.ALARM, NOON)
    assert "1 drawn mail was not offered" in alarm.what


def test_answers_that_nobody_fetches_are_an_alarm_where_there_is_a_review_screen(ledger: Ledger) -> None:
    screen = replace(LIMITS, reviews=True)
    assert [alarm.since for alarm in alarms_of(ledger, NOON, screen)] == [None]
    ledger.move_cursor("label-studio:1", "then", NOON)
    assert alarms_of(ledger, after(minutes=5), screen) == []
    assert [alarm.since for alarm in alarms_of(ledger, after(minutes=6), screen)] == [NOON]
    assert alarms_of(ledger, after(minutes=6)) == []


def test_a_subscriber_that_is_behind_is_an_alarm_since_the_first_decision_waits(ledger: Ledger) -> None:
    ledger.move_cursor("subscriber 7f", "0", after(days=-1))
    assert alarms_of(ledger, NOON, **{"subscriber 7f": "https://help.example.com"}) == []
    for minute in (0, 1):
        admit(ledger, f"mail-{minute}", after(minutes=minute))
    assert alarms_of(ledger, after(minutes=1), **{"subscriber 7f": "https://help.example.com"}) == []
    [alarm] = alarms_of(ledger, after(minutes=2), **{"subscriber 7f": "https://help.example.com"})
    assert (alarm.what, alarm.since) == ("https://help.example.com is 2 decisions behind", NOON)
    assert alarms_of(ledger, after(minutes=2)) == []


def test_the_newest_drift_verdict_warns_for_a_week(ledger: Ledger) -> None:
    ledger.append([a_drift_verdict(verdict="retrain")], NOON)
    [alarm] = alarms_of(ledger, after(days=6))
    assert (alarm.what, alarm.advice, alarm.since) == ("Drift: retrain", "length shifted", NOON)
    assert alarms_of(ledger, after(days=8)) == []
    ledger.append([a_drift_verdict(verdict="quiet")], after(days=1))
    assert alarms_of(ledger, after(days=1)) == []


def test_parts_are_told_worst_and_oldest_first_and_not_before_it_lasts() -> None:
    parts = [
        Health("Prefect", State.SLOW, after(minutes=-9), "its answer took 3.0 s"),
        Health(REVIEWS, State.REFUSED, after(minutes=-2)),
        Health(LEDGER, State.DOWN, after(minutes=-5), "no answer for 5 s"),
        Health("MLflow", State.DOWN, NOON),
        Health("Evidently", State.UNSEEN, after(days=-1)),
        Health("Receiver", State.UNUSED, after(days=-1)),
    ]
    told = [(alarm.severity.value, alarm.what) for alarm in find_alarms(parts, None, LIMITS, after(seconds=5))]
    assert told == [
        ("alarm", "Ledger does not answer"),
        ("alarm", "Label Studio refuses the key"),
        ("warning", "Prefect is slow"),
    ]


# One mail.


def traced(ledger: Ledger, email_id: str = "mail-1") -> Trace:
    found = trace(ledger, email_id)
    assert found is not None
    return found


def test_the_way_of_a_mail_is_told_from_its_decision_to_its_lesson(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("sales", "Sales")], NOON)
    shadow = ShadowDecision("mail-1", "tfidf-svm", "sales", 0.8)
    ledger.admit([an_admission(disagreements=(shadow,), disputed=True, draw=0.0)], NOW)
    ledger.published({"mail-1": "7"}, after(minutes=1))
    ledger.append([a_correction(), a_correction(department="sales", answered_at=after(hours=2))], after(hours=2))
    ledger.archive_tasks(["7"], after(days=9))
    found = traced(ledger)
    assert (found.shadows, [recorded.position for recorded in found.corrections]) == ((shadow,), [3, 4])
    assert found.offered is not None
    assert (found.offered.published_at, found.offered.archived_at) == (after(minutes=1), after(days=9))
    assert found.lesson is not None
    assert (found.lesson.position, found.taught_by(found.lesson)) == (4, "sales")
    settled = found.settled(ANSWER_WINDOW)
    assert settled is not None
    assert settled.department == "sales"
    assert trace(ledger, "mail-2") is None


def test_a_skip_teaches_nobody_and_settles_nothing(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("billing", "Billing")], NOON)
    ledger.admit([an_admission(draw=0.0)], NOW)
    ledger.append([a_correction(department=None)], NOON)
    assert (traced(ledger).lesson, traced(ledger).settled(ANSWER_WINDOW)) == (None, None)


def test_a_lesson_for_a_merged_department_teaches_its_heir(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("sales", "Sales")], NOON)
    ledger.admit([an_admission()], NOW)
    ledger.append([a_correction(), DepartmentMerged("billing", "sales")], NOON)
    found = traced(ledger)
    assert found.lesson is not None
    assert found.taught_by(found.lesson) == "sales"


def test_a_mail_whose_text_is_gone_keeps_its_history(ledger: Ledger) -> None:
    ledger.admit([an_admission()], NOW)
    with ledger.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(sa.text("DELETE FROM payloads"))
    found = traced(ledger)
    assert (found.email, found.decision.department) == (None, "billing")


def test_the_champion_of_today_tells_what_it_believes_and_why(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    office = an_office(sqlite_ledger, tmp_path, share=1.0)
    office.answer(office.triage(10))
    decision = office.triage(1, first=50)[0]
    email = sqlite_ledger.emails([decision.email_id])[decision.email_id]
    belief = believe(office.desk, email, decision.department, NOON)
    assert belief.probabilities[0][0] == department_of(decision.email_id)
    assert sum(probability for _, probability in belief.probabilities) == pytest.approx(1)
    assert set(belief.words) & set(email.body.split())
    assert belief.through == belief.as_of == sqlite_ledger.position()


# Lists.


def test_decisions_are_listed_newest_first_within_their_bounds(ledger: Ledger) -> None:
    for number in range(1, 9):
        action = Action.AUTO if number % 2 else Action.ASK
        ledger.admit([an_admission(f"mail-{number}", action=action, department="billing" if number < 5 else None)], NOW)
    everything = Listing(before=9, reach=1, limit=3)
    assert numbers(ledger, everything) == [8, 7, 6]
    assert numbers(ledger, replace(everything, action=Action.AUTO)) == [7, 5, 3]
    assert numbers(ledger, replace(everything, department="billing")) == [4, 3, 2]
    assert numbers(ledger, replace(everything, department="billing", reach=4)) == [4]
    assert numbers(ledger, replace(everything, before=3)) == [2, 1]
    assert numbers(ledger, replace(everything, drawn=True)) == []


def numbers(ledger: Ledger, listing: Listing) -> list[int]:
    return [row.number for row in ledger.listed(listing)]


def test_a_mail_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    ledger.admit([an_admission(id) for id in ("aa11", "aa12", "ab11")], NOW)
    assert [row.decision.email_id for row in ledger.named("aa", 9)] == ["aa11", "aa12"]
    assert [row.decision.email_id for row in ledger.named("ab11", 9)] == ["ab11"]
    assert ledger.named("zz", 9) == []


# However long the ledger is.


def plan_of(ledger: Ledger, wanted: sa.Select[tuple[object, ...]]) -> str:
    """How SQLite goes about a statement."""
    sent: list[tuple[str, object]] = []

    def remember(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    with ledger.engine.connect() as connection:
        sa.event.listen(ledger.engine, "before_cursor_execute", remember)
        connection.execute(wanted).all()
        sa.event.remove(ledger.engine, "before_cursor_execute", remember)
        statement, parameters = sent[-1]
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_counts_and_lists_look_at_their_part_of_the_ledger_only(sqlite_ledger: Ledger) -> None:
    first, news = (plan_of(sqlite_ledger, counted_by_hour("sqlite", number, NOON)) for number in (0, 7))
    assert "ix_decisions_decided_at (decided_at>?)" in first
    assert "ix_decisions_number (number>?)" in news
    listing = Listing(before=99, reach=1, limit=9, department="billing", drawn=True)
    listed = plan_of(sqlite_ledger, list_of(listing).order_by(decisions.c.number.desc()))
    assert "ix_decisions_number (number>? AND number<?)" in listed
    assert "TEMP B-TREE" not in listed


def test_nothing_is_estimated_anew_while_nothing_happens(sqlite_ledger: Ledger) -> None:
    admit(sqlite_ledger, "mail-1", NOON)
    lookout = Lookout(sqlite_ledger, PromotionRule())
    first = lookout.look(NOON).estimates
    assert lookout.look(after(seconds=10)).estimates is first
    admit(sqlite_ledger, "mail-2", NOON)
    assert lookout.look(after(seconds=20)).estimates.decided.mails == 2
