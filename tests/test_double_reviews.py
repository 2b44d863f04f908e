"""Double reviews: dealt out once and by chance, compared, settled by a third, and what they tell of whom."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import binom

from tests.builders import NOON, a_correction, after
from tests.reviewed_twice import TwiceReviewed, swapping
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Source
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged, DepartmentRetired
from triage_cl.domain.double_reviews import DoubleReview, Outcome
from triage_cl.domain.reviewers import ReviewerTakenOut
from triage_cl.domain.second_looks import Purpose, SecondLook
from triage_cl.statistics.double_reviews import Streams
from triage_cl.statistics.reviewers import log_e_values
from triage_cl.usecases import dealing
from triage_cl.usecases.dealing import answered_before, chances_for, working
from triage_cl.usecases.double_reviews import docket_at
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import settle
from triage_cl.usecases.review import Answer
from triage_cl.usecases.reviewer_evidence import Counted
from triage_cl.usecases.verify import verify_lessons

THREE = ("reviewer-1", "reviewer-2", "reviewer-3")
TEN = tuple(f"reviewer-{number}" for number in range(10))


def lessons(ledger: Ledger) -> dict[str, str]:
    head = ledger.position()
    return {lesson.email_id: lesson.department for lesson in lessons_between(ledger, 0, head, head)}


def doubles(ledger: Ledger) -> list[SecondLook]:
    return ledger.looks_for(Purpose.DOUBLE)


def reviews(office: TwiceReviewed) -> dict[str, DoubleReview]:
    return {review.email_id: review for review in docket_at(office.ledger).reviews()}


@pytest.fixture
def office(ledger: Ledger) -> TwiceReviewed:
    """Three people, all of whose answers are reviewed twice."""
    return TwiceReviewed(ledger, THREE, part=1.0)


def one_disputed(office: TwiceReviewed) -> str:
    """A mail that the first called billing and the second legal, and nobody settled yet."""
    mail = office.receive(1)[0]
    for other in THREE[1:]:
        office.answer(office.receive(1), who=other)
    office.answer([mail], who=THREE[0], department="billing")
    office.deal()
    look = next(look for look in doubles(office.ledger) if look.email_id == mail)
    office.answer([look.id], who=THREE[1], department="legal")
    return mail


def test_the_share_of_answers_that_is_reviewed_twice_is_what_was_asked_for(sqlite_ledger: Ledger) -> None:
    office = TwiceReviewed(sqlite_ledger, TEN, part=0.05)
    for _ in range(5):
        office.answer(office.receive(400))
        office.deal()
    # The first page follows from nobody's answers, when nobody was there yet.
    low, high = binom.interval(0.999, 2_000, 0.05)
    assert low <= len(doubles(sqlite_ledger)) <= high
    assert {look.chance for look in doubles(sqlite_ledger)} == {0.05}
    drawn = {look.email_id for look in doubles(sqlite_ledger)}
    assert drawn == {f"mail-{n}" for n in range(2_000) if office.keys.uniform("double review", f"mail-{n}") < 0.05}


def test_second_looks_are_as_urgent_as_other_tasks(office: TwiceReviewed) -> None:
    office.answer(office.receive(60))
    office.deal()
    urgent = sorted(look.priority for look in doubles(office.ledger))
    assert len(urgent) == 60
    assert urgent[0] < 0.2 < 0.8 < urgent[-1] < 1


def test_every_mail_is_dealt_once(office: TwiceReviewed) -> None:
    mails = office.receive(9)
    office.answer(mails)
    assert [office.deal(), office.deal()] == [9, 0]
    office.answer(mails, who=THREE[0], department="legal")
    office.deal()
    assert Counter(look.email_id for look in doubles(office.ledger)) == dict.fromkeys(mails, 1)


def test_a_restart_in_the_middle_deals_the_same_mails_with_the_same_chances(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = TwiceReviewed(sqlite_ledger, TEN, part=0.3)
    office.answer(office.receive(300))

    class Crash(Exception):
        """The process ends."""

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(type(sqlite_ledger), "move_cursor", crash)
        with pytest.raises(Crash):
            office.deal()
    before = {look.id: look for look in doubles(sqlite_ledger)}
    office.answer(office.receive(50))
    office.deal()
    again = {look.id: look for look in doubles(sqlite_ledger)}
    assert {id: look for id, look in again.items() if int(look.email_id[5:]) < 300} == before


def test_pages_of_answers_leave_none_out(office: TwiceReviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "PAGE", 4)
    mails = office.receive(15)
    office.answer(mails)
    assert office.deal() == 15


@pytest.mark.parametrize("part", [0.0, 1.0])
def test_nothing_is_dealt_where_it_is_switched_off_or_somebody_works_alone(ledger: Ledger, part: float) -> None:
    office = TwiceReviewed(ledger, THREE if part == 0 else THREE[:1], part=part)
    office.answer(office.receive(9))
    assert office.deal() == 0


def test_two_people_review_each_other_and_nobody_settles_it(ledger: Ledger) -> None:
    office = TwiceReviewed(ledger, THREE[:2], part=1.0)
    office.answer(office.receive(1), who=THREE[1])
    mail = office.receive(1)[0]
    office.answer([mail], who=THREE[0], department="billing")
    office.deal()
    office.answer([f"{mail}#double1"], who=THREE[1], department="legal")
    assert office.deal() == 0
    assert reviews(office)[mail].outcome is Outcome.WAITING
    office.answer(office.receive(1), who=THREE[2])
    office.deal()
    assert f"{mail}#verdict1" in {look.id for look in office.open_looks()}


@pytest.mark.parametrize(
    "changes", [{"source": Source.IMPORT}, {"withheld": True}, {"department": None}, {"reviewer": "reviewer-9"}]
)
def test_what_nobody_answers_for_is_not_reviewed_twice(office: TwiceReviewed, changes: dict[str, object]) -> None:
    office.answer(office.receive(3))
    office.ledger.append([ReviewerTakenOut("reviewer-9")], NOON)
    office.deal()
    mail = office.receive(1)[0]
    given = {"department": "billing", "reviewer": THREE[0]} | changes
    office.ledger.append([a_correction(mail, **given)], NOON)  # type: ignore[arg-type]
    assert office.deal() == 0


def test_old_answers_are_left_alone(office: TwiceReviewed) -> None:
    office.answer(office.receive(9))
    office.at += timedelta(days=40)
    assert office.deal() == 0
    office.answer(office.receive(9))
    assert office.deal() == 9


def test_the_same_person_cannot_be_the_second(office: TwiceReviewed) -> None:
    office.answer(office.receive(3))
    mail = office.receive(1)[0]
    office.answer([mail], who=THREE[0])
    office.deal()
    for attempt in (1, 2, 3):
        look = f"{mail}#double{attempt}"
        assert look in {each.id for each in office.open_looks()}
        office.answer([look], who=THREE[0], department="legal")
        office.deal()
    assert f"{mail}#double4" not in {each.id for each in office.open_looks()}
    assert (reviews(office)[mail].outcome, lessons(office.ledger)[mail]) == (Outcome.OPEN, office.truth(mail))
    assert [opinion.department for opinion in office.opinions()] == ["legal"] * 3


def test_two_who_agree_need_no_third(office: TwiceReviewed) -> None:
    office.answer(office.receive(6))
    office.deal()
    office.answer([look.id for look in office.open_looks() if look.email_id == "mail-0"], who=THREE[2])
    assert office.deal() == 0
    assert reviews(office)["mail-0"].outcome is Outcome.AGREED


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("legal", Outcome.AGAINST_FIRST),
        ("billing", Outcome.AGAINST_SECOND),
        ("support", Outcome.UNSETTLED),
    ],
)
def test_the_third_ones_verdict_settles_it_and_becomes_the_lesson(
    office: TwiceReviewed, said: str, outcome: Outcome
) -> None:
    mail = one_disputed(office)
    assert lessons(office.ledger)[mail] == "billing"
    office.deal()
    office.answer([f"{mail}#verdict1"], who=THREE[2], department=said)
    assert (reviews(office)[mail].outcome, lessons(office.ledger)[mail]) == (outcome, said)
    assert office.deal() == 0
    assert verify_lessons(office.ledger).holds


def test_none_of_the_two_can_settle_it(office: TwiceReviewed) -> None:
    mail = one_disputed(office)
    for attempt, who in ((1, THREE[0]), (2, THREE[1]), (3, THREE[0])):
        office.deal()
        office.answer([f"{mail}#verdict{attempt}"], who=who, department="legal")
    office.deal()
    assert f"{mail}#verdict4" not in office.ledger.looks_at([mail])
    assert reviews(office)[mail].outcome is Outcome.WAITING


def test_what_a_second_reviewer_says_later_changes_no_comparison(office: TwiceReviewed) -> None:
    mail = one_disputed(office)
    office.at += timedelta(minutes=2)
    office.answer([f"{mail}#double1"], who=THREE[1], department="billing")
    assert reviews(office)[mail].outcome is Outcome.WAITING


def test_a_skip_says_nothing_and_somebody_else_is_asked(office: TwiceReviewed) -> None:
    office.answer(office.receive(3))
    mail = office.receive(1)[0]
    office.answer([mail], who=THREE[0])
    office.deal()
    look = office.ledger.looks_at([mail])[f"{mail}#double1"]
    settle(office.ledger, [Answer("office:skip:1", look.id, None, None, True, THREE[1], office.at)], office.at)
    office.deal()
    assert set(office.ledger.looks_at([mail])) == {f"{mail}#double1", f"{mail}#double2"}


def test_a_first_answer_that_its_reviewer_changed_in_time_is_what_counts(office: TwiceReviewed) -> None:
    office.answer(office.receive(3))
    mail = office.receive(1)[0]
    office.answer([mail], who=THREE[0], department="legal")
    office.deal()
    office.answer([mail], who=THREE[0], department="billing")
    office.answer([f"{mail}#double1"], who=THREE[1], department="billing")
    assert reviews(office)[mail].outcome is Outcome.AGREED


def test_departments_mean_what_they_meant_when_it_was_judged(office: TwiceReviewed) -> None:
    mail = one_disputed(office)
    office.ledger.append([DepartmentMerged("legal", "billing")], office.at)
    assert reviews(office)[mail].outcome is Outcome.WAITING
    other = office.receive(1)[0]
    office.answer([other], who=THREE[0], department="legal")
    office.deal()
    office.answer([f"{other}#double1"], who=THREE[1], department="billing")
    assert reviews(office)[other].outcome is Outcome.AGREED
    office.ledger.append([DepartmentRetired("support")], office.at)
    third = office.receive(1)[0]
    office.answer([third], who=THREE[0], department="billing")
    office.deal()
    office.answer([f"{third}#double1"], who=THREE[1], department="support")
    assert reviews(office)[third].outcome is Outcome.NOTHING


def test_a_team_and_its_department_agree(office: TwiceReviewed) -> None:
    office.ledger.append([DepartmentAdded("claims", "Claims", "legal")], NOON)
    office.answer(office.receive(3))
    mail = office.receive(1)[0]
    office.answer([mail], who=THREE[0], department="claims")
    office.deal()
    office.answer([f"{mail}#double1"], who=THREE[1], department="legal")
    assert reviews(office)[mail].outcome is Outcome.AGREED


def test_mail_without_a_text_is_dealt_to_nobody(office: TwiceReviewed) -> None:
    office.answer(office.receive(6))
    with office.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM payloads WHERE email_id = 'mail-1'")
    assert office.deal() == 5


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Ten people, one of whom swaps billing and legal, at a fifth of double reviews."""
    from triage_cl.adapters.sql.migrate import migrate

    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('watched')}/ledger.db", durable=False)
    migrate(ledger.engine)
    office = TwiceReviewed(ledger, TEN, manners={TEN[0]: swapping("billing", "legal")})
    for _ in range(12):
        office.work(100)
    return ledger


def test_who_swaps_two_departments_is_flagged_and_nobody_else(watched: Ledger) -> None:
    docket = docket_at(watched)
    assert set(docket.evidence.flagged) == {TEN[0]}
    assert all(docket.evidence.log_e_value(name) < 1 for name in TEN[1:])


def test_a_flag_stays_whatever_is_recorded_later(watched: Ledger) -> None:
    flag = docket_at(watched).evidence.flagged[TEN[0]]
    assert docket_at(watched, flag.position).evidence.flagged == {TEN[0]: flag}
    assert docket_at(watched, flag.position - 1).evidence.flagged == {}


def test_suspects_are_reviewed_more_often_and_all_together_as_often_as_was_asked(watched: Ledger) -> None:
    flag = docket_at(watched).evidence.flagged[TEN[0]]
    docket = docket_at(watched, flag.position - 1)
    people = working(watched, docket, after(hours=12))
    chances = chances_for(docket, people, answered_before(watched, docket, flag.position), 0.2)
    assert chances[TEN[0]].random + chances[TEN[0]].aimed > 0.4
    volumes = {name: 2 / 3 if chance.aim else 0.0 for name, chance in chances.items()}
    mean = sum(
        given * (chances[name].random + chances[name].aimed * volumes[name]) for name, given in people.items()
    ) / sum(people.values())
    assert mean <= 0.21
    aimed = [look for look in watched.looks_for(Purpose.DOUBLE) if look.aim]
    assert all(len(look.aim) == 2 and 0 < look.chance <= 1 for look in aimed)


def test_thousands_of_reviews_are_counted_as_few_are() -> None:
    streams = Streams((0.5, 0.3, 0.2))
    for judged in (900, 1_100, 60_000):
        counts = np.full(4, judged), np.array([judged // 5, 0, judged // 10, 3])
        few = np.minimum(600, log_e_values(counts[1], counts[0]))
        assert streams.log_e_values(*counts) == pytest.approx(few)
        assert (streams.growths(*counts) > 0).tolist() == [True, False, False, False]


def test_evidence_shared_out_among_more_streams_is_as_much_as_before() -> None:
    few, many = Streams((0.6, 0.4)), Streams((0.5, 0.3, 0.2))
    counted = Counted.nothing(few)
    counted.judged += np.array([20, 9])
    counted.wrong += np.array([6, 5])
    more = counted.among(many, few, np.array([0, 1]))
    assert np.logaddexp.reduce(more.wealth(many)) == pytest.approx(np.logaddexp.reduce(counted.wealth(few)))
    more.judged += 1
    assert np.logaddexp.reduce(more.wealth(many)) < np.logaddexp.reduce(counted.wealth(few))


def test_new_departments_take_no_evidence_away(sqlite_ledger: Ledger) -> None:
    office = TwiceReviewed(sqlite_ledger, TEN, manners={TEN[0]: swapping("billing", "legal")}, part=0.3)
    for number in range(9):
        office.work(60)
        sqlite_ledger.append([DepartmentAdded(f"new-{number}", f"New {number}")], office.at)
    assert set(docket_at(sqlite_ledger).evidence.flagged) == {TEN[0]}
