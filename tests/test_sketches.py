"""Summaries of decisions for drift: parts add up to the whole, and tell what all rows would."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.drift_measures import measures, titled
from triage_cl.domain.drift import Measure
from triage_cl.domain.drift_alarms import Quantity
from triage_cl.statistics.daily import OTHERS, Profile, answer_variance, error_reading, shifts
from triage_cl.statistics.sketches import ACTIONS, Decisions, Sketch, strata
from triage_cl.usecases.decision_stream import DAY_SECONDS, MONDAY, Page, pages

SHARE = st.floats(0, 1)
ROW = st.tuples(
    st.sampled_from([-1, 0, 1, 2]), st.integers(0, len(ACTIONS) - 1), st.integers(0, 20 * DAY_SECONDS), SHARE,
    st.integers(0, 2**25), st.one_of(SHARE, st.just(float("nan"))), st.floats(1e-5, 1), st.booleans(), st.booleans(),
)  # fmt: skip
NAMES = st.permutations(["billing", "legal", "support"])
COLUMNS = [each.name for each in fields(Decisions)][1:]


def summary(rows: list[tuple[object, ...]], names: list[str]) -> Sketch:
    """Of the decisions and of the answers to those that were drawn."""
    columns = [np.asarray(column) for column in zip(*rows, strict=True)]
    if not columns:
        return Sketch.empty()
    *told, wrong = columns
    decisions = Decisions(names, *told)
    drawn = np.asarray(decisions.drawn, bool)
    return Sketch.of_decisions(decisions) + Sketch.of_answers(np.asarray(decisions.probability)[drawn], wrong[drawn])


SUMMARIES = st.builds(summary, st.lists(ROW, max_size=12), NAMES)


def a_day(rows: int = 20_000, seed: int = 1, midnight: int = MONDAY, **changes: object) -> Page:
    [page] = pages(rows, rows, np.random.default_rng(seed), midnight)
    return page._replace(decisions=replace(page.decisions, **changes))


def sketch(page: Page) -> Sketch:
    drawn = np.asarray(page.decisions.drawn)
    told = Sketch.of_answers(np.asarray(page.decisions.probability)[drawn], page.wrong[drawn])
    return Sketch.of_decisions(page.decisions) + told


def part(page: Page, which: slice) -> Page:
    columns = {name: np.asarray(getattr(page.decisions, name))[which] for name in COLUMNS}
    return Page(replace(page.decisions, **columns), page.wrong[which])


@given(SUMMARIES, SUMMARIES, SUMMARIES)
def test_merging_is_associative_and_commutative_and_nothing_adds_nothing(a: Sketch, b: Sketch, c: Sketch) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Sketch.empty() == a


@given(st.lists(ROW, max_size=20), st.integers(0, 20), NAMES)
def test_parts_add_up_to_one_pass_over_the_whole(rows: list[tuple[object, ...]], cut: int, names: list[str]) -> None:
    assert summary(rows[:cut], names) + summary(rows[cut:], names) == summary(rows, names)


@given(SUMMARIES)
def test_a_stored_summary_is_the_same_again(told: Sketch) -> None:
    assert Sketch.of_plain(json.loads(json.dumps(told.plain()))) == told


def test_its_size_does_not_grow_with_the_mail() -> None:
    small, large = (
        sum(getattr(sketch(a_day(rows)), each.name).size for each in fields(Sketch)[1:]) for rows in (9, 9_000)
    )
    assert small == large


def test_decisions_are_counted_where_they_belong() -> None:
    at = int(datetime(2026, 11, 21, 17, 59, tzinfo=UTC).timestamp())
    told = Sketch.of_decisions(
        Decisions(["b", "a"], [0, -1], [2, 0], [at, at], [0.4, 0.9], [1, 9], [0.0, 1.0], [1, 0.5], [True, False])
    )
    assert told.departments == ("a", "b")
    assert [tuple(place) for place in np.argwhere(told.mails)] == [(1, 2, 5, 17), (2, 0, 5, 17)]
    assert told.confidence.sum() == 1
    assert told.reviews[:2, :2].tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.01, 1e-7, float("nan")])
def test_a_probability_that_cannot_be_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="review probability"):
        Sketch.of_answers([0.5, probability], [True, False])


def test_a_day_reads_as_its_rows_do() -> None:
    page = a_day(300_000)
    told = Profile.of(sketch(page)).readings(sketch(page))
    rows, drawn = page.decisions, np.asarray(page.decisions.drawn)
    concluded, weight = np.asarray(rows.department) >= 0, 1 / np.asarray(rows.probability)[drawn]
    wrong = page.wrong[drawn]
    stratum, error, variance = strata(rows.probability), 0.0, 0.0
    for each in np.unique(stratum):
        here, share = stratum[drawn] == each, float(np.mean(stratum == each))
        point = float(np.average(wrong[here], weights=weight[here]))
        error += share * point
        variance += share**2 * float(np.sum((weight[here] * (wrong[here] - point)) ** 2) / weight[here].sum() ** 2)
    assert told[Quantity.ERROR].values[0] == pytest.approx(error, rel=1e-4)
    assert told[Quantity.ERROR].errors[0] == pytest.approx(np.sqrt(variance), rel=0.05)
    assert told[Quantity.CONFIDENCE].values[0] == pytest.approx(
        np.mean(np.asarray(rows.confidence)[concluded]), abs=1e-3
    )
    assert told[Quantity.LENGTH].values[0] == pytest.approx(np.mean(np.log2(np.maximum(1, rows.length))), abs=0.01)
    assert told[Quantity.UNSEEN].values[0] == pytest.approx(np.mean(rows.unseen), abs=1e-3)
    shares = [np.mean(np.asarray(rows.department) == each) for each in (*range(len(rows.departments)), -1)]
    assert told[Quantity.SHARES].values.tolist() == pytest.approx(shares)


def test_only_the_morning_of_a_day_is_no_change_of_its_mail() -> None:
    page = a_day()
    hours = (np.asarray(page.decisions.decided_at) - MONDAY) // 3_600
    evening = hours >= 12
    page = part(page, slice(None))._replace(
        decisions=replace(page.decisions, unseen=np.where(evening, 0.3, 0.1), department=np.where(evening, 0, 1))
    )
    profile = Profile.of(sketch(page))
    whole, morning = (profile.readings(sketch(one)) for one in (page, part(page, slice(0, 8_000))))
    for quantity in (Quantity.UNSEEN, Quantity.SHARES):
        assert morning[quantity].values == pytest.approx(whole[quantity].values, abs=1e-9)


def test_small_departments_are_watched_together_with_mail_of_which_nothing_was_concluded() -> None:
    department = np.repeat([0, 1, 2, -1], [9_700, 100, 150, 50])
    rows = replace(a_day(10_000).decisions, departments=["large", "small", "tiny"], department=department)
    profile = Profile.of(Sketch.of_decisions(rows))
    assert profile.series[Quantity.SHARES] == ("large", OTHERS)
    assert profile.readings(Sketch.of_decisions(rows))[Quantity.SHARES].values.tolist() == pytest.approx([0.97, 0.03])


def test_a_day_without_mail_has_no_values() -> None:
    readings = Profile.of(sketch(a_day())).readings(Sketch.empty())
    assert all(np.isnan(reading.values).all() for reading in readings.values())


def test_an_error_that_nobody_saw_has_a_variance_all_the_same() -> None:
    weights = np.array([[100.0, 1_000.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    first, second = answer_variance(weights)
    assert 0 < first == second < 0.25


def test_a_stratum_that_nobody_answered_is_taken_to_be_as_the_others() -> None:
    weights = np.array([[10.0, 10.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    reading = error_reading(np.array([50.0, 50.0]), weights, answer_variance(weights))
    assert reading.values[0] == pytest.approx(0.3)
    assert np.isnan(error_reading(np.array([50.0, 50.0]), 0 * weights, 0.1).values).all()


def rows_of(page: Page) -> list[dict[str, object]]:
    """The rows as the comparison of windows takes them."""
    told = page.decisions
    at = [datetime.fromtimestamp(int(each), UTC) for each in np.asarray(told.decided_at)]
    names = [*told.departments, "none"]
    return [
        {"department": names[place], "confidence": sure if place >= 0 else None, "length": length, "unseen": unseen,
         "hour": when.hour, "weekday": when.weekday()}
        for place, sure, length, unseen, when in zip(
            told.department, told.confidence, told.length, told.unseen, at, strict=True
        )
    ]  # fmt: skip


def by_name(found: list[Measure]) -> dict[str, Measure]:
    return {measure.name: measure for measure in found if measure.kind != "quality"}


@pytest.mark.parametrize("changed", [False, True])
def test_shifts_are_those_of_the_comparison_of_rows(changed: bool) -> None:
    before, after = a_day(6_000, 1), a_day(4_000, 2, MONDAY + 7 * DAY_SECONDS)
    if changed:
        longer, less_sure = np.asarray(after.decisions.length) * 2, np.asarray(after.decisions.confidence) ** 2
        after = after._replace(decisions=replace(after.decisions, length=longer, confidence=less_sure))
    ours, theirs = (
        by_name(shifts(sketch(before), sketch(after))),
        by_name(measures(titled(rows_of(before)), titled(rows_of(after)))),
    )
    assert ours.keys() == theirs.keys()
    for name, measure in ours.items():
        expected = theirs[name]
        assert measure.level == expected.level, name
        assert (measure.watch, measure.retrain) == pytest.approx((expected.watch, expected.retrain), rel=0.2), name
        assert measure.value == pytest.approx(expected.value, rel=0.1, abs=0.01), name
    assert ours["departments"].value == pytest.approx(theirs["departments"].value)
    assert (ours["mail length"].level == "retrain") == changed
