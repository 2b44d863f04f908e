"""Drift alarms: the arithmetic of the e-detector, what counts as surprising, what an alarm tells."""

import json
from datetime import date, timedelta
from itertools import accumulate
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.domain.drift_alarms import AlarmRule, Proposal, Quantity, Tolerances
from triage_cl.statistics.daily import OTHERS
from triage_cl.statistics.detectors import LOG_WEIGHTS, STAKES, Detector, evidence_by_day
from triage_cl.statistics.drift_watch import DriftWatch, adwin_width
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import Reference, weekdays_from
from triage_cl.statistics.sketches import Decisions, Sketch

RULE = AlarmRule(Tolerances(unseen=0.01, length=0.1))
DAY = date(2026, 8, 31)
REFERENCE_DAYS, WATCHED = 84, 12
VALUE = st.one_of(st.floats(-0.2, 0.4), st.just(float("nan")))


def reference(series: int = 1, seed: int = 0, runs: tuple[int, ...] = ()) -> Reference:
    random = np.random.default_rng(seed)
    shape = (REFERENCE_DAYS, *runs, series)
    return Reference.fitted(
        0.06 + 0.004 * random.standard_normal(shape), np.zeros(shape), weekdays_from(0, REFERENCE_DAYS)
    )


def told(detector: Detector, values: Floats) -> Floats:
    return evidence_by_day(detector, values, np.zeros_like(values), weekdays_from(0, len(values)))[0]


def by_definition(detector: Detector, values: list[float]) -> list[float]:
    """The evidence after each day, as the sum over all starts of the products of e-values, written out."""
    usual, bets = detector.reference, 2 if detector.quantity is Quantity.LENGTH else 1
    tolerance = detector.rule.tolerances.of(detector.quantity) + detector.rule.dead_zone * float(
        usual.cautious_spread[0]
    )
    sums = []
    factors: list[list[float]] = [[] for _ in range(bets * len(STAKES))]
    before = 0.0
    for day, value in enumerate(values):
        residual = value - float(usual.weekdays[day % 7, 0])
        deviation = float(usual.deviation(np.zeros(1))[0])
        for place, direction in enumerate((1, -1)[:bets]):
            z = (direction * (residual - float(usual.carried[0]) * before) - tolerance) / deviation
            for row, stakes in enumerate(STAKES):
                e = sum(exp(stake * z - stake**2 / 2) for stake in stakes) / len(stakes)
                factors[place * len(STAKES) + row].append(min(e, detector.rule.cap * sqrt(bets)))
        most = 2 * float(usual.spread[0])
        before = max(-most, min(most, residual))
        sums.append(
            sum(
                exp(LOG_WEIGHTS[number % len(STAKES)]) / bets * product
                for number, each in enumerate(factors)
                for product in accumulate(reversed(each), lambda a, b: a * b)
            )
        )
    return sums


@given(st.lists(st.floats(0.03, 0.1), min_size=1, max_size=10))
@pytest.mark.parametrize("quantity", [Quantity.UNSEEN, Quantity.LENGTH])
def test_evidence_is_the_sum_over_daily_starts(quantity: Quantity, values: list[float]) -> None:
    detector = Detector(quantity, reference(), AlarmRule(Tolerances(unseen=0.01, length=0.01)))
    found = told(detector, np.array(values)[:, None])
    assert np.exp(found) == pytest.approx(by_definition(detector, values), rel=1e-9)


@settings(max_examples=30)
@given(st.lists(st.lists(VALUE, min_size=6, max_size=6), min_size=1, max_size=WATCHED))
def test_many_years_at_once_give_the_numbers_of_each_alone(values: list[list[float]]) -> None:
    """Three deployments of two series."""
    days = np.array(values).reshape(-1, 3, 2)
    together = reference(2, runs=(3,))
    for quantity in (Quantity.LENGTH, Quantity.SHARES):
        at_once = told(Detector(quantity, together, RULE), days)
        for run in range(3):
            alone = Reference(together.weekdays[:, run], together.spread[run], together.carried[run], together.days)
            assert told(Detector(quantity, alone, RULE), days[:, run]).tolist() == at_once[:, run].tolist()


def test_no_evidence_gathers_within_the_tolerance_and_soon_beyond_it() -> None:
    detector = Detector(Quantity.UNSEEN, reference(), RULE)
    within, beyond = (told(detector, np.full((200, 1), 0.06 + change)) for change in (0.01, 0.04))
    assert within.max() < log(10)
    assert np.flatnonzero(beyond >= log(RULE.threshold))[0] == 1


def test_a_single_day_is_no_alarm_however_odd_it_is() -> None:
    for quantity, series in ((Quantity.UNSEEN, 1), (Quantity.LENGTH, 1), (Quantity.SHARES, 12)):
        values = np.full((3, series), 0.06)
        values[1] = 50.0
        assert told(Detector(quantity, reference(series), RULE), values).max() < log(RULE.threshold / 10)


def test_what_changes_for_the_better_is_no_drift() -> None:
    for quantity, better in ((Quantity.ERROR, -1), (Quantity.UNSEEN, -1), (Quantity.CONFIDENCE, 1)):
        assert told(Detector(quantity, reference(), RULE), np.full((30, 1), 0.06 + 0.5 * better)).max() < 0


def test_a_day_without_a_value_neither_adds_nor_takes() -> None:
    detector = Detector(Quantity.UNSEEN, reference(), RULE)
    found = told(detector, np.array([[0.09], [np.nan], [np.nan]]))
    assert found[0] == found[1] == found[2]


def test_the_reference_knows_weekdays_carry_over_and_spread() -> None:
    random, weekdays = np.random.default_rng(3), weekdays_from(2, 7 * 300)
    noise = random.standard_normal(weekdays.size)
    for day in range(1, noise.size):
        noise[day] = 0.3 * noise[day - 1] + sqrt(1 - 0.09) * noise[day]
    sampling = 0.5 * random.standard_normal(weekdays.size)
    found = Reference.fitted((weekdays + noise + sampling)[:, None], np.full((weekdays.size, 1), 0.5), weekdays)
    assert found.weekdays[:, 0] == pytest.approx(np.arange(7), abs=0.2)
    assert found.spread[0] == pytest.approx(1, abs=0.08)
    assert found.carried[0] == pytest.approx(0.3 / 1.25, abs=0.06)


def test_a_shift_does_not_hide_itself_in_what_is_carried_over() -> None:
    usual = Reference(np.zeros((7, 1)), np.ones(1), np.full(1, 0.3), 84)
    assert usual.whitened(np.array([10.0]), usual.carry(np.array([10.0]), np.zeros(1)))[0] == pytest.approx(10 - 0.6)


def test_a_reference_needs_two_of_each_weekday() -> None:
    with pytest.raises(ValueError, match="every weekday"):
        Reference.fitted(np.zeros((13, 1)), np.zeros((13, 1)), weekdays_from(0, 13))


@pytest.mark.parametrize("change", [{"cap": 1.0}, {"dead_zone": -1.0}, {"false_alarms": 0.0}, {"reference_days": 7}])
def test_a_rule_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        AlarmRule(**change)  # type: ignore[arg-type]


def test_adwin_dates_a_change_and_finds_none_where_nothing_changes() -> None:
    quiet = np.random.default_rng(0).standard_normal(60)
    assert adwin_width(0 * quiet) is None
    assert adwin_width([*quiet, 5.0, 5.0, 5.0]) in {2, 3, 4}


def a_day(at: date, random: np.random.Generator, wrong: float = 0.08, moved: float = 0.0, mails: int = 4_000) -> Sketch:
    """A day of three departments, the last of which gains `moved`."""
    mails = mails if at.weekday() < 5 else mails // 4
    shares = np.array([0.5 - moved, 0.3, 0.2 + moved]) + random.normal(0, 0.005, 3)
    probability = np.where(random.random(mails) < 0.2, 0.5, 0.15)
    decisions = Decisions(
        ["billing", "legal", "support"],
        random.choice(3, mails, p=shares / shares.sum()),
        random.integers(3, size=mails),
        int((at - date(1970, 1, 1)).days) * 86_400 + random.integers(86_400, size=mails),
        np.clip(random.normal(0.85, 0.1, mails), 0, 1),
        np.exp2(random.normal(9, 1, mails)),
        random.beta(1, 15, mails),
        probability,
        random.random(mails) < probability,
    )
    drawn = np.asarray(decisions.drawn)
    missed = random.random(mails) < wrong + random.normal(0, 0.003)
    return Sketch.of_decisions(decisions) + Sketch.of_answers(probability[drawn], missed[drawn])


@pytest.fixture(scope="module")
def begun() -> DriftWatch:
    random = np.random.default_rng(5)
    days = [DAY - timedelta(back) for back in range(REFERENCE_DAYS, 0, -1)]
    return DriftWatch.begun({day: a_day(day, random) for day in days}, RULE)


def test_a_planted_change_is_named_dated_and_measured(begun: DriftWatch) -> None:
    random, watch = np.random.default_rng(6), begun
    for back in range(20):
        watch, alarms = watch.observe(DAY + timedelta(back), a_day(DAY + timedelta(back), random))
        assert alarms == []
    for back in (20, 21, 22):
        watch, alarms = watch.observe(DAY + timedelta(back), a_day(DAY + timedelta(back), random, 0.25, 0.2))
    by = {alarm.quantity: alarm for alarm in alarms}
    assert by.keys() == {Quantity.ERROR, Quantity.SHARES}
    assert {alarm.since for alarm in alarms} == {DAY + timedelta(20)}
    assert by[Quantity.ERROR].dated in {DAY + timedelta(day) for day in (19, 20, 21)}
    assert by[Quantity.ERROR].proposal is Proposal.RETRAIN
    assert by[Quantity.ERROR].change == pytest.approx(0.17, abs=0.04)
    assert by[Quantity.SHARES].of in {"billing", "support"}
    assert abs(by[Quantity.SHARES].change) == pytest.approx(0.2, abs=0.03)
    assert by[Quantity.ERROR].reason.startswith("error: +1")
    assert f"points since {DAY + timedelta(20)}" in by[Quantity.ERROR].reason
    assert watch.profile.series[Quantity.SHARES] == ("billing", "legal", "support", OTHERS)


def test_a_stored_watch_goes_on_as_if_it_had_never_been_stored(begun: DriftWatch) -> None:
    random, watch, stored = np.random.default_rng(7), begun, begun
    for back in range(6):
        at = DAY + timedelta(back + (back > 2))
        day = Sketch.empty() if back == 4 else a_day(at, random, 0.25 if back > 2 else 0.08)
        stored = DriftWatch.restored(json.loads(json.dumps(stored.snapshot(), allow_nan=False)), RULE)
        assert stored.snapshot() == watch.snapshot()
        (watch, alarms), (stored, again) = watch.observe(at, day), stored.observe(at, day)
        assert again == alarms
    assert alarms


def test_a_day_is_observed_once(begun: DriftWatch) -> None:
    watch, _ = begun.observe(DAY, Sketch.empty())
    with pytest.raises(ValueError, match="observed already"):
        watch.observe(DAY, Sketch.empty())


def test_where_nobody_answers_and_nothing_is_told_of_words_the_rest_is_watched() -> None:
    random, days = np.random.default_rng(8), [DAY - timedelta(back) for back in range(28, 0, -1)]

    def unanswered(at: date, moved: float = 0.0) -> Sketch:
        day = a_day(at, random, moved=moved)
        return Sketch.of_plain(
            {**day.plain(), "weights": (0 * day.weights).tolist(), "unseen": (0 * day.unseen).tolist()}
        )

    watch, alarms = DriftWatch.begun({day: unanswered(day) for day in days if day.weekday() < 5}, RULE), []
    for back in range(3):
        watch, alarms = watch.observe(DAY + timedelta(back), unanswered(DAY + timedelta(back), 0.25))
    assert [alarm.quantity for alarm in alarms] == [Quantity.SHARES]
    assert DriftWatch.restored(watch.snapshot(), RULE).snapshot() == watch.snapshot()
