"""Every mail may be reviewed, and the budget is kept without looking at any answer."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, after
from triage_cl.domain.decisions import Action, Conclusion
from triage_cl.domain.review import HORIZON, REFRESH, Budget, ReviewPolicy, _Slice, doubt_of

policies = st.builds(ReviewPolicy, share=st.floats(0.001, 1), per_day=st.none() | st.integers(1, 10_000))


@given(policies, st.floats(0, 1), st.booleans(), st.floats(0.001, 1), st.floats(0, 64))
def test_every_mail_may_be_reviewed(
    policy: ReviewPolicy, doubt: float, disputed: bool, share: float, slope: float
) -> None:
    probability = policy.probability(doubt, disputed, share, slope)
    assert policy.floor(share) <= probability <= 1
    assert probability > 0
    assert probability <= policy.probability(1.0, True, share, slope)
    if disputed:
        assert probability >= policy.disputed_floor


@given(
    policies.filter(lambda policy: policy.share < 1),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50),
    st.floats(0.001, 0.999),
    st.floats(0, 64),
)
def test_what_would_be_drawn_is_the_sum_of_the_probabilities(
    policy: ReviewPolicy, mails: list[tuple[float, bool]], share: float, slope: float
) -> None:
    one_by_one = sum(policy.probability(doubt, disputed, share, slope) for doubt, disputed in mails)
    at_once = sum(
        _Slice(sorted(doubt for doubt, it_is in mails if it_is is disputed), policy, disputed, share).drawn(slope)
        for disputed in (False, True)
    )
    assert at_once == pytest.approx(one_by_one, rel=1e-9)


@pytest.mark.parametrize(
    ("given_values", "match"),
    [({"share": 0}, "share"), ({"share": 1.1}, "share"), ({"share": -1}, "share"), ({"per_day": 0}, "per day")],
)
def test_a_policy_that_reviews_nothing_or_too_much_is_refused(given_values: Mapping[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ReviewPolicy(**given_values)  # type: ignore[arg-type]


def test_doubt_is_whole_for_an_abstention_and_falls_with_the_lead() -> None:
    assert doubt_of(Conclusion("a", 0.2, 0.1), Action.ASK) == 1
    assert doubt_of(Conclusion("a", 0.9, 0.75), Action.AUTO) == 0.25


def _spent(budget: Budget, mails: int, a_day: int = 1_000, doubt: float = 0.5) -> float:
    """How many mails of a steady stream the budget expects to have reviewed."""
    expected = owed = 0.0
    for number in range(mails):
        at = NOON + timedelta(days=number / a_day)
        probability = budget.probability(doubt, False, at)
        expected += probability
        owed += probability
        drawn = owed >= 1
        owed -= drawn
        budget.record(doubt, False, drawn, at)
    return expected


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 1.0])
def test_the_budget_keeps_to_its_share(share: float) -> None:
    assert _spent(Budget(ReviewPolicy(share=share)), 5_000) == pytest.approx(5_000 * share, rel=0.05)


def test_the_budget_keeps_to_so_many_a_day() -> None:
    budget = Budget(ReviewPolicy(per_day=50))
    first_days = _spent(budget, 5_000)
    assert first_days == pytest.approx(50 * 5, rel=0.35)
    assert budget.probability(0.5, False, after(days=5)) < 0.1


def test_a_budget_that_spent_too_much_asks_for_less() -> None:
    policy = ReviewPolicy(share=0.1)
    thrifty, lavish = Budget(policy, seen=1_000, drawn=100), Budget(policy, seen=1_000, drawn=130)
    for budget in (thrifty, lavish):
        budget.recent.extend([(0.5, False)] * HORIZON)
    assert lavish.probability(0.5, False, NOON) < thrifty.probability(0.5, False, NOON)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=3 * REFRESH))
def test_a_probability_follows_from_earlier_mail_alone(mails: list[tuple[float, bool, bool]]) -> None:
    told = [Budget(ReviewPolicy()), Budget(ReviewPolicy())]
    for doubt, disputed, drawn in mails:
        first, second = (budget.probability(doubt, disputed, NOON) for budget in told)
        assert first == second
        for budget in told:
            budget.record(doubt, disputed, drawn, NOON)
