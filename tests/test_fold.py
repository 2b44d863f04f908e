"""The one law: a learner that followed the ledger equals the one folded again at its two positions."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import NOON, NOW, a_correction, a_routed, after, an_admission
from tests.word_encoder import word_encoders
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.corrections import Lesson, Source
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.facts import Fact
from triage_cl.domain.reviewers import ReviewerReinstated, ReviewerTakenOut
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_RECIPE, RECIPES, find_recipe
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.departments import change_departments, consequences
from triage_cl.usecases.learn import (
    AT_ONCE,
    describe_email,
    fold,
    follow,
    lessons_between,
    taxonomy_at,
    teach,
    weights_of,
)
from triage_cl.usecases.ledger import Routed

KEY = b"k" * 32
WORDS = ("invoice", "refund", "router", "contract", "vacancy", "parcel", "late", "broken", "please", "thanks")
MAILS = tuple(f"mail-{number}" for number in range(12))
DEPARTMENTS = ("billing", "support", "legal", "sales")
REVIEWERS = ("reviewer-3a", "reviewer-7b")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file with departments and mails and no correction."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}", durable=False)
    migrate(ledger.engine)
    ledger.append([DepartmentAdded(name, name.title()) for name in DEPARTMENTS], NOON)
    ledger.admit(
        [an_admission(mail, email=a_text(n), review_probability=(n + 1) / len(MAILS)) for n, mail in enumerate(MAILS)],
        decided_under=NOW,
    )
    ledger.close()
    return path


def a_text(number: int) -> dict[str, str]:
    """What a mail says; the same number says the same."""
    words = [WORDS[place % len(WORDS)] for place in (number, 3 * number, 7 * number + 1)]
    return {"subject": words[0], "body": f"{words[1]} {words[2]}"}


def a_ledger(template: Path) -> Ledger:
    """A ledger of its own with the template's content."""
    ledger = Ledger("sqlite://", durable=False, encoders=word_encoders())
    source = Ledger(f"sqlite:///{template}", durable=False)
    with source.engine.connect() as old, ledger.engine.connect() as new:
        old.connection.driver_connection.backup(new.connection.driver_connection)
    source.close()
    return ledger


answers = st.builds(
    lambda mail, department, source, number, reviewer, withheld: a_correction(
        mail,
        department,
        source=source,
        answer_id=f"{mail}/{number}",
        reviewer=reviewer,
        withheld=withheld,
        answered_at=after(minutes=number),
    ),
    st.sampled_from(MAILS),
    st.sampled_from([*DEPARTMENTS, None]),
    st.sampled_from(Source),
    st.integers(0, 10_000),
    st.sampled_from(REVIEWERS),
    st.sampled_from([False, False, False, True]),
)
trust = st.sampled_from(
    [
        *(ReviewerTakenOut(reviewer) for reviewer in REVIEWERS),
        ReviewerTakenOut(REVIEWERS[0], since_at=after(minutes=5_000)),
        *(ReviewerReinstated(reviewer) for reviewer in REVIEWERS),
    ]
)
imports = st.builds(
    lambda number, department: a_routed(f"mail-{number}", department, **a_text(number)),
    st.integers(0, 2 * len(MAILS)),
    st.sampled_from(DEPARTMENTS),
)
changes = st.sampled_from(
    [
        DepartmentRenamed("billing", "Accounts"),
        DepartmentMerged("sales", "support"),
        DepartmentSplit("legal", ("billing", "support")),
        DepartmentRetired("legal"),
        DepartmentUndone("legal"),
        DepartmentUndone("sales"),
    ]
)
histories = st.lists(
    st.lists(st.one_of(answers, answers, answers, imports, changes, trust), min_size=1, max_size=6), max_size=6
)


def record(ledger: Ledger, facts: Sequence[Fact | Routed], gone: set[str]) -> None:
    """Append facts, leaving out changes of departments that are gone, and take routed mail."""
    for fact in facts:
        if isinstance(fact, Routed):
            ledger.take_routed([fact], NOON)
            continue
        if isinstance(fact, DepartmentMerged | DepartmentSplit | DepartmentRetired):
            if fact.id in gone:
                continue
            gone.add(fact.id)
        ledger.append([fact], NOON)


@pytest.mark.parametrize("recipe", RECIPES)
@settings(max_examples=40, deadline=None)
@given(history=histories)
def test_a_learner_that_followed_equals_its_replay(
    template: Path, recipe: str, history: list[list[Fact | Routed]]
) -> None:
    ledger, gone = a_ledger(template), set[str]()
    learner = fold(ledger, recipe, KEY, 0, ledger.position(), ledger.position())
    for facts in history:
        record(ledger, facts, gone)
        learner = follow(ledger, learner)
        replayed = fold(ledger, recipe, KEY, 0, learner.through, learner.as_of)
        assert learner.fingerprint() == replayed.fingerprint()
        assert learner.lessons == replayed.lessons
    ledger.close()


class Later:
    """Folds again only when it is told to; counts what it kept."""

    def __init__(self) -> None:
        self.ready = False
        self.kept = 0

    def __call__(self, ledger: Ledger, learner: Learner, head: int) -> Learner:
        return AT_ONCE(ledger, learner, head) if self.ready else learner

    def keep(self, learner: Learner) -> None:
        assert learner.as_of == learner.through
        self.kept += 1


@settings(max_examples=60, deadline=None)
@given(history=histories, folded=st.lists(st.booleans(), min_size=6, max_size=6))
def test_while_edits_wait_a_learner_goes_on_with_new_lessons_and_equals_its_replay(
    template: Path, history: list[list[Fact | Routed]], folded: list[bool]
) -> None:
    ledger, gone, later = a_ledger(template), set[str](), Later()
    learner = fold(ledger, DEFAULT_RECIPE, KEY, 0, ledger.position(), ledger.position())
    for facts, later.ready in zip(history, folded, strict=False):
        record(ledger, facts, gone)
        learner = follow(ledger, learner, later)
        assert learner.through >= learner.as_of
        replayed = fold(ledger, DEFAULT_RECIPE, KEY, 0, learner.through, learner.as_of)
        assert (learner.fingerprint(), learner.lessons) == (replayed.fingerprint(), replayed.lessons)
    ledger.close()


@settings(max_examples=60, deadline=None)
@given(history=histories, every=st.integers(1, 4))
def test_folding_from_checkpoints_equals_folding_from_the_start(
    template: Path, tmp_path_factory: pytest.TempPathFactory, history: list[list[Fact | Routed]], every: int
) -> None:
    ledger, gone = a_ledger(template), set[str]()
    checkpoints = Checkpoints(tmp_path_factory.mktemp("checkpoints"), every)
    live = fold(ledger, DEFAULT_RECIPE, KEY, 0, 0, 0)
    for facts in history:
        record(ledger, facts, gone)
        live = follow(ledger, live)
        checkpoints.keep(live)
        head = ledger.position()
        learner = checkpoints.fold(ledger, find_recipe(DEFAULT_RECIPE), KEY, 0, head)
        assert (learner.through, learner.as_of) == (head, head)
        assert learner.fingerprint() == fold(ledger, DEFAULT_RECIPE, KEY, 0, head, head).fingerprint()
    ledger.close()


def test_an_edit_of_a_late_lesson_leaves_the_early_ones_folded(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[int] = []

    def counted(ledger: Ledger, learner: Learner, lessons: Sequence[Lesson]) -> None:
        taught.append(len(lessons))
        teach(ledger, learner, lessons)

    ledger, recipe = a_ledger(template), find_recipe(DEFAULT_RECIPE)
    ledger.append([a_correction(mail, "billing") for mail in MAILS], NOON)
    checkpoints = Checkpoints(tmp_path, every=5)
    checkpoints.fold(ledger, recipe, KEY, 0, ledger.position())
    ledger.append([a_correction("mail-11", "support", answered_at=after(days=1))], NOON)
    monkeypatch.setattr("triage_cl.usecases.checkpoints.teach", counted)
    checkpoints.fold(ledger, recipe, KEY, 0, ledger.position())
    assert sum(taught) == 2
    ledger.append([a_correction("mail-0", "support", answered_at=after(days=1))], NOON)
    checkpoints.fold(ledger, recipe, KEY, 0, ledger.position())
    assert sum(taught) == 2 + len(MAILS)
    assert len(list(tmp_path.iterdir())) <= 4
    ledger.close()


@settings(max_examples=25, deadline=None)
@given(history=st.lists(answers, min_size=1, max_size=20))
def test_a_restarted_process_folds_what_came_after_its_snapshot(template: Path, history: list[Fact]) -> None:
    ledger = a_ledger(template)
    middle = len(history) // 2
    record(ledger, history[:middle], set())
    snapshot = follow(ledger, fold(ledger, "hashed-ensemble", KEY, 0, 0, 0)).snapshot()
    record(ledger, history[middle:], set())
    restarted = follow(ledger, Learner.restore(snapshot, KEY))
    head = ledger.position()
    assert restarted.fingerprint() == fold(ledger, "hashed-ensemble", KEY, 0, head, head).fingerprint()
    ledger.close()


def test_an_answer_taken_back_leaves_the_model(template: Path) -> None:
    ledger = a_ledger(template)
    ledger.append([a_correction("mail-1", "billing"), a_correction("mail-2", "support")], NOON)
    before = fold(ledger, "hashed-ensemble", KEY, 0, ledger.position(), ledger.position())
    wrong = a_correction("mail-3", "legal")
    ledger.append([wrong], NOON)
    learner = follow(ledger, before)
    ledger.append([a_correction("mail-3", None, answered_at=NOON + timedelta(days=1))], NOON)
    learner = follow(ledger, learner)
    clean = a_ledger(template)
    clean.append([a_correction("mail-1", "billing"), a_correction("mail-2", "support")], NOON)
    never = fold(clean, "hashed-ensemble", KEY, 0, clean.position(), clean.position())
    assert learner.fingerprint() == never.fingerprint()
    ledger.close()
    clean.close()


def learned(template: Path, source: Source, probability: float) -> str:
    """The fingerprint of what four answers teach, given for this reason with this probability."""
    with closing(a_ledger(template)) as ledger:
        mails = [f"asked-{n}" for n in range(4)]
        ledger.admit(
            [an_admission(mail, email=a_text(n), review_probability=probability) for n, mail in enumerate(mails)], NOW
        )
        pairs = zip(mails, ("billing", "support", "billing", "support"), strict=True)
        ledger.append([a_correction(mail, department, source=source) for mail, department in pairs], NOON)
        head = ledger.position()
        return fold(ledger, DEFAULT_RECIPE, KEY, 0, head, head).fingerprint()


def test_the_rarer_such_mail_is_asked_about_the_more_its_answer_counts_in_the_calibration(template: Path) -> None:
    assert learned(template, Source.REVIEW, 0.5) != learned(template, Source.REVIEW, 0.25)
    assert learned(template, Source.VOLUNTEER, 0.5) != learned(template, Source.REVIEW, 0.5)


def test_the_calibration_learns_nothing_from_answers_that_nobody_asked_for(template: Path) -> None:
    volunteered = learned(template, Source.VOLUNTEER, 0.5)
    assert volunteered == learned(template, Source.IMPORT, 0.5)
    assert volunteered == learned(template, Source.VOLUNTEER, 0.25)


def test_of_several_answers_the_last_says_whether_it_measures(ledger: Ledger) -> None:
    ledger.admit([an_admission("mail-1"), an_admission("mail-2", review_probability=0.1)], NOW)
    later = after(days=1)
    ledger.append([a_correction("mail-1", source=Source.VOLUNTEER), a_correction("mail-1", answered_at=later)], NOON)
    ledger.append([a_correction("mail-2"), a_correction("mail-2", answered_at=later, source=Source.VOLUNTEER)], NOON)
    ledger.append([a_correction("never-decided")], NOON)
    ledger.append([DepartmentAdded("billing", "Billing")], NOON)
    lessons = lessons_between(ledger, 0, ledger.position(), ledger.position())
    assert [lesson.email_id for lesson in lessons] == ["mail-1", "mail-2", "never-decided"]
    assert weights_of(ledger, lessons) == {"mail-1": 4.0}


def test_renaming_a_department_changes_no_score(template: Path) -> None:
    ledger = a_ledger(template)
    ledger.append([a_correction("mail-1", "billing"), a_correction("mail-2", "support")], NOON)
    learner = fold(ledger, "hashed-ensemble", KEY, 0, ledger.position(), ledger.position())
    before = learner.fingerprint()
    ledger.append([DepartmentRenamed("billing", "Accounts")], NOON)
    assert follow(ledger, learner).fingerprint() == before
    ledger.close()


def test_a_merge_equals_training_on_relabelled_history(template: Path) -> None:
    merged, relabelled = a_ledger(template), a_ledger(template)
    merged.append([a_correction("mail-1", "billing"), a_correction("mail-2", "sales")], NOON)
    merged.append([DepartmentMerged("sales", "support")], NOON)
    relabelled.append([a_correction("mail-1", "billing"), a_correction("mail-2", "support")], NOON)
    head = merged.position()
    one = fold(merged, "hashed-ensemble", KEY, 0, head, head)
    other = fold(relabelled, "hashed-ensemble", KEY, 0, head - 1, head - 1)
    assert one.fingerprint() == other.fingerprint()
    merged.close()
    relabelled.close()


@pytest.mark.parametrize(
    "change",
    [
        DepartmentRenamed("sales", "Vertrieb"),
        DepartmentMerged("sales", "support"),
        DepartmentSplit("sales", ("support", "legal")),
        DepartmentRetired("sales"),
    ],
)
def test_a_change_of_departments_that_is_undone_leaves_no_trace_in_the_model(
    template: Path, change: DepartmentChange
) -> None:
    ledger = a_ledger(template)
    ledger.append([a_correction("mail-1", "billing"), a_correction("mail-2", "sales")], NOON)
    learner = fold(ledger, DEFAULT_RECIPE, KEY, 0, ledger.position(), ledger.position())
    before = learner.fingerprint()
    told = consequences(ledger, [change])
    change_departments(ledger, [change], NOON)
    learner = follow(ledger, learner)
    assert told.departments == taxonomy_at(ledger)
    assert told.lessons.get("sales", (1, 1)) == (1, learner.taught.get("sales", 0))
    change_departments(ledger, [DepartmentUndone("sales")], NOON)
    assert follow(ledger, learner).fingerprint() == before
    ledger.close()


def test_after_a_split_the_parents_lessons_no_longer_count(template: Path) -> None:
    ledger = a_ledger(template)
    ledger.append([a_correction("mail-1", "legal"), a_correction("mail-2", "support")], NOON)
    ledger.append([DepartmentSplit("legal", ("billing", "sales"))], NOON)
    head = ledger.position()
    assert [lesson.department for lesson in lessons_between(ledger, 0, head, head)] == ["support"]
    ledger.close()


def test_a_mail_is_described_alike_in_deciding_and_in_learning(template: Path) -> None:
    ledger = a_ledger(template)
    email = ledger.emails(["mail-4"])["mail-4"]
    assert describe_email(KEY, email).indices.tolist() == describe_email(KEY, email).indices.tolist()
    assert describe_email(KEY, email).indices.size > 0
    ledger.close()
