"""The ledger keeps what it is given, once and in order, on SQLite and on PostgreSQL alike."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import (
    NOON,
    NOW,
    a_correction,
    a_judgement,
    after,
    an_admission,
    an_alias_move,
    one_of_each_kind,
)
from triage_cl.adapters.sql.fact_rows import PAGE
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.decisions import ShadowDecision
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Unreadable
from triage_cl.domain.errors import LedgerUnavailable
from triage_cl.domain.review import ReviewPolicy

answers = st.lists(
    st.builds(
        a_correction,
        email_id=st.sampled_from(["mail-1", "mail-2", "mail-3"]),
        department=st.sampled_from(["billing", "0", "", None]),
        answered_at=st.sampled_from([NOON, after(hours=1), after(days=1)]),
    ),
    max_size=8,
)


def test_every_kind_of_fact_comes_back_in_its_place(ledger: Ledger) -> None:
    kinds = one_of_each_kind()
    recorded = ledger.append(kinds, NOON)
    assert [fact.position for fact in recorded] == list(range(1, len(kinds) + 1))
    assert [fact.fact for fact in recorded] == kinds
    assert list(ledger.facts()) == recorded
    assert ledger.position() == len(kinds)
    assert ledger.broken_link() is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=answers)
def test_recording_twice_is_recording_once(ledger: Ledger, new: list[Correction]) -> None:
    before = {fact.fact for fact in ledger.facts()}
    recorded = ledger.append(new, NOON)
    assert {fact.fact for fact in recorded} == set(new) - before
    assert len(recorded) == len(set(new) - before)
    assert ledger.append(new, after(days=1)) == []
    assert {fact.fact for fact in ledger.facts()} == before | set(new)
    assert ledger.broken_link() is None


def test_a_fact_without_an_identity_is_recorded_each_time(ledger: Ledger) -> None:
    ledger.append([a_judgement(), a_judgement()], NOON)
    assert ledger.position() == 2


def test_facts_are_found_by_kind_and_between_positions(ledger: Ledger) -> None:
    ledger.append([a_correction(f"mail-{number}") for number in range(5)], NOON)
    ledger.append([ReviewPolicy(share=0.5)], NOON)
    assert [fact.position for fact in ledger.facts(after=2, until=4)] == [3, 4]
    assert [fact.position for fact in ledger.facts(kinds=[ReviewPolicy.kind])] == [6]
    assert list(ledger.facts(kinds=[])) == []
    assert list(ledger.facts(after=6)) == []


def test_more_facts_than_a_page_are_read_to_the_last(ledger: Ledger) -> None:
    count = 2 * PAGE
    ledger.append([a_correction(f"mail-{number}") for number in range(count)], NOON)
    assert [fact.position for fact in ledger.facts()] == list(range(1, count + 1))
    assert ledger.broken_link() is None


def test_a_reader_of_facts_may_write_between_them(ledger: Ledger) -> None:
    ledger.append([a_correction("mail-1"), a_correction("mail-2")], NOON)
    for recorded in ledger.facts(until=2):
        ledger.append([a_correction(f"copy-of-{recorded.position}")], NOON)
    assert ledger.position() == 4


def test_a_number_that_json_does_not_know_is_refused_whole(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="JSON"):
        ledger.append([a_correction(), a_judgement(e_value=float("inf"))], NOON)
    assert ledger.position() == 0


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    with pytest.raises(sa.exc.StatementError, match="aware"):
        ledger.quarantine([Unreadable("a", "b")], datetime(2025, 3, 4, 12))  # noqa: DTZ001
    assert ledger.quarantined() == {}


def test_a_mail_comes_back_as_it_was_admitted(ledger: Ledger) -> None:
    email = {"subject": "Größe ≠ 0 🙂", "body": "a\r\n\tb\x1b", "thread": "t-1", "metadata": {"list": "x", "": "é"}}
    admission = an_admission(email=email, unseen=None, department=None, confidence=1 / 3, decided_at=after(seconds=0.1))
    assert ledger.admit([admission], NOW) == ["mail-1"]
    assert ledger.emails(["mail-1", "mail-2"]) == {"mail-1": admission.email}
    assert ledger.recent_decisions(2) == [admission.decision]
    [answered] = ledger.decisions()
    assert answered.decision == admission.decision
    assert (answered.answer, answered.thread, answered.position) == (None, "t-1", 0)
    assert (answered.received_at, answered.length) == (NOON, admission.email.length)


def test_the_same_mail_twice_is_one(ledger: Ledger) -> None:
    first = an_admission("mail-1", agreeing=("other",))
    again = an_admission("mail-1", email={"body": "another"}, department="sales", agreeing=("other",))
    assert ledger.admit([first], NOW) == ["mail-1"]
    assert ledger.admit([again, an_admission("mail-2")], NOW) == ["mail-2"]
    assert ledger.emails(["mail-1"])["mail-1"] == first.email
    assert [item.decision.department for item in ledger.decisions()] == ["billing", "billing"]
    assert ledger.agreements("hashed-ensemble", "other") == {NOON.date(): 1}


@pytest.mark.parametrize("governing", [DepartmentAdded("sales", "Sales"), ReviewPolicy(), an_alias_move()])
def test_a_group_decided_under_older_rules_is_refused(ledger: Ledger, governing: DepartmentAdded) -> None:
    ledger.append([a_correction("mail-0"), governing], NOON)
    assert ledger.admit([an_admission()], decided_under=1) is None
    assert ledger.known(["mail-1"]) == set()
    assert ledger.admit([an_admission()], decided_under=2) == ["mail-1"]


def test_an_answer_does_not_make_a_group_too_old(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("sales", "Sales"), a_correction("mail-0")], NOON)
    assert ledger.admit([an_admission()], decided_under=1) == ["mail-1"]
    assert [item.position for item in ledger.decisions()] == [2]


def test_a_group_is_stored_whole_or_not_at_all(ledger: Ledger) -> None:
    twice = (ShadowDecision("mail-2", "other", "sales", 0.4), ShadowDecision("mail-2", "other", "orders", 0.3))
    with pytest.raises(LedgerUnavailable, match="shadow_decisions"):
        ledger.admit([an_admission("mail-1"), an_admission("mail-2", disagreements=twice)], NOW)
    assert ledger.known(["mail-1", "mail-2"]) == set()
    assert ledger.spending() == (0, 0, None)


def test_thousands_of_mails_are_admitted_and_found_at_once(ledger: Ledger) -> None:
    ids = [f"mail-{number}" for number in range(2_500)]
    assert ledger.admit([an_admission(id) for id in ids], NOW) == ids
    assert ledger.known([*ids, "mail-x"]) == set(ids)
    assert ledger.emails(ids).keys() == set(ids)


def test_mail_is_decided_in_time_and_then_in_the_order_of_its_bytes(ledger: Ledger) -> None:
    ids = ["b", "a", "_", "B", "é", "A"]
    ledger.admit([an_admission(id) for id in ids] + [an_admission("first", decided_at=after(hours=-1))], NOW)
    assert [item.decision.email_id for item in ledger.decisions()] == ["first", "A", "B", "_", "a", "b", "é"]
    assert [decision.email_id for decision in ledger.recent_decisions(3)] == ["a", "b", "é"]


def test_decisions_are_read_from_a_time_until_before_another(ledger: Ledger) -> None:
    ledger.admit([an_admission(f"mail-{hour}", decided_at=after(hours=hour)) for hour in range(4)], NOW)
    read = [item.decision.email_id for item in ledger.decisions(since=after(hours=1), until=after(hours=3))]
    assert read == ["mail-1", "mail-2"]


def test_the_last_answer_in_time_to_a_drawn_mail_measures(ledger: Ledger) -> None:
    drawn = {"review_probability": 0.6, "draw": 0.5}
    ledger.admit([an_admission("drawn", **drawn), an_admission("undrawn"), an_admission("silent", **drawn)], NOW)
    first = a_correction("drawn", "sales")
    settled = a_correction("drawn", "billing", answered_at=after(hours=2))
    volunteered = a_correction("drawn", "orders", source=Source.VOLUNTEER)
    late = a_correction("drawn", "orders", answered_at=after(days=5, seconds=1))
    ledger.append([first, settled, volunteered, late, a_correction("undrawn", "sales")], NOON)
    answered = {item.decision.email_id: item.answer for item in ledger.decisions()}
    assert answered == {"drawn": settled, "silent": None, "undrawn": None}


def test_spending_counts_mails_draws_and_starts_with_the_first(ledger: Ledger) -> None:
    assert ledger.spending() == (0, 0, None)
    drawn = an_admission("drawn", review_probability=0.6, decided_at=after(days=-1))
    ledger.admit([an_admission("undrawn"), drawn], NOW)
    assert ledger.spending() == (2, 1, after(days=-1))


def test_two_entrants_disputes_and_agreements_are_theirs_alone(ledger: Ledger) -> None:
    drawn = {"review_probability": 0.6, "version": "a_b@7-7"}
    shadow = ShadowDecision("mail-2", "tfidf", "sales", 0.4)
    ledger.admit(
        [
            an_admission("mail-1", agreeing=("tfidf", "third"), **drawn),
            an_admission("mail-2", disagreements=(shadow,), **drawn),
            an_admission("mail-3", disagreements=(replace(shadow, email_id="mail-3"),), version="axb@7-7"),
            an_admission("mail-4", agreeing=("tfidf",), decided_at=after(days=1), **drawn),
            an_admission("mail-5", agreeing=("tfidf",), version="a_b@9-9"),
        ],
        NOW,
    )
    answer = a_correction("mail-2", "sales")
    ledger.append([answer], NOON)
    [dispute] = ledger.disputes("a_b", "tfidf")
    assert (dispute.shadow, dispute.answer, dispute.decision.email_id) == (shadow, answer, "mail-2")
    assert ledger.agreements("a_b", "tfidf") == {NOON.date(): 2, after(days=1).date(): 1}
    assert ledger.agreements("axb", "tfidf") == {}


def test_drawn_mail_is_published_once_most_urgent_first(ledger: Ledger) -> None:
    for id, draw in {"late": 0.5, "early": 0.1, "middle": 0.3, "undrawn": 0.7}.items():
        ledger.admit([an_admission(id, draw=draw, review_probability=0.6)], NOW)
    assert [decision.email_id for decision in ledger.unpublished(2)] == ["early", "middle"]
    ledger.published({"middle": "task-2", "early": "task-1"}, NOON)
    ledger.published({"middle": "task-9"}, NOON)
    assert [decision.email_id for decision in ledger.unpublished(9)] == ["late"]


def test_what_cannot_be_read_is_counted_once(ledger: Ledger) -> None:
    found = [Unreadable("inbox:1", "no body"), Unreadable("inbox:2", "no body"), Unreadable("inbox:3", "bad date")]
    assert ledger.quarantine(found, NOON) == 3
    assert ledger.quarantine(found, after(days=1)) == 0
    assert ledger.quarantine([], NOON) == 0
    assert ledger.quarantined() == {"bad date": 1, "no body": 2}


def test_which_mail_was_corrected_before_a_position(ledger: Ledger) -> None:
    ledger.append([a_correction("mail-1"), a_correction("mail-2")], NOON)
    assert ledger.corrected_before(["mail-1", "mail-2", "mail-3"], position=1) == {"mail-1"}


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 0)])
def test_what_is_acknowledged_is_on_disk_unless_it_is_a_simulation(sqlite_url: str, durable: bool, level: int) -> None:
    with closing(Ledger(sqlite_url, durable)) as ledger, ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == level
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


@pytest.mark.integration
@pytest.mark.parametrize(("durable", "level"), [(True, "on"), (False, "off")])
def test_a_server_waits_for_its_disk_unless_it_is_a_simulation(postgresql_url: str, durable: bool, level: str) -> None:
    with closing(Ledger(postgresql_url, durable)) as ledger, ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == level
