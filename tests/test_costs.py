"""What triage costs, and the bars, thresholds and losses that follow."""

from math import inf, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.domain.costs import Costs, Judged, cheapest_threshold
from triage_cl.domain.decisions import Action

SHARES = st.floats(0, 1)
MONEY = st.floats(0, 100)
TABLES = st.builds(Costs, st.floats(0, 60), MONEY, st.floats(0.01, 1000), MONEY, MONEY)
#: Confidences that are often equal, as rounded ones are.
CONFIDENCES = SHARES.map(lambda share: round(share, 2))
MAILS = st.lists(st.tuples(CONFIDENCES, SHARES, st.floats(0.1, 50)), min_size=1, max_size=40)


def cost_at(costs: Costs, mails: list[Judged], threshold: float) -> float:
    spent = 0.0
    for confidence, chance, weight in mails:
        spent += weight * costs.cost(Action.AUTO if confidence >= threshold else Action.ASK, chance)
    return spent / sum(weight for _, _, weight in mails)


@settings(deadline=None)
@given(TABLES, MAILS)
def test_no_other_threshold_is_cheaper_on_the_same_mails(costs: Costs, mails: list[Judged]) -> None:
    cheapest = cheapest_threshold(costs, mails)
    assert isclose(cheapest.cost, cost_at(costs, mails, cheapest.confidence), rel_tol=1e-9, abs_tol=1e-9)
    others = [cost_at(costs, mails, threshold) for threshold in (inf, 0.0, *(mail[0] for mail in mails))]
    assert cheapest.cost <= min(others) * (1 + 1e-9) + 1e-9


@settings(deadline=None)
@given(TABLES, st.lists(CONFIDENCES, min_size=1, max_size=40))
def test_where_confidence_is_calibrated_the_bar_is_the_threshold(costs: Costs, confidences: list[float]) -> None:
    mails = [(confidence, confidence, 1.0) for confidence in confidences]
    assert isclose(cheapest_threshold(costs, mails).cost, cost_at(costs, mails, costs.bar), rel_tol=1e-9, abs_tol=1e-9)


def test_the_threshold_is_the_least_confidence_above_the_bar_and_tells_how_much_is_automatic() -> None:
    costs = Costs(triage_minutes=6, wage_an_hour=10, misroute=10, delay=0, compute=0)
    told = cheapest_threshold(costs, [(confidence, confidence, 1.0) for confidence in (0.5, 0.89, 0.91, 0.99)])
    assert costs.bar == pytest.approx(0.9)
    assert (told.confidence, told.automatic) == (0.91, 0.5)
    assert told.cost == pytest.approx((2 * 1 + 0.9 + 0.1) / 4)


def test_where_asking_is_always_cheaper_nothing_is_automatic() -> None:
    assert cheapest_threshold(Costs(), [(0.99, 0.0, 1.0), (0.2, 0.5, 1.0)]).confidence == inf


@settings(deadline=None)
@given(TABLES, MAILS)
def test_a_mail_that_stands_for_two_is_two(costs: Costs, mails: list[Judged]) -> None:
    twice = [(confidence, chance, 2 * weight) for confidence, chance, weight in mails]
    assert isclose(
        cheapest_threshold(costs, twice).cost, cheapest_threshold(costs, mails + mails).cost, rel_tol=1e-9, abs_tol=1e-9
    )


@settings(deadline=None)
@given(TABLES)
def test_at_the_bar_routing_costs_what_asking_costs(costs: Costs) -> None:
    assert 0 <= costs.bar <= 1
    routed, asked = costs.cost(Action.AUTO, costs.bar), costs.cost(Action.ASK, costs.bar)
    assert routed == pytest.approx(asked) if costs.bar else routed <= asked


@settings(deadline=None)
@given(TABLES, st.floats(1, 10))
def test_the_dearer_a_misroute_the_higher_the_bar(costs: Costs, times: float) -> None:
    dearer = Costs(costs.triage_minutes, costs.wage_an_hour, costs.misroute * times, costs.delay, costs.compute)
    assert dearer.bar >= costs.bar


@settings(deadline=None)
@given(TABLES, st.sampled_from(Action), st.booleans(), st.sampled_from(Action), st.booleans())
def test_a_loss_is_a_share_and_ranks_decisions_as_their_costs_do(
    costs: Costs, action: Action, right: bool, other: Action, other_right: bool
) -> None:
    losses = costs.loss(action, right), costs.loss(other, other_right)
    assert all(0 <= loss <= 1 for loss in losses)
    dearer = costs.cost(action, float(right)) - costs.cost(other, float(other_right))
    assert losses[0] - losses[1] == pytest.approx(dearer / max(costs.misroute, costs.question), abs=1e-9)


def test_a_wrong_route_is_the_worst_a_right_one_costs_nothing_and_a_question_is_one_whatever_was_concluded() -> None:
    costs = Costs()
    assert costs.loss(Action.AUTO, right=False) == 1
    assert costs.loss(Action.AUTO, right=True) == 0
    questions = {costs.loss(action, right) for action in (Action.ASK, Action.SUGGEST) for right in (True, False)}
    assert questions == {costs.question / costs.misroute}


def test_a_question_is_the_time_it_takes_and_the_delay() -> None:
    assert Costs(triage_minutes=3, wage_an_hour=40, delay=0.5).question == 2.5


def test_the_costs_that_are_assumed_imply_a_bar_of_ninety_per_cent() -> None:
    assert Costs().bar == pytest.approx(0.9, abs=0.005)


@pytest.mark.parametrize("wrong", [{"misroute": 0}, {"delay": -1}, {"wage_an_hour": inf}, {"compute": float("nan")}])
def test_impossible_costs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="costs must be"):
        Costs(**wrong)


def test_no_mail_has_no_threshold() -> None:
    with pytest.raises(ValueError, match="needs mails"):
        cheapest_threshold(Costs(), [])
