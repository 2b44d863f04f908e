"""Deciding mail: what is stored with a decision, and that the live learners follow the ledger."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import NOON, a_correction, after
from tests.office import Office, an_office, department_of, mail_about
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.decisions import Action, Conclusion, conclude
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged
from triage_cl.domain.errors import NoChampion
from triage_cl.domain.review import Budget, ReviewPolicy, doubt_of
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import fold
from triage_cl.usecases.retrain import retrain, standing_at
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk
from triage_cl.usecases.verify import verify_propensities, verify_replay


@pytest.fixture
def office(ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(ledger, tmp_path)


def test_without_a_champion_nothing_is_decided(ledger: Ledger) -> None:
    with pytest.raises(NoChampion):
        Desk(ledger, Keys.from_seed(1), Snapshots()).triage([mail_about("legal", 1)], lambda email: NOON)


def test_on_an_empty_ledger_every_decision_is_ask(office: Office) -> None:
    decisions = office.triage(20)
    assert {decision.action for decision in decisions} == {Action.ASK}
    assert {decision.department for decision in decisions} == {None}


def test_after_corrections_the_next_mails_are_decided_right(office: Office) -> None:
    office.answer(office.triage(40))
    later = office.triage(10, first=100, at=after(days=1))
    right = sum(decision.department == department_of(decision.email_id) for decision in later)
    assert right >= 0.9 * len(later)


def test_mail_that_is_there_already_is_not_decided_again(office: Office) -> None:
    first = office.triage(5)
    assert len(first) == 15
    assert office.triage(5) == []


def test_the_same_mail_twice_in_one_group_is_decided_once(office: Office) -> None:
    twice = [mail_about("legal", 1), mail_about("legal", 1)]
    assert len(office.desk.triage(twice, lambda email: NOON)) == 1


def test_a_decision_carries_the_keyed_draw_and_a_probability_that_can_be_verified(office: Office) -> None:
    office.answer(office.triage(30))
    office.triage(30, first=50)
    checked = verify_propensities(office.ledger, office.keys)
    assert checked.holds
    assert checked.checked == 180


def test_another_key_than_the_one_that_drew_is_found(office: Office) -> None:
    office.triage(5)
    checked = verify_propensities(office.ledger, Keys.from_seed(99))
    assert len(checked.found) == 15
    assert "not the keyed one" in checked.found[0].what


def test_an_answer_recorded_before_the_decision_is_found(office: Office) -> None:
    office.ledger.append([a_correction("legal-1", "legal")], NOON)
    office.desk.triage([mail_about("legal", 1)], lambda email: NOON)
    found = verify_propensities(office.ledger, office.keys).found
    assert [finding.what for finding in found] == ["legal-1: answered before it was decided"]


def test_a_change_of_departments_in_between_makes_the_group_decided_again(office: Office) -> None:
    office.answer(office.triage(30))
    office.desk.refresh()
    office.ledger.append([DepartmentAdded("care", "Care"), DepartmentMerged("billing", "care")], NOON)
    decisions = office.triage(5, first=200)
    assert "billing" not in {decision.department for decision in decisions}
    assert "care" in {decision.department for decision in decisions}


def test_a_challenger_decides_in_shadow_and_agreements_are_counted(office: Office) -> None:
    office.answer(office.triage(80))
    version, _ = retrain(office.ledger, office.registry, "tfidf-svm", office.key, ["a test"], NOON)
    decisions = office.triage(20, first=300, at=after(days=1))
    disputed = sum(decision.disputed for decision in decisions)
    agreed = sum(office.ledger.agreements("hashed-ensemble", version.entrant).values())
    assert agreed + disputed == len(decisions)
    assert len(office.ledger.disputes("hashed-ensemble", version.entrant)) == disputed
    assert all(decision.blind for decision in decisions if decision.disputed)


def test_a_challenger_that_was_taught_too_little_does_not_enter(office: Office) -> None:
    office.answer(office.triage(3))
    version, learner = retrain(office.ledger, office.registry, "tfidf-svm", office.key, ["too early"], NOON)
    assert learner.lessons < 100
    assert version.version in standing_at(office.ledger).versions
    assert standing_at(office.ledger).challenger is None


def test_every_version_and_live_learner_equals_its_replay(office: Office) -> None:
    office.answer(office.triage(80))
    retrain(office.ledger, office.registry, "tfidf-svm", office.key, ["a test"], NOON)
    office.answer(office.triage(10, first=500))
    office.desk.refresh()
    for learner in office.desk.learners.values():
        office.desk.snapshots.save(learner)
    checked = verify_replay(office.ledger, office.registry, office.desk.snapshots, office.key)
    assert checked.holds
    assert checked.checked == 4


def test_a_restarted_desk_goes_on_from_its_snapshot(office: Office, tmp_path: Path) -> None:
    office.answer(office.triage(30))
    office.desk.refresh()
    for learner in office.desk.learners.values():
        office.desk.snapshots.save(learner)
    office.answer(office.triage(10, first=100))
    restarted = Desk(office.ledger, office.keys, Snapshots(tmp_path / "snapshots"))
    restarted.refresh()
    head = office.ledger.position()
    replayed = fold(office.ledger, "hashed-ensemble", office.key, 0, head, head)
    assert restarted.learners["hashed-ensemble"].fingerprint() == replayed.fingerprint()


def test_a_damaged_snapshot_is_folded_again(office: Office, tmp_path: Path) -> None:
    office.answer(office.triage(10))
    office.desk.refresh()
    office.desk.snapshots.save(office.desk.learners["hashed-ensemble"])
    for path in (tmp_path / "snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    restarted = Desk(office.ledger, office.keys, Snapshots(tmp_path / "snapshots"))
    restarted.refresh()
    assert restarted.learners["hashed-ensemble"].fingerprint() == office.desk.learners["hashed-ensemble"].fingerprint()


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=6))
def test_conclusions_do_not_depend_on_the_order_of_departments(believed: dict[str, float]) -> None:
    backwards = dict(reversed(believed.items()))
    assert conclude(believed) == conclude(backwards)


@settings(deadline=None, max_examples=15)
@given(share=st.sampled_from([0.02, 0.05, 0.1, 0.3, 1.0]), seed=st.integers(0, 1000))
def test_the_budget_is_kept_within_a_twentieth(share: float, seed: int) -> None:
    keys = Keys.from_seed(seed)
    budget = Budget(ReviewPolicy(share=share))
    mails = int(400 / share)
    for number in range(mails):
        confidence = keys.uniform("confidence", str(number))
        doubt = doubt_of(Conclusion("a", confidence, confidence**2), Action.SUGGEST)
        probability = budget.probability(doubt, number % 7 == 0, NOON)
        assert 0 < probability <= 1
        budget.record(doubt, number % 7 == 0, keys.uniform("review", str(number)) < probability, NOON)
    assert budget.drawn <= 1.05 * share * mails
