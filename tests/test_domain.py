"""The domain's laws: departments, answers, decisions, promotion."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_correction, a_decision, a_version, an_alias_move, an_email
from triage_cl.domain.corrections import Correction, Lesson, Source, effective_lessons
from triage_cl.domain.decisions import NOTHING, Action, Bars, Conclusion, conclude, decide_action
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
    Taxonomy,
    department_id,
    fold_taxonomy,
)
from triage_cl.domain.errors import BadInput, UnknownDepartment
from triage_cl.domain.promotion import Evidence, PromotionRule, Verdict, decide_promotion
from triage_cl.domain.versions import CHALLENGER, AliasMoved, ModelVersion, entrant_in, fold_standing, version_name

# Departments

ABC = [DepartmentAdded("a", "Anton"), DepartmentAdded("b", "Berta"), DepartmentAdded("c", "Cäsar")]
ids = st.sampled_from(["a", "b", "c", "d"])
changes = st.one_of(
    st.builds(DepartmentAdded, id=ids, name=st.text(max_size=5)),
    st.builds(DepartmentRenamed, id=ids, name=st.text(max_size=5)),
    st.builds(DepartmentMerged, id=ids, into=ids).filter(lambda change: change.id != change.into),
    st.builds(DepartmentSplit, id=ids, parts=st.lists(ids, max_size=2).map(tuple)).filter(
        lambda change: change.id not in change.parts
    ),
    st.builds(DepartmentRetired, id=ids),
)


@given(st.lists(changes, max_size=20))
def test_a_lesson_teaches_a_department_that_exists_or_nobody(history: list[DepartmentChange]) -> None:
    taxonomy = Taxonomy()
    for change in history:
        try:
            taxonomy = taxonomy.apply(change)
        except UnknownDepartment:
            continue
        assert {home for home in taxonomy.lessons_of.values() if home is not None} <= set(taxonomy.departments)
        assert set(taxonomy.departments) <= set(taxonomy.lessons_of)


def test_after_a_merge_all_lessons_are_the_heir_s() -> None:
    taxonomy = fold_taxonomy([*ABC, DepartmentMerged("a", "b"), DepartmentMerged("b", "c")])
    assert [taxonomy.teaches(id) for id in "abc"] == ["c", "c", "c"]
    assert list(taxonomy.departments) == ["c"]


def test_a_department_cannot_be_merged_into_itself() -> None:
    with pytest.raises(BadInput):
        fold_taxonomy(ABC).apply(DepartmentMerged("a", "a"))


def test_after_a_split_or_a_retirement_old_lessons_teach_nobody() -> None:
    taxonomy = fold_taxonomy([*ABC, DepartmentSplit("a", ("b", "c")), DepartmentRetired("b")])
    assert [taxonomy.teaches(id) for id in "abc"] == [None, None, "c"]


def test_a_rename_changes_a_name_and_nothing_else() -> None:
    before = fold_taxonomy(ABC)
    after_rename = before.apply(DepartmentRenamed("a", "Alpha"))
    assert after_rename.lessons_of == before.lessons_of
    assert (after_rename.name_of("a"), after_rename["b"]) == ("Alpha", before["b"])


def test_a_department_is_found_by_id_or_by_name_whatever_its_case() -> None:
    taxonomy = fold_taxonomy(ABC)
    assert taxonomy.named("c") == taxonomy.named("CÄSAR") == taxonomy.named("Cäsar") == taxonomy["c"]
    with pytest.raises(UnknownDepartment, match="'Dora'"):
        taxonomy.named("Dora")


def test_a_department_that_is_gone_is_known_by_its_id() -> None:
    taxonomy = fold_taxonomy([*ABC, DepartmentRetired("a")])
    assert [taxonomy.name_of(id) for id in ("a", "b", None)] == ["a", "Berta", "–"]


@pytest.mark.parametrize(
    "change",
    [DepartmentRenamed("x", "X"), DepartmentMerged("x", "a"), DepartmentMerged("a", "x"), DepartmentSplit("a", ("x",))],
)
def test_a_change_of_a_department_that_is_not_there_is_refused(change: DepartmentChange) -> None:
    with pytest.raises(UnknownDepartment, match="'x'"):
        fold_taxonomy(ABC).apply(change)


def test_of_two_people_who_end_a_department_at_once_the_first_counts() -> None:
    both = [*ABC, DepartmentMerged("a", "b"), DepartmentRetired("a"), DepartmentRenamed("a", "Alpha")]
    assert fold_taxonomy(both) == fold_taxonomy(both[:-2])


@given(st.lists(changes, max_size=10), changes)
def test_a_change_that_is_undone_was_never_made(history: list[DepartmentChange], change: DepartmentChange) -> None:
    before = fold_taxonomy([*ABC, *history])
    if fold_taxonomy([*ABC, *history, change]) != before:
        assert fold_taxonomy([*ABC, *history, change, DepartmentUndone(change.id)]) == before


def test_what_came_after_an_undone_change_stays() -> None:
    taxonomy = fold_taxonomy([*ABC, DepartmentMerged("a", "b"), DepartmentRenamed("b", "Bella"), DepartmentUndone("a")])
    assert [taxonomy.teaches(id) for id in "abc"] == ["a", "b", "c"]
    assert taxonomy.name_of("b") == "Bella"


def test_undoing_goes_back_change_by_change() -> None:
    history = [*ABC, DepartmentRenamed("a", "Alpha"), DepartmentRetired("a")]
    once, twice, thrice = ([*history, *[DepartmentUndone("a")] * times] for times in (1, 2, 3))
    assert fold_taxonomy(once).name_of("a") == "Alpha"
    assert fold_taxonomy(twice).name_of("a") == "Anton"
    assert "a" not in fold_taxonomy(thrice).departments


@given(st.text(max_size=300))
def test_a_department_s_id_is_made_of_its_letters_and_digits(name: str) -> None:
    made = department_id(name)
    assert 0 < len(made) <= 100
    assert all(letter.isalnum() or letter == "-" for letter in made)
    assert department_id("IT Service & Co. 2") == "it-service-co-2"


# Answers

answers = st.lists(
    st.builds(
        a_correction,
        email_id=st.sampled_from("xyz"),
        department=st.sampled_from(["a", "0", None]),
        source=st.sampled_from(Source),
    )
)


@given(answers)
def test_each_mail_teaches_its_latest_answer_once(given_answers: list[Correction]) -> None:
    numbered = list(enumerate(given_answers, start=1))
    latest = {answer.email_id: (position, answer.department, answer.source) for position, answer in numbered}
    lessons = effective_lessons(numbered)
    expected = {
        Lesson(position, id, department, source)
        for id, (position, department, source) in latest.items()
        if department is not None
    }
    assert set(lessons) == expected
    assert [lesson.position for lesson in lessons] == sorted(lesson.position for lesson in lessons)


def test_an_answer_has_one_identity_whichever_way_it_comes_and_another_for_another_source() -> None:
    answer = a_correction(answer_id="task-1:2")
    volunteered = a_correction(answer_id="task-1:2", source=Source.VOLUNTEER)
    assert answer.identity == a_correction(answer_id="task-1:2", reviewer="another").identity
    assert answer.identity != volunteered.identity


# Decisions

shares = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=5)


@given(shares)
def test_a_conclusion_is_the_likeliest_department_with_its_lead(believed: Mapping[str, float]) -> None:
    conclusion = conclude(believed)
    ranked = sorted(believed.values(), reverse=True)
    if not ranked:
        assert conclusion == NOTHING
        return
    likeliest = min(id for id, probability in believed.items() if probability == ranked[0])
    assert (conclusion.department, conclusion.confidence) == (likeliest, ranked[0])
    assert conclusion.margin == ranked[0] - (ranked[1] if len(ranked) > 1 else 0)


@pytest.mark.parametrize(
    ("department", "confidence", "action"),
    [
        ("a", 0.9, Action.AUTO),
        ("a", 0.89, Action.SUGGEST),
        ("a", 0.3, Action.SUGGEST),
        ("a", 0.29, Action.ASK),
        ("", 1.0, Action.AUTO),
        (None, 0.0, Action.ASK),
    ],
)
def test_the_bars_settle_what_is_done(department: str | None, confidence: float, action: Action) -> None:
    assert decide_action(Conclusion(department, confidence, 0.1), Bars(), lessons=200) is action


def test_nothing_is_automatic_before_the_champion_was_taught_enough() -> None:
    sure = Conclusion("a", 1.0, 1.0)
    assert decide_action(sure, Bars(), lessons=199) is Action.SUGGEST
    assert decide_action(sure, Bars(), lessons=200) is Action.AUTO


def test_bars_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Bars(automatic=0.2, suggest=0.3)


def test_a_mail_is_drawn_below_its_probability_and_the_certain_come_first() -> None:
    assert a_decision(draw=0.0999, review_probability=0.1).drawn
    assert not a_decision(draw=0.1, review_probability=0.1).drawn
    assert a_decision(draw=0.3, review_probability=1.0).priority < a_decision(draw=0.1, review_probability=0.2).priority


# Promotion


def evidence(**changed: float) -> Evidence:
    values = {"mails": 1_000, "disputed": 100, "answered": 50, "e_value": 1.0}
    gains = {"gain": 0.0, "gain_low": -0.1, "gain_high": 0.1}
    return Evidence(**{**values, **gains, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "verdict", "reason"),
    [
        ({"e_value": 20, "gain_low": 0.001}, Verdict.PROMOTE, "e-value 20 reached 20"),
        ({"e_value": 19, "gain_low": 0.001}, Verdict.KEEP, "e-value 19 is below 20"),
        ({"e_value": 20, "gain_low": 0.0}, Verdict.KEEP, "the gain may still be +0.000"),
        ({"gain_high": 0.004}, Verdict.RETIRE, "the gain is at most +0.004"),
        ({"answered": 5_000}, Verdict.RETIRE, "undecided after 5000 answers"),
        ({}, Verdict.KEEP, "e-value 1 is below 20"),
    ],
)
def test_a_challenger_s_fate_comes_with_its_reason(changed: dict[str, float], verdict: Verdict, reason: str) -> None:
    decision = decide_promotion(evidence(**changed), PromotionRule())
    assert decision.verdict is verdict
    assert decision.reasons[0] == reason
    assert "disputed of 1000 mails" in decision.reasons[-1]


def test_all_challengers_together_have_one_chance_of_a_false_promotion() -> None:
    rule = PromotionRule(alpha=0.05)
    spent = sum(rule.for_challenger(number).alpha for number in range(1, 5_000))
    assert 0.0499 < spent < 0.05


def test_the_standing_tells_who_acts_and_who_would_like_to() -> None:
    champion, challenger = a_version(), a_version("tfidf", 9)
    facts: list[ModelVersion | AliasMoved] = [
        champion,
        an_alias_move(champion.version),
        challenger,
        an_alias_move(challenger.version, CHALLENGER),
    ]
    standing = fold_standing(enumerate(facts, start=1))
    assert (standing.champion, standing.challenger) == (champion, challenger)
    assert standing.entered == {"hashed-ensemble": 2, "tfidf": 4}
    retired = standing.apply(5, an_alias_move(None, CHALLENGER))
    assert (retired.champion, retired.challenger) == (champion, None)


def test_a_refreshed_version_is_the_same_entrant_and_a_retired_one_another() -> None:
    first = a_version("tfidf", 9)
    standing = fold_standing([(1, first), (2, an_alias_move(first.version, CHALLENGER))])
    assert standing.next_entry("tfidf", 0) == 1
    assert standing.apply(3, an_alias_move(None, CHALLENGER)).next_entry("tfidf", 0) == 2
    assert a_version("tfidf", 12).entrant == first.entrant == entrant_in(first.version)


@given(st.text(), st.integers(0, 99), st.integers(0, 99))
def test_the_entrant_is_found_in_a_version_s_name(entrant: str, through: int, as_of: int) -> None:
    assert entrant_in(version_name(entrant, through, as_of)) == entrant


def test_an_email_counts_its_characters() -> None:
    assert an_email(subject="äb", body="c").length == 3
