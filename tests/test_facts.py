"""Facts are written as plain data and read back as themselves; errors say what happened."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_correction, one_of_each_kind
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentChange
from triage_cl.domain.errors import TriageError
from triage_cl.domain.facts import GOVERNING, KINDS, Fact, from_body, identity_of, subject_of, to_body
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.versions import CHALLENGER, CHAMPION, AliasMoved

policies = st.builds(ReviewPolicy, share=st.floats(0.001, 1), per_day=st.none() | st.integers(1, 10_000))
moments = st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-5, minutes=30))))
values = {
    str: st.text(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: moments.filter(lambda at: 1 < at.year < 9999),
}


def _values(kind: object) -> st.SearchStrategy[object]:
    """Values of a field's type."""
    if isinstance(kind, type) and kind in values:
        return values[kind]
    inner = get_args(kind)
    if getattr(kind, "__origin__", None) is tuple and Ellipsis in inner:
        return st.lists(_values(inner[0]), max_size=3).map(tuple)
    if getattr(kind, "__origin__", None) is tuple:
        return st.tuples(*(_values(part) for part in inner))
    if isinstance(kind, type(str | None)):
        return st.one_of(*(_values(part) for part in inner))
    return st.from_type(kind)  # type: ignore[arg-type]


def _facts(kind: type[Fact]) -> st.SearchStrategy[Fact]:
    if kind is ReviewPolicy:
        return policies
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: _values(hints[field.name]) for field in fields(kind)})


@given(st.one_of(*(_facts(kind) for kind in KINDS.values())))
def test_a_fact_written_as_json_is_read_back_as_itself(fact: Fact) -> None:
    body = json.loads(json.dumps(to_body(fact), allow_nan=False))
    read = from_body(fact.kind, body)
    assert read == fact
    assert to_body(read) == to_body(fact)
    assert (subject_of(read), identity_of(read)) == (subject_of(fact), identity_of(fact))


def test_every_kind_has_its_own_name_and_something_that_it_is_about() -> None:
    told = one_of_each_kind()
    assert {fact.kind for fact in told} == set(KINDS)
    assert len(KINDS) == len(get_args(Fact))
    assert all(subject_of(fact) for fact in told)


def test_times_are_read_back_in_utc() -> None:
    there = timezone(timedelta(hours=9))
    fact = a_correction(answered_at=NOON.astimezone(there))
    read = from_body(fact.kind, to_body(fact))
    assert isinstance(read, Correction)
    assert (read.answered_at, read.answered_at.tzinfo) == (NOON, UTC)


def test_answers_govern_no_decision_and_changes_of_departments_do() -> None:
    assert Correction.kind not in GOVERNING
    assert {change.kind for change in get_args(DepartmentChange)} <= set(GOVERNING)
    assert {ReviewPolicy.kind, AliasMoved.kind} <= set(GOVERNING)
    assert CHAMPION != CHALLENGER


def _leaves(error: type[TriageError]) -> list[type[TriageError]]:
    found = [leaf for child in error.__subclasses__() for leaf in _leaves(child)]
    return found or [error]


@pytest.mark.parametrize("error", _leaves(TriageError), ids=lambda error: error.__name__)
def test_an_error_says_what_went_wrong_and_to_what(error: type[TriageError]) -> None:
    assert str(error()).endswith(".")
    assert str(error("It was this.")) == f"{error()} It was this."
