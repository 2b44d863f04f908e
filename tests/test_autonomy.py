"""Autonomy is earned by evidence, lost by evidence, and ended by a switch."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from triage_cl.domain.autonomy import Autonomy, AutonomyRule, Standing, TrackRecord, decide_autonomy, permitted
from triage_cl.domain.decisions import Action
from triage_cl.statistics.autonomy import fall, least_right, log_evidence
from triage_cl.statistics.sequences import ConfidenceSequence
from triage_cl.usecases.autonomy_simulation import running_mean_is_above, running_mean_is_below

RULE = AutonomyRule()
ENOUGH = RULE.needed(1)
RECORD = TrackRecord(judged=300, right=290)
BARS = st.floats(0.5, 0.98)
COUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(sorted)
AUTO = Standing(Autonomy.AUTO)


def record(suggest: float = 0.0, auto: float = 0.0, fallen: float = 0.0) -> TrackRecord:
    return TrackRecord(RECORD.judged, RECORD.right, suggest, auto, fallen)


@settings(deadline=None)
@given(st.sampled_from(Action), st.sampled_from(Autonomy))
def test_autonomy_only_ever_takes_back(action: Action, autonomy: Autonomy) -> None:
    order = [Action.ASK, Action.SUGGEST, Action.AUTO]
    assert order.index(permitted(action, autonomy)) == min(order.index(action), list(Autonomy).index(autonomy))


def test_a_new_department_is_observed_and_rises_step_by_step() -> None:
    new = decide_autonomy(Standing(), record(), RULE)
    assert new.standing == Standing(Autonomy.OBSERVE)
    suggesting = decide_autonomy(new.standing, record(suggest=ENOUGH), RULE)
    assert suggesting.standing == Standing(Autonomy.SUGGEST)
    assert decide_autonomy(suggesting.standing, record(suggest=ENOUGH, auto=ENOUGH), RULE).standing == AUTO
    assert "290 of 300 random reviews were right" in suggesting.reasons
    assert "evidence for more than 50%: 164 of 164 for suggest" in suggesting.reasons


def test_whoever_passes_both_bars_at_once_rises_at_once() -> None:
    assert decide_autonomy(Standing(), record(ENOUGH, ENOUGH), RULE).standing == AUTO


def test_suggestions_are_kept_while_the_next_bar_is_not_passed() -> None:
    standing = Standing(Autonomy.SUGGEST, attempt=3)
    assert decide_autonomy(standing, record(auto=RULE.needed(3) - 0.01), RULE).standing == standing
    assert decide_autonomy(standing, record(auto=RULE.needed(3)), RULE).standing == Standing(Autonomy.AUTO, 3)


def test_autonomy_is_lost_to_suggestions_and_the_next_attempt_needs_more() -> None:
    kept = decide_autonomy(AUTO, record(fallen=RULE.fallen - 0.01), RULE)
    lost = decide_autonomy(AUTO, record(fallen=RULE.fallen), RULE)
    assert kept.standing == AUTO
    assert lost.standing == Standing(Autonomy.SUGGEST, attempt=2)
    assert lost.reasons == ("precision fell towards 85%: evidence 1e+03 reached 1e+03",)
    assert RULE.needed(2) > RULE.needed(1)


@settings(deadline=None)
@given(st.sampled_from(Autonomy), st.floats(0, 900), st.integers(1, 9))
def test_a_stop_ends_everything_at_once_whatever_the_evidence(
    autonomy: Autonomy, evidence: float, attempt: int
) -> None:
    stopped = decide_autonomy(Standing(autonomy, attempt), record(evidence, evidence), RULE, stopped=True)
    assert stopped.standing.autonomy is Autonomy.OBSERVE
    assert stopped.reasons == ("everything was stopped",)
    assert decide_autonomy(stopped.standing, record(evidence), RULE, stopped=True) == stopped


def test_the_levels_of_all_attempts_together_are_the_one_promised() -> None:
    levels = [exp(-RULE.needed(attempt)) for attempt in range(1, 10_000)]
    assert levels[0] == pytest.approx(0.01 * 6 / np.pi**2)
    assert 0.00999 < sum(levels) < RULE.alpha


def test_a_suspect_is_reviewed_more_often() -> None:
    assert RULE.reviews_for(0.39 * log(1000)) == 30
    assert RULE.reviews_for(0.41 * log(1000)) == 150


@settings(deadline=None)
@given(BARS, COUNTS)
def test_what_a_department_is_taken_to_have_is_what_was_seen_between_the_bar_and_perfection(
    bar: float, counts: list[int]
) -> None:
    rule, (right, judged) = AutonomyRule(bar=bar), counts
    baseline = rule.baseline(TrackRecord(judged, right))
    assert bar < baseline < 1
    least, most = rule.baselines
    assert baseline in (least, most) or baseline == right / judged


@pytest.mark.parametrize(
    "wrong",
    [{"bar": 1.0}, {"bar": 0.4}, {"margin": 0}, {"alpha": 0}, {"fallen": 0}, {"closer": 0.5}, {"suspicious": 2}],
)
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AutonomyRule(**wrong)


@settings(deadline=None)
@given(BARS, COUNTS)
def test_at_the_bar_evidence_is_expected_to_stay_as_it_is(bar: float, counts: list[int]) -> None:
    right, judged = counts
    now, kept, lost = np.exp(log_evidence([right, right + 1, right], [judged, judged + 1, judged + 1], bar))
    assume(now > 1e-200)
    assert bar * kept + (1 - bar) * lost == pytest.approx(now, rel=1e-6)


@settings(deadline=None)
@given(BARS, st.integers(0, 500), st.floats(0.1, 12))
def test_so_many_right_answers_are_enough_and_one_less_is_not(bar: float, judged: int, needed: float) -> None:
    least = int(least_right(judged, bar, needed))
    if least <= judged:
        assert log_evidence(least, judged, bar) >= needed
    if least:
        assert log_evidence(least - 1, judged, bar) < needed


@settings(deadline=None)
@given(BARS, st.floats(0, 10))
def test_while_precision_is_its_baseline_a_fall_is_expected_to_be_no_likelier(bar: float, before: float) -> None:
    rule = AutonomyRule(bar=bar)
    for baseline in rule.baselines:
        kept, lost = np.exp(fall([100 + before] * 2, [True, False], baseline, rule.sought) - 100 - before)
        assert baseline * kept + (1 - baseline) * lost == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=60))
def test_evidence_for_a_fall_is_that_of_its_likeliest_beginning(answers: list[bool]) -> None:
    evidence = 0.0
    for right in answers:
        evidence = float(fall(evidence, right, 0.95, 0.85))
    ratios = [log(0.85 / 0.95) if right else log(0.15 / 0.05) for right in answers]
    assert evidence == pytest.approx(max(sum(ratios[begun:]) for begun in range(len(ratios) + 1)), abs=1e-9)


@settings(deadline=None)
@given(BARS, COUNTS)
def test_the_control_has_the_ends_of_the_confidence_sequence_that_people_read(bar: float, counts: list[int]) -> None:
    right, judged = counts
    sequence = ConfidenceSequence(bound=bar)
    for _ in range(right):
        sequence.update(1 - bar)
    for _ in range(judged - right):
        sequence.update(-bar)
    low, high = sequence.interval
    assume(min(abs(low), abs(high)) > 1e-9)
    assert bool(running_mean_is_above(bar, right, judged)) == (low > 0)
    assert bool(running_mean_is_below(bar, right, judged)) == (high < 0)
