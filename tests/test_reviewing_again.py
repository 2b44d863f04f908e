"""After a split reviewers are asked again about old mail: a sample, topic by topic, as long as it is needed."""

from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, NOW, a_correction, a_routed, after, an_admission
from tests.test_cli import told, triage
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged, DepartmentSplit, DepartmentUndone
from triage_cl.domain.second_looks import Purpose
from triage_cl.learning.topics import FEWEST_TEXTS, topics_of
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.by_department import figures_by_department
from triage_cl.usecases.departments import change_departments
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.review import Answer, publish
from triage_cl.usecases.reviewing_again import ask_about, put_away_needless, sample_lessons, shares

KEYS = Keys.from_seed(3)
#: What people write to the department that is split about.
ABOUT = {
    "contract": "the contract and its clause about notice",
    "court": "a court hearing and the judge",
    "patent": "our patent and its licence",
}
MAILS = 30


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    return taught(ledger)


def taught(ledger: Ledger) -> Ledger:
    """The same ledger: legal was taught thirty mails of each of three kinds, billing three."""
    ledger.append([DepartmentAdded(name, name.title()) for name in ("billing", "legal")], NOON)
    texts = {f"{kind}-{n}": f"{text}, number {n}" for n in range(MAILS) for kind, text in ABOUT.items()}
    told = {**dict.fromkeys(texts, "legal"), **{f"bill-{n}": "billing" for n in range(3)}}
    ledger.admit(
        [an_admission(id, email={"subject": "Question", "body": texts.get(id, "an invoice")}) for id in told], NOW
    )
    ledger.append([a_correction(id, department) for id, department in told.items()], NOON)
    return ledger


def kind_of(email_id: str) -> str:
    return email_id.partition("-")[0]


def split(ledger: Ledger, most: int = 12) -> int:
    """What `triage departments split legal Contracts Disputes` does; how many are asked about."""
    sampled = sample_lessons(ledger, KEYS, "legal", most)
    parts = [DepartmentAdded("contracts", "Contracts"), DepartmentAdded("disputes", "Disputes")]
    change_departments(ledger, [*parts, DepartmentSplit("legal", ("contracts", "disputes"))], NOON)
    return ask_about(ledger, sampled, NOON)


def test_texts_are_grouped_by_what_they_are_about() -> None:
    texts = [f"{text} {number}" for number in range(10) for text in ABOUT.values()]
    found = topics_of(texts)
    assert sorted(place for topic in found for place in topic.texts) == list(range(len(texts)))
    kinds = list(ABOUT)
    assert all(len({kinds[place % 3] for place in topic.texts}) == 1 for topic in found)
    assert all(topic.words for topic in found)
    assert topics_of(texts) == found


@given(st.lists(st.text(), max_size=40))
def test_any_texts_have_topics(texts: list[str]) -> None:
    found = topics_of(texts)
    assert sorted(place for topic in found for place in topic.texts) == list(range(len(texts)))


def test_a_word_of_one_or_two_mails_is_never_told() -> None:
    texts = [f"{text} Mister Smith{number}" for number in range(10) for text in ABOUT.values()]
    rare = ["Jane Doe asks about a contract"] * (FEWEST_TEXTS - 1)
    words = {word for topic in topics_of([*texts, *rare]) for word in topic.words}
    assert not words & {"jane", "doe"}


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(0, 100))
def test_everybody_gets_a_share_in_proportion(sizes: list[int], most: int) -> None:
    shared = shares(sizes, most)
    assert sum(shared) == min(most, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shared, sizes, strict=True))
    exact = [sum(shared) * size / sum(sizes) for size in sizes]
    assert all(abs(share - part) < 1 for share, part in zip(shared, exact, strict=True))


def test_the_sample_has_its_share_of_each_topic_one_after_the_other(ledger: Ledger) -> None:
    sampled = sample_lessons(ledger, KEYS, "legal", 12)
    kinds = [kind_of(one.email_id) for one in sampled]
    assert {kind: kinds.count(kind) for kind in ABOUT} == dict.fromkeys(ABOUT, 4)
    for topic, members in groupby(sampled, key=lambda one: one.topic):
        assert len({kind_of(one.email_id) for one in members}) == 1
        assert topic
    assert [one.chance for one in sampled] == [pytest.approx(4 / MAILS)] * 12
    assert sample_lessons(ledger, KEYS, "legal", 12) == sampled
    assert sample_lessons(ledger, Keys.from_seed(4), "legal", 12) != sampled


def test_mail_that_cannot_be_shown_or_was_never_decided_is_not_asked_about(ledger: Ledger) -> None:
    ledger.take_routed([a_routed("imported", "legal")], NOON)
    assert "imported" not in {one.email_id for one in sample_lessons(ledger, KEYS, "legal", 1_000)}
    assert len(sample_lessons(ledger, KEYS, "legal", 1_000)) == len(ABOUT) * MAILS
    assert sample_lessons(ledger, KEYS, "legal", 0) == []
    assert sample_lessons(ledger, KEYS, "nobody", 12) == []


def test_what_a_merged_department_was_taught_is_asked_about_too(ledger: Ledger) -> None:
    change_departments(ledger, [DepartmentMerged("billing", "legal")], NOON)
    asked = {kind_of(one.email_id) for one in sample_lessons(ledger, KEYS, "legal", 1_000)}
    assert asked == {*ABOUT, "bill"}


def test_the_tasks_come_topic_by_topic_and_an_answer_teaches_the_part(ledger: Ledger, tmp_path: Path) -> None:
    assert split(ledger) == 12
    queue = JsonlReviews(tmp_path / "reviews")
    publish(ledger, queue, NOON)
    tasks = queue.open_tasks()
    assert all(task.blind and task.suggestion is None for task in tasks)
    assert len([kind for kind, _ in groupby(kind_of(task.email_id) for task in tasks)]) == len(ABOUT)
    assert [set(task.reasons[0].split(", ")) for task in tasks if not task.reasons] == []
    first = tasks[0]
    answer = Answer("terminal:1", first.email_id, "contracts", None, True, "reviewer-7b", after(days=9))
    queue.give([answer])
    assert reconcile(ledger, queue, after(days=9)).corrections > 0
    head = ledger.position()
    taught = {one.email_id: one.department for one in lessons_between(ledger, 0, head, head)}
    assert {department for email, department in taught.items() if kind_of(email) in ABOUT} == {"contracts"}
    figures = figures_by_department(ledger)
    assert (figures["contracts"].lessons, figures["disputes"].lessons) == (1, 0)


def test_after_the_split_is_undone_nobody_is_asked_any_more_but_answers_stay(ledger: Ledger, tmp_path: Path) -> None:
    split(ledger)
    queue = JsonlReviews(tmp_path / "reviews")
    publish(ledger, queue, NOON)
    first = queue.open_tasks()[0]
    queue.give([Answer("terminal:1", first.email_id, "contracts", None, True, "reviewer-7b", after(days=9))])
    reconcile(ledger, queue, after(days=9))
    assert put_away_needless(ledger, after(days=9)) == 0
    change_departments(ledger, [DepartmentUndone("legal")], after(days=10))
    assert put_away_needless(ledger, after(days=10)) == 11
    assert set(ledger.standing_tasks().values()) == {first.email_id}
    assert put_away_needless(ledger, after(days=10)) == 0


def test_what_no_reviewer_was_given_yet_is_never_offered_after_the_undoing(ledger: Ledger, tmp_path: Path) -> None:
    split(ledger)
    change_departments(ledger, [DepartmentUndone("legal")], NOON)
    assert put_away_needless(ledger, NOON) == 12
    queue = JsonlReviews(tmp_path / "reviews")
    publish(ledger, queue, NOON)
    assert queue.tasks() == []


def test_a_second_split_asks_anew(ledger: Ledger) -> None:
    assert split(ledger) == 12
    change_departments(ledger, [DepartmentUndone("legal")], NOON)
    put_away_needless(ledger, NOON)
    sampled = sample_lessons(ledger, KEYS, "legal", 12)
    change_departments(ledger, [DepartmentSplit("legal", ("contracts", "disputes"))], NOON)
    assert ask_about(ledger, sampled, NOON) == 12
    looks = ledger.looks_at([one.email_id for one in sampled]).values()
    assert len([look for look in looks if look.purpose is Purpose.AGAIN]) == 24


def test_a_split_is_tried_made_shown_and_undone_by_command(tmp_path: Path, sqlite_url: str) -> None:
    with closing(taught(Ledger(sqlite_url))) as ledger:
        settings = {"TRIAGE_DATABASE_URL": sqlite_url}

        def departments(*arguments: str) -> dict[str, Any]:
            return told(triage(tmp_path, "departments", *arguments, "--json", "-", settings=settings))

        split = ("split", "Legal", "Contracts", "Disputes")
        tried = departments(*split, "--again", "12", "--dry-run")
        assert (tried["recorded"], tried["again"]) == (False, 12)
        assert tried["lessons"] == {"legal": {"before": 90, "after": 0}}
        # Nobody was asked about any of the mail, so nothing measures.
        assert tried["accuracy"] is None
        assert ledger.unpublished_looks(100) == []
        assert departments(*split, "--again", "12")["again"] == 12
        assert len(ledger.unpublished_looks(100)) == 12
        shown = {one["id"]: one for one in departments("show")["departments"]}
        assert shown.keys() == {"billing", "contracts", "disputes"}
        assert (shown["billing"]["lessons"], shown["contracts"]["lessons"]) == (3, 0)
        departments("undo", "Legal")
        assert ledger.unpublished_looks(100) == []
        listed = triage(tmp_path, "departments", "show", settings=settings).stdout
        assert "too few answers" in listed
