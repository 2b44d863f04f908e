"""An answer for a department with teams is a partial label: what it teaches, and how the ledger is folded then."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import NOON, NOW, a_correction, an_admission
from tests.test_fold import KEY, Later, a_ledger, a_text
from tests.test_hierarchy import OFFICE
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentUndone,
)
from triage_cl.domain.facts import Fact
from triage_cl.learning.hashing import describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_RECIPE, RECIPES, find_recipe
from triage_cl.learning.teaching import share_out, slopes_of_loss
from triage_cl.learning.vectors import VectorExperts
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.learn import fold, follow, lessons_between

# What it teaches


TOPICS = {
    "it": ("computer", "login", "screen"),
    "network": ("cable", "router", "switch"),
    "hardware": ("keyboard", "mouse", "printer"),
    "hr": ("vacation", "salary", "pension"),
}


def a_lesson(department: str, seed: int, kind: str | None = None) -> Any:
    """The features of a mail of a department; a team's mail speaks of the department's topic, too."""
    chance = np.random.default_rng(seed)
    topics = [*TOPICS[department], *(TOPICS["it"] if department in ("network", "hardware") else ()), "please"]
    words = chance.choice(topics, 4)
    features = describe(KEY, {"subject": words[0], "body": " ".join(words), "sender": f"{department}-{seed % 7}"})
    if kind is None:
        return features
    vector = np.zeros(16, np.float32)
    for word in words:
        vector[sum(map(ord, word)) % 16] += 1
    return replace(features, vectors={kind: vector / np.linalg.norm(vector)})


def taught(recipe: str, lessons: Sequence[tuple[str, str, Sequence[str]]], weight: float = 1.0) -> Learner:
    """A learner after lessons: what a mail is about, the department that is taught, and its teams."""
    found = find_recipe(recipe)
    learner = Learner(found, KEY)
    for position, (about, department, teams) in enumerate(lessons, 1):
        learner.learn(position, a_lesson(about, position, found.vectors), department, weight, teams)
    return learner


EXACT = [(name, name, ()) for name in TOPICS] * 8


@pytest.mark.parametrize("recipe", RECIPES)
def test_teams_that_were_never_taught_change_nothing(recipe: str) -> None:
    alone = taught(recipe, [("it", "it", ()), ("hr", "hr", ())] * 5)
    with_teams = taught(recipe, [("it", "it", ("network", "hardware")), ("hr", "hr", ())] * 5)
    assert with_teams.fingerprint() == alone.fingerprint()


@pytest.mark.parametrize("recipe", [name for name, recipe in RECIPES.items() if recipe.kind == "online"])
def test_a_partial_lesson_speaks_for_the_department_and_leaves_its_teams_apart(recipe: str) -> None:
    partial = [("network", "it", ("network", "hardware")), ("hardware", "it", ("network", "hardware"))] * 20
    as_a_class = [(about, department, ()) for about, department, _ in partial]
    before, after, rival = (taught(recipe, [*EXACT, *more]) for more in ([], partial, as_a_class))
    trial = {about: [a_lesson(about, seed, before.recipe.vectors) for seed in range(900, 960)] for about in TOPICS}

    def mass(learner: Learner, about: str, *departments: str) -> float:
        columns = [learner.classes.index(department) for department in departments]
        return float(learner.probabilities(trial[about])[:, columns].sum(axis=1).mean())

    for team in ("network", "hardware"):
        assert mass(after, team, "it", "network", "hardware") > mass(before, team, "it", "network", "hardware")
        # Taught as a class of its own the department would take its teams' mail.
        assert mass(after, team, team) > mass(rival, team, team)
        assert mass(after, team, team) > 0.5


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_order_of_teams_and_a_restart_make_no_difference(recipe: str) -> None:
    partial = ("network", "it", ("network", "hardware"))
    learner = taught(recipe, [*EXACT, partial])
    assert taught(recipe, [*EXACT, (*partial[:2], partial[2][::-1])]).fingerprint() == learner.fingerprint()
    restored = Learner.restore(taught(recipe, EXACT).snapshot(), KEY)
    restored.learn(len(EXACT) + 1, a_lesson("network", len(EXACT) + 1, learner.recipe.vectors), "it", 1.0, partial[2])
    assert restored.fingerprint() == learner.fingerprint()


@pytest.mark.parametrize("recipe", ["hashed-ensemble", "hashed-sentence"])
def test_a_partial_lesson_tells_nothing_about_the_experts(recipe: str) -> None:
    before = taught(recipe, EXACT)._model.state()[0]
    after = taught(recipe, [*EXACT, ("network", "it", ("network", "hardware"))])._model.state()[0]
    learned = {name for name in before if before[name].tobytes() != after[name].tobytes()}
    assert {"weights", "counts", "words_of"} <= learned
    assert not [name for name in learned if "calibration" in name]


def test_a_department_that_is_first_taught_after_its_teams_becomes_a_class() -> None:
    learner = taught(DEFAULT_RECIPE, [("network", "network", ())] * 5 + [("it", "it", ("network", "hardware"))])
    assert learner.classes == ["network", "it"]
    assert learner.taught == {"network": 5, "it": 1}


@given(
    st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=6),
    st.data(),
)
def test_a_partial_lesson_steps_down_the_log_loss_of_the_sum(values: list[float], data: st.DataObject) -> None:
    among = data.draw(st.lists(st.sampled_from(range(len(values))), min_size=1, max_size=len(values), unique=True))
    scores = np.array(values, np.float32)
    slopes, chances = np.empty(scores.size, np.float32), np.empty(scores.size)
    parts = np.empty(scores.size)
    held_back = scores.astype(np.float64)
    held_back[among] -= 2.0

    def loss(at: Any) -> float:
        return float(np.log(np.exp(at).sum()) - np.log(np.exp(at[among]).sum()))

    share_out(scores, np.array(among), parts)
    slopes_of_loss(scores, np.array(among), parts, chances, slopes)
    tiny = 1e-5 * np.eye(scores.size)
    expected = [(loss(held_back + step) - loss(held_back - step)) / 2e-5 for step in tiny]
    assert slopes == pytest.approx(expected, abs=1e-4)
    assert parts.sum() == pytest.approx(1)


def test_the_discriminant_keeps_the_mean_of_all_whatever_is_partial() -> None:
    experts, chance = VectorExperts(), np.random.default_rng(5)
    vectors = chance.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for number, vector in enumerate(vectors):
        experts.learn(vector, np.array([0, 1] if number % 3 == 2 else [number % 3]), 2)
    state, mean = experts.state(), vectors.mean(axis=0, dtype=np.float64)
    assert state["vector_lessons_of"].sum() == pytest.approx(len(vectors))
    assert state["vector_means"][:, 0] == pytest.approx(mean)
    assert state["vector_means"][:, 1:] @ state["vector_lessons_of"] / len(vectors) == pytest.approx(mean)
    assert state["vector_solved"] == pytest.approx(state["vector_inverse"] @ state["vector_means"])


# The fold

MAILS = tuple(f"mail-{number}" for number in range(40))
NEXT = "the next mail without an answer"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file with departments, one team, mails and no correction."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}", durable=False)
    migrate(ledger.engine)
    ledger.append(OFFICE[:3], NOON)
    ledger.admit([an_admission(mail, email=a_text(n)) for n, mail in enumerate(MAILS)], decided_under=NOW)
    ledger.close()
    return path


few = st.sampled_from(("it", "network", "hr"))
given_answers = st.builds(
    lambda department, mail: a_correction(mail, department),
    st.sampled_from(["it", "it", "network", "network", "hr", "hardware"]),
    st.sampled_from([NEXT, NEXT, NEXT, *MAILS]),
)
few_changes = st.one_of(
    st.builds(DepartmentAdded, few, st.just("Again"), st.none() | few),
    st.builds(DepartmentMoved, few, st.none() | few),
    st.builds(DepartmentMerged, few, few),
    st.builds(DepartmentUndone, few),
    st.just(OFFICE[3]),
)
histories = st.lists(
    st.tuples(st.lists(given_answers, min_size=3, max_size=8), st.lists(few_changes, max_size=2)).map(
        lambda both: [*both[0], *both[1]]
    ),
    min_size=2,
    max_size=6,
)


class Recording:
    """Appends facts as the product would: nobody answers for a department that never was."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.known = {change.id for change in OFFICE[:3]}
        self.unanswered = iter(MAILS)
        self.numbers = count()

    def record(self, facts: Sequence[Fact]) -> None:
        self.ledger.append([told for fact in facts if (told := self._told(fact)) is not None], NOON)

    def _told(self, fact: Fact) -> Fact | None:
        if isinstance(fact, DepartmentAdded):
            self.known.add(fact.id)
        if not isinstance(fact, Correction):
            return fact
        mail = next(self.unanswered, MAILS[0]) if fact.email_id == NEXT else fact.email_id
        answer = replace(fact, email_id=mail, answer_id=f"{next(self.numbers)}")
        return answer if answer.department in self.known else None


@pytest.mark.parametrize("recipe", [DEFAULT_RECIPE, "hashed-sentence"])
@settings(max_examples=30, deadline=None)
@given(history=histories)
def test_a_learner_that_followed_teams_equals_its_replay(
    template: Path, recipe: str, history: list[list[Fact]]
) -> None:
    ledger = a_ledger(template)
    recording = Recording(ledger)
    learner = fold(ledger, recipe, KEY, 0, ledger.position(), ledger.position())
    for facts in history:
        recording.record(facts)
        learner = follow(ledger, learner)
        replayed = fold(ledger, recipe, KEY, 0, learner.through, learner.as_of)
        assert (learner.fingerprint(), learner.lessons) == (replayed.fingerprint(), replayed.lessons)
    ledger.close()


@settings(max_examples=40, deadline=None)
@given(history=histories, folded=st.lists(st.booleans(), min_size=6, max_size=6), every=st.integers(1, 4))
def test_while_moves_wait_and_from_checkpoints_it_equals_its_replay(
    template: Path, tmp_path_factory: pytest.TempPathFactory, history: list[list[Fact]], folded: list[bool], every: int
) -> None:
    ledger, later = a_ledger(template), Later()
    recording = Recording(ledger)
    checkpoints = Checkpoints(tmp_path_factory.mktemp("checkpoints"), every)
    learner = fold(ledger, DEFAULT_RECIPE, KEY, 0, ledger.position(), ledger.position())
    for facts, later.ready in zip(history, folded, strict=False):
        recording.record(facts)
        learner = follow(ledger, learner, later)
        replayed = fold(ledger, DEFAULT_RECIPE, KEY, 0, learner.through, learner.as_of)
        assert (learner.fingerprint(), learner.lessons) == (replayed.fingerprint(), replayed.lessons)
        if learner.as_of == learner.through:
            checkpoints.keep(learner)
        head = ledger.position()
        kept = checkpoints.fold(ledger, find_recipe(DEFAULT_RECIPE), KEY, 0, head)
        assert kept.fingerprint() == fold(ledger, DEFAULT_RECIPE, KEY, 0, head, head).fingerprint()
    ledger.close()


def taught_by(template: Path, *facts: Fact) -> str:
    """The fingerprint that a ledger with these facts makes."""
    ledger = a_ledger(template)
    ledger.append(facts, NOON)
    head = ledger.position()
    made = fold(ledger, DEFAULT_RECIPE, KEY, 0, head, head).fingerprint()
    ledger.close()
    return made


LESSONS = [a_correction(mail, ("it", "network", "hr")[n % 3]) for n, mail in enumerate(MAILS[:9])]


def test_a_new_team_changes_no_score_until_it_is_taught(template: Path) -> None:
    added = OFFICE[3]
    assert taught_by(template, *LESSONS) == taught_by(template, *LESSONS, added) == taught_by(template, added, *LESSONS)
    late = a_correction(MAILS[9], "hardware")
    assert taught_by(template, *LESSONS, added, late) != taught_by(template, *LESSONS)
    assert taught_by(template, *LESSONS, added, late) == taught_by(template, added, *LESSONS, late)


def test_a_move_equals_having_been_there_from_the_start_and_can_be_undone(template: Path) -> None:
    elsewhere, there = DepartmentMoved("network", "hr"), taught_by(template, *LESSONS)
    moved = taught_by(template, *LESSONS, elsewhere)
    assert moved == taught_by(template, elsewhere, *LESSONS) != there
    assert taught_by(template, *LESSONS, elsewhere, DepartmentUndone("network")) == there
    assert taught_by(template, *LESSONS, elsewhere, DepartmentMoved("network", "it")) == there


def test_a_move_waits_until_the_learner_is_folded_again(template: Path) -> None:
    ledger, later = a_ledger(template), Later()
    learner = fold(ledger, DEFAULT_RECIPE, KEY, 0, ledger.position(), ledger.position())
    ledger.append(LESSONS, NOON)
    learner = follow(ledger, learner, later)
    before = ledger.position()
    ledger.append([DepartmentMoved("network", "hr"), a_correction(MAILS[9], "it"), a_correction(MAILS[10], "hr")], NOON)
    learner = follow(ledger, learner, later)
    assert (learner.as_of, learner.through) == (before, ledger.position())
    assert learner.fingerprint() == fold(ledger, DEFAULT_RECIPE, KEY, 0, learner.through, before).fingerprint()
    later.ready = True
    assert follow(ledger, learner, later).fingerprint() not in ("", learner.fingerprint())
    ledger.close()


def test_renaming_a_team_changes_no_score(template: Path) -> None:
    assert taught_by(template, *LESSONS, DepartmentRenamed("network", "Cables")) == taught_by(template, *LESSONS)


def test_merging_teams_equals_training_on_relabelled_history(template: Path) -> None:
    relabelled = [replace(one, department="it") if one.department == "network" else one for one in LESSONS]
    merged = taught_by(template, *LESSONS, DepartmentMerged("network", "it"))
    assert merged == taught_by(template, *relabelled, DepartmentRetired("network"))


def test_a_lesson_names_the_teams_that_it_may_be_of(template: Path) -> None:
    ledger = a_ledger(template)
    ledger.append([*OFFICE[3:], a_correction("mail-1", "it"), a_correction("mail-2", "network")], NOON)
    head = ledger.position()
    assert [(one.department, set(one.teams)) for one in lessons_between(ledger, 0, head, head)] == [
        ("it", {"network", "wifi", "hardware"}),
        ("network", {"wifi"}),
    ]
    ledger.close()
