"""An archive that was routed elsewhere teaches: each answer once, in order of time, and none overrules a person's."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import NOON, NOW, a_correction, a_routed, after, an_admission, an_email
from tests.office import Office, an_office
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.retention import forget_texts
from triage_cl.adapters.sql.views import export_views
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.departments import DepartmentMerged, DepartmentRenamed, DepartmentRetired, DepartmentSplit
from triage_cl.domain.emails import Handover, Message, Unreadable
from triage_cl.domain.promotion import PromotionRule
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.usecases.account import account
from triage_cl.usecases.ingest import ingest
from triage_cl.usecases.learn import AtOnce, fold, follow, lessons_between, taxonomy_at
from triage_cl.usecases.overview import Lookout
from triage_cl.usecases.teach_archive import Imported, teach_archive
from triage_cl.usecases.verify import verify_propensities, verify_replay

ARCHIVE_TEXT = "my invoice is wrong, call me on +44 20 7946 0018"


@pytest.fixture
def office(ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(ledger, tmp_path)


def a_message(key: str, department: str | None = "Billing", **changes: object) -> Message:
    """A message of an archive, received as many hours before noon as its key's number says."""
    hours = int(key.rpartition("-")[2])
    message = {"received_at": after(hours=-hours), "subject": "Invoice", "body": f"{ARCHIVE_TEXT} {key}"}
    return Message(source="archive:1", key=key, sender="ann@x.example", department=department, **(message | changes))


def teach(office: Office, *found: Message | Unreadable, group: int = 3) -> Imported:
    return teach_archive(office.ledger, office.keys, found, lambda: NOON, group)


def corrections(ledger: Ledger) -> list[Correction]:
    return [one.fact for one in ledger.facts(kinds=[Correction.kind]) if isinstance(one.fact, Correction)]


def lessons(office: Office) -> list[tuple[str, str]]:
    """Mail and department of each lesson, in order."""
    head = office.ledger.position()
    return [(lesson.email_id, lesson.department) for lesson in lessons_between(office.ledger, 0, head, head)]


def test_every_answer_of_an_archive_is_a_lesson_in_order_of_time(office: Office) -> None:
    keys = ["a-3", "a-9", "a-1", "a-7", "a-5"]
    result = teach(office, *(a_message(key) for key in keys), a_message("a-2", received_at=None))
    assert (result.mails, result.taught, result.departments_added) == (6, 6, [])
    in_time = ["a-9", "a-7", "a-5", "a-3", "a-1", "a-2"]
    assert lessons(office) == [(office.keys.identify(key), "billing") for key in in_time]


def test_an_imported_mail_is_redacted_and_has_no_decision(office: Office) -> None:
    teach(office, a_message("a-1"))
    id = office.keys.identify("a-1")
    email = office.ledger.emails([id])[id]
    assert "7946" not in email.body
    assert "ann@x" not in email.sender
    assert email.received_at == after(hours=-1)
    assert office.ledger.decisions_of([id]) == {}
    assert office.ledger.fed() == 0


def test_an_archive_s_answer_is_dated_when_its_last_department_got_the_mail(office: Office) -> None:
    history = (Handover(after(hours=-8), "Support"), Handover(after(hours=-7), "Billing"))
    ahead = (Handover(after(hours=5), "Billing"),)
    teach(office, a_message("a-9", history=history), a_message("a-4"), a_message("a-1", history=ahead))
    assert [one.answered_at for one in corrections(office.ledger)] == [after(hours=-7), after(hours=-4), NOON]
    assert {one.source for one in corrections(office.ledger)} == {Source.IMPORT}


messages = st.builds(
    lambda number, department: a_message(f"a-{number}", department),
    st.integers(0, 8),
    st.sampled_from(["Billing", "billing", "Support", "Parcels", "PARCELS", None]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(archive=st.lists(messages, max_size=12), answered=st.sets(st.integers(0, 8), max_size=3))
def test_importing_twice_is_importing_once(
    sqlite_url_of: Callable[[], str], tmp_path: Path, archive: list[Message], answered: set[int]
) -> None:
    with closing(Ledger(sqlite_url_of(), durable=False)) as ledger:
        office = an_office(ledger, tmp_path)
        ids = [office.keys.identify(f"a-{number}") for number in sorted(answered)]
        ledger.admit([an_admission(id) for id in ids], NOW)
        ledger.append([a_correction(id, "legal") for id in ids], NOON)
        learner = follow(ledger, fold(ledger, DEFAULT_RECIPE, office.key, 0, 0, 0))
        first = teach(office, *archive)
        facts = list(ledger.facts())
        again = teach(office, *reversed(archive))
        assert list(ledger.facts()) == facts
        labelled = len([message for message in archive if message.department])
        assert (first.taught + first.repeated, again.taught, again.repeated) == (labelled, 0, labelled)
        assert {office.keys.identify(m.key) for m in archive if m.department} <= dict(lessons(office)).keys()
        assert all(dict(lessons(office))[id] == "legal" for id in ids)
        head = ledger.position()
        replayed = fold(ledger, DEFAULT_RECIPE, office.key, 0, head, head)
        assert follow(ledger, learner).fingerprint() == replayed.fingerprint()


@pytest.fixture
def sqlite_url_of(_sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Makes a migrated SQLite ledger of its own at each call."""
    made: list[Path] = []

    def make() -> str:
        made.append(tmp_path / f"own-{len(made)}.db")
        made[-1].write_bytes(_sqlite_template.read_bytes())
        return f"sqlite:///{made[-1]}"

    return make


def test_an_archive_never_overrules_a_person(office: Office) -> None:
    asked = [office.keys.identify(key) for key in ("a-1", "a-2", "a-3")]
    office.ledger.admit([an_admission(id) for id in asked], NOW)
    office.ledger.append([a_correction(asked[0], "legal"), a_correction(asked[1], None)], NOON)
    result = teach(office, a_message("a-1"), a_message("a-2"), a_message("a-3"))
    assert (result.taught, result.repeated) == (1, 2)
    assert lessons(office) == [(asked[0], "legal"), (asked[2], "billing")]


def test_a_person_overrules_an_archive(office: Office) -> None:
    id = office.keys.identify("a-1")
    office.ledger.admit([an_admission(id)], NOW)
    teach(office, a_message("a-1"))
    office.ledger.append([a_correction(id, "legal")], NOON)
    assert teach(office, a_message("a-1")).taught == 0
    assert lessons(office) == [(id, "legal")]


def test_a_mail_that_is_there_is_not_stored_again(office: Office) -> None:
    email = an_email(office.keys.identify("a-1"), body="as it was decided")
    office.ledger.admit([an_admission(email.id, email={"body": email.body})], NOW)
    assert teach(office, a_message("a-1")).taught == 1
    assert office.ledger.emails([email.id]) == {email.id: email}
    assert lessons(office) == [(email.id, "billing")]


def test_of_a_mail_that_comes_twice_in_an_archive_the_first_answer_counts(office: Office) -> None:
    result = teach(office, a_message("a-1", "Support"), a_message("a-1", "Legal"))
    assert (result.taught, result.repeated) == (1, 1)
    assert lessons(office) == [(office.keys.identify("a-1"), "support")]


def test_two_who_import_the_same_at_once_record_each_answer_once(ledger: Ledger) -> None:
    both = [a_routed("mail-1"), a_routed("mail-2")]
    assert ledger.take_routed(both, NOON) == ["mail-1", "mail-2"]
    assert ledger.take_routed([*both, a_routed("mail-3"), a_routed("mail-3", "sales")], NOON) == ["mail-3"]
    assert ledger.known(["mail-1", "mail-2", "mail-3"]) == {"mail-1", "mail-2", "mail-3"}
    assert [one.department for one in corrections(ledger)] == ["billing"] * 3
    assert ledger.broken_link() is None


def test_archives_and_arriving_mail_that_overlap_are_stored_at_once(ledger: Ledger) -> None:
    ids = [f"mail-{number}" for number in range(40)]

    def import_some(seed: int) -> list[str]:
        told = []
        for begin in range(0, 40, 5):
            some = random.Random(seed + begin).sample(ids, 10)
            told += ledger.take_routed([a_routed(id, f"department-{seed}") for id in some], NOON)
        return told

    def decide_some(seed: int) -> list[str]:
        told = []
        for begin in range(0, 40, 5):
            some = random.Random(seed + begin).sample(ids, 10)
            told += ledger.admit([an_admission(id) for id in some], NOW) or []
        return told

    with ThreadPoolExecutor(4) as pool:
        imports = [pool.submit(import_some, seed) for seed in (100, 200)]
        arrivals = [pool.submit(decide_some, seed) for seed in (300, 400)]
        taught = [id for one in imports for id in one.result()]
        decided = [id for one in arrivals for id in one.result()]
    assert sorted(taught) == sorted(set(taught)) == sorted(one.email_id for one in corrections(ledger))
    assert sorted(decided) == sorted(set(decided)) == sorted(ledger.decisions_of(ids))
    assert ledger.emails(ids).keys() == ledger.known(ids) == {*taught, *decided}
    assert ledger.broken_link() is None


def test_unknown_departments_are_added_and_known_ones_found_by_any_name(office: Office) -> None:
    office.ledger.append([DepartmentRenamed("support", "Help Desk")], NOON)
    names = ["BILLING", "support", "help desk", "Parcels & Post", "parcels & post", "Legal"]
    result = teach(office, *(a_message(f"a-{9 - n}", name) for n, name in enumerate(names)))
    assert result.departments_added == ["Parcels & Post"]
    taught = [department for _, department in lessons(office)]
    assert taught == ["billing", "support", "support", "parcels-post", "parcels-post", "legal"]


def test_mail_of_departments_that_ended_is_their_heir_s_or_nobody_s(office: Office) -> None:
    office.ledger.append([DepartmentMerged("support", "billing"), DepartmentRetired("legal")], NOON)
    result = teach(office, a_message("a-3", "Support"), a_message("a-2", "Legal"), a_message("a-1"))
    assert (result.taught, result.ended, result.departments_added) == (2, 1, [])
    assert [department for _, department in lessons(office)] == ["billing", "billing"]
    assert office.ledger.known([office.keys.identify("a-2")]) == set()


def test_what_ends_after_an_import_takes_its_lessons_along(office: Office) -> None:
    learner = fold(office.ledger, DEFAULT_RECIPE, office.key, 0, 0, 0)
    teach(office, a_message("a-3", "Support"), a_message("a-2", "Legal"))
    learner = follow(office.ledger, learner)
    office.ledger.append([DepartmentSplit("legal", ("billing",)), DepartmentMerged("support", "billing")], NOON)
    learner = follow(office.ledger, learner)
    assert learner.taught == {"billing": 1}


def test_what_has_no_department_or_cannot_be_read_is_counted(office: Office) -> None:
    bad = [Unreadable(f"archive:{line}", "not JSON") for line in (4, 5, 6, 7)]
    result = teach(office, a_message("a-1", None), *bad, a_message("a-2"), a_message("a-3", ""))
    assert result.as_json() == {
        "mails": 7,
        "taught": 1,
        "repeated": 0,
        "unlabelled": 2,
        "ended": 0,
        "quarantined": 4,
        "reasons": {"not JSON": 4},
        "departments_added": [],
    }
    assert office.ledger.quarantined() == {"not JSON": 4}


def test_progress_is_told_while_reading_and_while_teaching(office: Office) -> None:
    told: list[tuple[int, int | None]] = []
    archive = [a_message(f"a-{number}") for number in range(5)]
    teach_archive(office.ledger, office.keys, archive, lambda: NOON, 2, lambda done, total: told.append((done, total)))
    assert told == [(2, None), (4, None), (2, 5), (4, 5), (5, 5)]


# What else reads the ledger


def test_a_desk_follows_an_import_without_folding_again(office: Office) -> None:
    class Refuse(AtOnce):
        def __call__(self, *_: object) -> Learner:
            raise AssertionError("nothing was rewritten")

    office.desk.refresh()
    office.desk.refold = Refuse()
    teach(office, *(a_message(f"a-{number}", ["Billing", "Support", "Parcels"][number % 3]) for number in range(9)))
    office.desk.refresh()
    assert office.desk.learners[DEFAULT_RECIPE].lessons == 9


def test_every_promise_holds_after_an_import(office: Office) -> None:
    teach(office, *(a_message(f"a-{number}") for number in range(9)))
    office.answer(office.triage(10))
    teach(office, *(a_message(f"b-{number}", "Parcels") for number in range(5)))
    assert verify_propensities(office.ledger, office.keys).found == ()
    assert verify_replay(office.ledger, office.registry, office.desk.snapshots, office.key).found == ()
    assert office.ledger.broken_link() is None


def test_an_answer_of_a_person_about_mail_that_was_never_decided_is_still_found(office: Office) -> None:
    teach(office, a_message("a-1"))
    office.ledger.append([a_correction(office.keys.identify("a-1"), "legal")], NOON)
    [found] = verify_propensities(office.ledger, office.keys).found
    assert "never decided" in found.what


def test_an_import_is_neither_decided_nor_reviewed_mail(office: Office) -> None:
    decisions = office.triage(4)
    before, backlog = account(office.ledger), office.ledger.backlog()
    teach(office, *(a_message(f"a-{number}") for number in range(5)))
    seen = Lookout(office.ledger, PromotionRule()).look(NOON)
    assert account(office.ledger) == before | {"lessons": 5}
    assert (seen.number, seen.today.mails, seen.corrections_today) == (len(decisions), len(decisions), 0)
    assert (seen.estimates.lessons, seen.estimates.decided.answered) == (5, 0)
    assert seen.backlog == backlog
    assert office.ledger.spending()[0] == len(decisions)


def test_a_task_stays_open_when_an_archive_answers_its_mail(ledger: Ledger) -> None:
    ledger.admit([an_admission(id, review_probability=0.6) for id in ("mail-1", "mail-2")], NOW)
    ledger.published({"mail-1": "1", "mail-2": "2"}, NOON, shown="another")
    ledger.append([a_correction("mail-2")], NOON)
    assert ledger.take_routed([a_routed("mail-1")], NOON) == ["mail-1"]
    assert ledger.backlog().tasks == 1
    assert [task.task_id for task in ledger.showing_otherwise("this one", 9)] == ["1"]
    assert ledger.answered_before(after(days=9), 9) == ["2"]


def test_exports_tell_imports_from_reviews(office: Office, tmp_path: Path) -> None:
    teach(office, a_message("a-1"), a_message("a-2"))
    rows = export_views(office.ledger.engine, tmp_path)
    assert (rows["triage_emails"], rows["triage_decisions"], rows["triage_lessons"]) == (2, 0, 2)
    assert set(pq.read_table(tmp_path / "triage_lessons.parquet")["source"].to_pylist()) == {"import"}


def test_the_text_of_an_imported_mail_is_kept_as_that_of_any_lesson(office: Office) -> None:
    teach(office, a_message("a-1"))
    assert forget_texts(office.ledger.engine, after(days=1_000)) == 0
    assert len(office.ledger.emails([office.keys.identify("a-1")])) == 1


def test_an_imported_mail_that_arrives_again_is_not_decided(office: Office) -> None:
    teach(office, a_message("a-1"), a_message("a-2"))
    arriving: Sequence[Message] = [a_message("a-1", None), a_message("a-1", None), a_message("b-1", None)]
    found = ingest(office.desk, arriving, lambda: NOON + timedelta(hours=1), 10)
    assert (found.mails, found.decided, found.repeated, found.imported) == (3, 1, 0, 2)
    assert list(taxonomy_at(office.ledger).departments) == ["billing", "support", "legal"]
