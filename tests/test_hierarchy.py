"""Departments and their teams: how they change, what is concluded among them, and what counts as right."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.screen import label_config
from feedback.terminal import understand
from tests.builders import NOON, NOW, a_correction, a_decision, an_admission
from tests.office import an_office, mail_about
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.decisions import NOTHING, Conclusion, ShadowDecision, conclude
from triage_cl.domain.departments import (
    Department,
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
    Taxonomy,
    fold_taxonomy,
    refolding,
)
from triage_cl.domain.errors import BadInput
from triage_cl.domain.facts import from_body, to_body
from triage_cl.domain.hierarchy import conclude_within, full_names, in_order, masses
from triage_cl.domain.review import ReviewGroups
from triage_cl.usecases.account import decided_since
from triage_cl.usecases.departments import change_departments, consequences, departments_after
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Dispute
from triage_cl.usecases.promote import gain_of

OFFICE = [
    DepartmentAdded("it", "IT"),
    DepartmentAdded("hr", "HR"),
    DepartmentAdded("network", "Network", "it"),
    DepartmentAdded("hardware", "Hardware", "it"),
    DepartmentAdded("wifi", "Wifi", "network"),
]
IDS = tuple(change.id for change in OFFICE)
TREE = fold_taxonomy(OFFICE)

ids = st.sampled_from(IDS)
changes = st.one_of(
    st.builds(DepartmentAdded, ids, ids, st.none() | ids),
    st.builds(DepartmentMoved, ids, st.none() | ids),
    st.builds(DepartmentMerged, ids, ids),
    st.builds(DepartmentRetired, ids),
    st.builds(DepartmentUndone, ids),
)


# The tree


def test_a_department_has_its_teams_below_it_and_they_move_with_it() -> None:
    assert (TREE.above("wifi"), TREE.below("it")) == (["network", "it"], ["network", "wifi", "hardware"])
    moved = TREE.apply(DepartmentMoved("network", "hr"))
    assert (moved.above("wifi"), moved.below("it")) == (["network", "hr"], ["hardware"])
    assert moved.apply(DepartmentMoved("network", None)).above("wifi") == ["network"]


@pytest.mark.parametrize(("id", "under"), [("it", "it"), ("it", "network"), ("it", "wifi"), ("network", "wifi")])
def test_no_department_is_a_team_of_its_own(id: str, under: str) -> None:
    with pytest.raises(BadInput, match="above itself"):
        TREE.apply(DepartmentMoved(id, under))


@pytest.mark.parametrize(
    "change", [DepartmentMerged("it", "hr"), DepartmentSplit("it", ("hr",)), DepartmentRetired("it")]
)
def test_a_department_with_teams_does_not_end(change: Any) -> None:
    with pytest.raises(BadInput, match=r"'it' has teams: network, hardware\. Move or end them first\."):
        TREE.apply(change)


@given(st.lists(changes, max_size=20))
def test_however_departments_change_they_are_a_tree(history: list[DepartmentChange]) -> None:
    taxonomy = fold_taxonomy([*OFFICE, *history])
    for department in taxonomy.departments.values():
        assert department.parent is None or department.parent in taxonomy.departments
        assert department.id not in taxonomy.above(department.id)
    for id in taxonomy.lessons_of:
        assert len(set(taxonomy.above(id))) == len(taxonomy.above(id))
    assert sorted(one.id for one in in_order(taxonomy.departments.values())) == sorted(taxonomy.departments)


def test_an_ordinary_addition_is_written_as_before_there_were_teams() -> None:
    assert to_body(DepartmentAdded("it", "IT")) == {"id": "it", "name": "IT"}
    assert from_body("department-added", {"id": "it", "name": "IT"}) == DepartmentAdded("it", "IT")
    for fact in (DepartmentAdded("network", "Network", "it"), DepartmentMoved("network", None)):
        assert from_body(fact.kind, to_body(fact)) == fact


def test_only_what_is_added_anew_leaves_old_lessons_as_they_were() -> None:
    again = DepartmentAdded("network", "Network")
    assert refolding([*OFFICE, DepartmentRenamed("it", "I"), DepartmentUndone("network"), again]) == [
        *[False] * 6,
        True,
        True,
    ]


def test_names_tell_whose_team_it_is_and_that_a_team_is_not_known() -> None:
    assert full_names(TREE.departments.values()) == {
        "it": "IT (team not known)",
        "hr": "HR",
        "network": "IT: Network (team not known)",
        "hardware": "IT: Hardware",
        "wifi": "IT: Network: Wifi",
    }
    assert [one.id for one in in_order(TREE.departments.values())] == ["it", "network", "wifi", "hardware", "hr"]
    same = [Department("a", "IT: Network"), Department("it", "IT"), Department("network", "Network", "it")]
    assert len(set(full_names(same).values())) == 3


def test_the_screens_list_teams_below_their_department_and_move_no_key() -> None:
    departments = list(TREE.departments.values())
    choices = [one for one in fromstring(label_config(departments)).iter("Choice") if one.get("alias") in IDS]
    keys = {department.id: str(number) for number, department in enumerate(departments, 1)}
    assert [(one.get("alias"), one.get("value"), one.get("hotkey")) for one in choices] == [
        ("it", "IT (team not known)", keys["it"]),
        ("network", "IT: Network (team not known)", keys["network"]),
        ("wifi", "IT: Network: Wifi", keys["wifi"]),
        ("hardware", "IT: Hardware", keys["hardware"]),
        ("hr", "HR", keys["hr"]),
    ]
    for said, meant in {"it": "it", "net": "network", "IT: hardware": "hardware", "h": None}.items():
        found = understand(said, None, departments)
        assert (found.id if isinstance(found, Department) else found) == meant


def test_a_team_without_a_group_of_reviewers_is_its_departments() -> None:
    groups = ReviewGroups({"Confidential": ["HR"], "Cables": ["network"]})
    pay = TREE.apply(DepartmentAdded("pay", "Pay", "hr"))
    assert [groups.group_in(pay, id) for id in ("pay", "wifi", "hardware", None)] == [
        "Confidential",
        "Cables",
        "Mail",
        "Mail",
    ]


@given(st.lists(changes, max_size=12), ids, ids)
def test_two_answers_can_both_be_right_where_one_is_a_team_of_the_other(
    history: list[DepartmentChange], one: str, other: str
) -> None:
    taxonomy = fold_taxonomy([*OFFICE, *history])
    assert taxonomy.agree(one, one)
    assert taxonomy.agree(one, other) == taxonomy.agree(other, one)
    assert taxonomy.agree(one, other) == (one in (other, *taxonomy.above(other)) or other in taxonomy.above(one))
    assert not taxonomy.agree(one, None)


def test_what_ended_is_still_compared_as_the_team_that_it_was() -> None:
    ended = TREE.apply(DepartmentMerged("hardware", "network"))
    assert ended.agree("hardware", "it")
    assert not ended.agree("hardware", "network")


# What is concluded


believed = st.dictionaries(ids, st.floats(1e-6, 1), max_size=5).map(
    lambda raw: {id: part / sum(raw.values()) for id, part in raw.items()}
)


@given(believed, st.floats(0, 1))
def test_without_teams_the_likeliest_is_concluded_as_ever(probabilities: dict[str, float], bar: float) -> None:
    flat = fold_taxonomy(replace(change, parent=None) for change in OFFICE)
    assert conclude_within(probabilities, flat, bar) == conclude(probabilities)


@given(believed, st.floats(0, 1))
def test_a_team_is_concluded_only_where_nothing_that_was_passed_over_is_likelier(
    probabilities: dict[str, float], bar: float
) -> None:
    found, total = conclude_within(probabilities, TREE, bar), masses(probabilities, TREE)
    orders = permutations(probabilities.items())
    assert {conclude_within(dict(order), TREE, bar) for order in orders} == {found}
    if found.department is None:
        assert (found, probabilities) == (NOTHING, {})
        return
    assert found.confidence == total[found.department]
    assert found.margin >= 0
    assert not TREE.above(found.department) or found.confidence >= bar
    for id, probability in probabilities.items():
        if not TREE.agree(id, found.department):
            assert total[id] <= found.confidence - found.margin + 1e-12
        elif id in TREE.above(found.department):
            assert probability <= found.confidence - found.margin + 1e-12


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        pytest.param({"it": 0.1, "network": 0.5, "hr": 0.4}, ("network", 0.5, 0.1), id="a clear team"),
        pytest.param({"it": 0.1, "network": 0.3, "wifi": 0.2, "hr": 0.4}, ("network", 0.5, 0.1), id="not its own"),
        pytest.param({"it": 0.5, "network": 0.4, "hr": 0.1}, ("it", 0.9, 0.8), id="its team is not known"),
        pytest.param({"network": 0.35, "hardware": 0.3, "hr": 0.35}, ("it", 0.65, 0.3), id="another is as likely"),
        pytest.param(
            {"network": 0.29, "hardware": 0.27, "it": 0.2, "hr": 0.24}, ("it", 0.76, 0.52), id="none is clear"
        ),
    ],
)
def test_a_team_is_concluded_as_far_down_as_it_is_clear(
    probabilities: dict[str, float], expected: tuple[str, float, float]
) -> None:
    found = conclude_within(probabilities, TREE, 0.3)
    assert (found.department, found.confidence, found.margin) == (expected[0], *map(pytest.approx, expected[1:]))


# Changing them


def test_it_is_told_how_many_lessons_a_move_or_a_new_team_makes_partial(ledger: Ledger) -> None:
    ledger.append([*OFFICE[:3], *(a_correction(f"mail-{n}", ("it", "network", "hr")[n % 3]) for n in range(9))], NOON)
    assert consequences(ledger, [DepartmentMoved("network", "hr")]).partial == {"it": 3, "hr": 3}
    assert consequences(ledger, [OFFICE[3]]).partial == {"it": 3}
    assert consequences(ledger, [DepartmentRenamed("network", "Cables")]).partial == {}


def test_an_undo_that_would_undo_more_is_refused(ledger: Ledger) -> None:
    ledger.append(OFFICE[:3], NOON)
    for id in ("it", "network"):
        change_departments(ledger, [DepartmentMoved("hr", id)], NOON)
    with pytest.raises(BadInput, match="undo those of hr, network first"):
        departments_after(ledger, [DepartmentUndone("it")])
    change_departments(ledger, [DepartmentUndone("hr"), DepartmentUndone("hr"), DepartmentUndone("network")], NOON)
    assert set(departments_after(ledger, [DepartmentUndone("it")]).departments) == {"hr"}


# Where it counts


def test_an_answer_for_the_department_says_that_its_team_was_right(ledger: Ledger) -> None:
    ledger.append(OFFICE, NOON)
    answers = {"wifi": "it", "network": "wifi", "hardware": "network", "hr": "it", "it": "hr"}
    decided = [an_admission(id, department=id, draw=0.0, review_probability=1.0) for id in answers]
    ledger.admit(decided, NOW)
    ledger.append([a_correction(id, answer) for id, answer in answers.items()], NOON)
    accuracy = decided_since(ledger).accuracy
    assert accuracy is not None
    assert accuracy.point == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("champion", "challenger", "answer", "gain"),
    [("it", "wifi", "network", 0), ("it", "wifi", "hardware", -1), ("hr", "wifi", "it", 1), ("hr", "it", "it", 1)],
)
def test_a_duel_counts_a_department_as_right_with_its_teams(
    champion: str, challenger: str, answer: str, gain: float
) -> None:
    shadow = ShadowDecision("mail-1", "other", challenger, 0.9)
    dispute = Dispute(a_decision(department=champion), shadow, a_correction(department=answer))
    assert gain_of(dispute, TREE) == gain
    assert gain_of(dispute, Taxonomy()) == float(challenger == answer) - float(champion == answer)


def test_mail_is_decided_for_a_team_once_it_is_clear(ledger: Ledger, tmp_path: Path) -> None:
    office = an_office(ledger, tmp_path, share=1.0)
    office.answer(office.triage(20))
    office.desk.refresh()
    mail = [mail_about("support", 300)]
    [before] = office.desk.conclusions(mail)
    change_departments(ledger, [DepartmentAdded("desk", "Desk")], NOON)
    change_departments(ledger, [DepartmentMoved("support", "desk"), DepartmentMoved("legal", "desk")], NOON)
    office.desk.refresh()
    [after] = office.desk.conclusions(mail)
    assert (before.department, after.department) == ("support", "support")
    [torn] = [{"support": 0.45, "legal": 0.43, "billing": 0.12}]
    assert office.desk.conclude(torn) == Conclusion("support", 0.45, pytest.approx(0.02))
    assert office.desk.conclude({"support": 0.28, "legal": 0.27, "billing": 0.45}).department == "desk"
    assert office.desk.explain(mail[0], "desk") != []
    assert taxonomy_at(ledger).named("Support").parent == "desk"
