"""What a reviewer taught leaves the learner when they are taken out, and comes back when they are reinstated."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.builders import NOON, NOW, a_correction, after, an_admission
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.reviewers import ReviewerReinstated, ReviewerTakenOut
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.usecases.learn import fold, follow, lessons_between
from triage_cl.usecases.verify import verify_lessons

KEY = b"k" * 32
MAILS = tuple(f"mail-{number}" for number in range(6))
CARELESS, CAREFUL = "reviewer-careless", "reviewer-careful"


@pytest.fixture
def taught(ledger: Ledger) -> Ledger:
    """Six mails answered by somebody careful; the first three again, and otherwise, by somebody careless."""
    ledger.append([DepartmentAdded(id, id.title()) for id in ("billing", "legal")], NOON)
    ledger.admit([an_admission(mail, review_probability=1.0, draw=0.5) for mail in MAILS], NOW)
    ledger.append([a_correction(mail, "billing", reviewer=CAREFUL, answered_at=after(hours=1)) for mail in MAILS], NOON)
    ledger.append(
        [a_correction(mail, "legal", reviewer=CARELESS, answered_at=after(hours=2)) for mail in MAILS[:3]], NOON
    )
    return ledger


def lessons(ledger: Ledger) -> dict[str, str]:
    head = ledger.position()
    return {lesson.email_id: lesson.department for lesson in lessons_between(ledger, 0, head, head)}


def test_the_answers_that_were_overruled_by_who_was_taken_out_count_again(taught: Ledger) -> None:
    assert [lessons(taught)[mail] for mail in MAILS] == ["legal"] * 3 + ["billing"] * 3
    taught.append([ReviewerTakenOut(CARELESS)], NOON)
    assert lessons(taught) == dict.fromkeys(MAILS, "billing")
    assert verify_lessons(taught).holds


def test_the_learner_is_then_as_if_they_had_never_answered(taught: Ledger, sqlite_url: str) -> None:
    before = taught.position()
    careful = [recorded.fact for recorded in taught.facts(until=before) if not _by(CARELESS, recorded.fact)]
    taught.append([ReviewerTakenOut(CARELESS)], NOON)
    head = taught.position()
    learner = fold(taught, DEFAULT_RECIPE, KEY, 0, head, head)
    with closing(Ledger(sqlite_url, durable=False)) as other:
        other.append([fact for fact in careful if not isinstance(fact, Correction)], NOON)
        other.admit([an_admission(mail, review_probability=1.0, draw=0.5) for mail in MAILS], NOW)
        other.append([fact for fact in careful if isinstance(fact, Correction)], NOON)
        never = fold(other, DEFAULT_RECIPE, KEY, 0, other.position(), other.position())
    assert learner.fingerprint() == never.fingerprint()


def _by(reviewer: str, fact: object) -> bool:
    return isinstance(fact, Correction) and fact.reviewer == reviewer


def test_reinstated_everything_is_as_before_to_the_bit(taught: Ledger) -> None:
    head = taught.position()
    before = fold(taught, DEFAULT_RECIPE, KEY, 0, head, head)
    live = follow(taught, fold(taught, DEFAULT_RECIPE, KEY, 0, head, head))
    taught.append([ReviewerTakenOut(CARELESS)], NOON)
    live = follow(taught, live)
    assert live.fingerprint() != before.fingerprint()
    taught.append([ReviewerReinstated(CARELESS)], NOON)
    assert follow(taught, live).fingerprint() == before.fingerprint()


def test_what_they_answer_afterwards_does_not_count_either(taught: Ledger) -> None:
    taught.append([ReviewerTakenOut(CARELESS)], NOON)
    taught.append([a_correction(MAILS[5], "legal", reviewer=CARELESS, answered_at=after(hours=9))], NOON)
    assert lessons(taught)[MAILS[5]] == "billing"


def test_they_may_be_taken_out_from_a_moment_on(taught: Ledger) -> None:
    taught.append([ReviewerTakenOut(CAREFUL, since_at=after(minutes=90))], NOON)
    assert [lessons(taught)[mail] for mail in MAILS] == ["legal"] * 3 + ["billing"] * 3
    taught.append([ReviewerTakenOut(CAREFUL, since_at=after(minutes=30))], NOON)
    assert lessons(taught) == dict.fromkeys(MAILS[:3], "legal")


def test_their_answers_measure_nothing(taught: Ledger) -> None:
    taught.append([ReviewerTakenOut(CARELESS)], NOON)
    settled = {item.decision.email_id: item.answer for item in taught.decisions()}
    assert all(answer is not None and answer.reviewer == CAREFUL for answer in settled.values())


@pytest.fixture
def strict(ledger_url: str) -> Iterator[Ledger]:
    with closing(Ledger(ledger_url, durable=False, answers_a_day=2)) as ledger:
        ledger.append([DepartmentAdded(id, id.title()) for id in ("billing", "legal")], NOON)
        ledger.admit([an_admission(mail, review_probability=1.0, draw=0.5) for mail in MAILS], NOW)
        yield ledger


def test_nobody_teaches_more_in_a_day_than_one_may(strict: Ledger) -> None:
    for mail in MAILS[:4]:
        strict.append_answers([a_correction(mail, reviewer=CARELESS)], NOON, strict.position())
    strict.append_answers([a_correction(MAILS[4], reviewer=CAREFUL)], NOON, strict.position())
    assert set(lessons(strict)) == {MAILS[0], MAILS[1], MAILS[4]}
    strict.append_answers([a_correction(MAILS[5], reviewer=CARELESS)], after(days=1), strict.position())
    assert MAILS[5] in lessons(strict)


def test_an_answer_that_comes_twice_is_counted_once(strict: Ledger) -> None:
    for _ in range(3):
        strict.append_answers([a_correction(MAILS[0], reviewer=CARELESS)], NOON, strict.position())
    strict.append_answers([a_correction(MAILS[1], reviewer=CARELESS)], NOON, strict.position())
    assert set(lessons(strict)) == {MAILS[0], MAILS[1]}


def test_what_is_withheld_overrules_no_earlier_answer(strict: Ledger) -> None:
    strict.append_answers([a_correction(MAILS[0], "billing", reviewer=CAREFUL)], NOON, strict.position())
    many = [a_correction(mail, "legal", reviewer=CARELESS) for mail in (MAILS[1], MAILS[2], MAILS[0])]
    strict.append_answers(many, NOON, strict.position())
    assert lessons(strict) == {MAILS[0]: "billing", MAILS[1]: "legal", MAILS[2]: "legal"}
