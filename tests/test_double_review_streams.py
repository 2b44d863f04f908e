"""Streams of double reviews: whoever is within the tolerance gains nothing in any of them, however they are aimed."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.statistics.double_reviews import ALL, NONE, Ints, SecondLooks, Streams, Suspicions
from triage_cl.statistics.estimators import Floats

SHARES = (0.4, 0.3, 0.2, 0.1)
STREAMS = Streams(SHARES)
PAIRS = list(combinations(range(len(SHARES)), 2))
FIRST_PAIR = 1
ENOUGH = math.log(1_000)

COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=7, max_size=7)
UNITS = st.floats(0, 1)


def counted(drawn: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    wrong, right = np.array(drawn).T
    return wrong + right, wrong


def evidence(judged: Ints, wrong: Ints) -> float:
    return float(np.exp(STREAMS.log_e_value(STREAMS.log_e_values(judged, wrong))))


class Answers:
    """With what chance two agree on a department, or differ, for or against the first; within the tolerance."""

    def __init__(self, agreed: list[float], against: list[float], cleared: list[float]) -> None:
        agreed = [one + 0.01 for one in agreed]
        most = [
            TOLERANCE * share * (agreed[lower] + agreed[higher])
            for share, (lower, higher) in zip(against, PAIRS, strict=True)
        ]
        scale = min(1.0, TOLERANCE * sum(agreed) / max(sum(most), 1e-9))
        self.outcomes = [(place, place, False, chance) for place, chance in enumerate(agreed)]
        self.outcomes += [(*pair, True, scale * chance) for pair, chance in zip(PAIRS, most, strict=True)]
        self.outcomes += [(*pair, False, chance) for pair, chance in zip(PAIRS, cleared, strict=True)]

    def expected(self, judged: Ints, wrong: Ints, aimed: int) -> float:
        """The evidence that is expected after one more review."""
        total = sum(chance for *_, chance in self.outcomes)
        came = 0.0
        for first, second, against, chance in self.outcomes:
            streams = STREAMS.counting(first, second, aimed)
            came += chance / total * evidence(judged + streams, wrong + streams * against)
        return came


@given(
    COUNTS, st.lists(UNITS, min_size=4, max_size=4), *[st.lists(UNITS, min_size=6, max_size=6)] * 2, st.integers(0, 6)
)
def test_whatever_was_counted_a_further_review_of_the_tolerable_is_expected_to_add_no_evidence(
    past: list[tuple[int, int]], agreed: list[float], against: list[float], cleared: list[float], aimed: int
) -> None:
    judged, wrong = counted(past)
    answers = Answers(agreed, against, cleared)
    assert answers.expected(judged, wrong, aimed) <= evidence(judged, wrong) * (1 + 1e-9)


def test_mail_chosen_for_one_pair_would_be_no_fair_sample_of_another() -> None:
    """Nine in ten mails are of department 2, where one in ten is answered 0; none of those is chosen for (0, 1)."""
    agreed, against = 0.1, 0.09
    assert against / (agreed + 0.8 + against) < TOLERANCE < against / (agreed + against)
    other = PAIRS.index((0, 2)) + 1
    assert not STREAMS.counting(0, 2, FIRST_PAIR).any()
    assert STREAMS.counting(0, 0, FIRST_PAIR).nonzero()[0].tolist() == [FIRST_PAIR]
    assert STREAMS.counting(0, 2, ALL).nonzero()[0].tolist() == [ALL, other]


def test_two_who_agree_count_in_every_pair_of_the_department() -> None:
    streams = STREAMS.counting(1, 1, ALL)
    assert [PAIRS[number - 1] for number in streams.nonzero()[0][1:]] == [(0, 1), (1, 2), (1, 3)]


def test_half_of_the_evidence_is_for_all_reviews_and_the_rest_by_what_is_at_stake() -> None:
    weights = np.exp(STREAMS.log_weights)
    assert weights.sum() == pytest.approx(1)
    assert weights[ALL] == 0.5
    assert weights[1:].argmax() == PAIRS.index((0, 1))
    assert weights[1 + PAIRS.index((0, 2))] / weights[1 + PAIRS.index((2, 3))] == pytest.approx(0.4 / 0.1)


def test_a_swap_that_all_reviews_together_hardly_show_is_evidence_in_its_pair() -> None:
    judged, wrong = np.zeros(7, dtype=int), np.zeros(7, dtype=int)
    judged[[ALL, FIRST_PAIR]], wrong[[ALL, FIRST_PAIR]] = (19, 6), (6, 6)
    apart = STREAMS.log_e_values(judged, wrong)
    assert apart[ALL] < 4 < 8 < apart[FIRST_PAIR]
    assert STREAMS.log_e_value(apart) > ENOUGH
    assert Suspicions.told(STREAMS, apart, STREAMS.growths(judged, wrong), ENOUGH).stream == FIRST_PAIR


def test_departments_that_honest_people_confuse_can_have_a_tolerance_of_their_own() -> None:
    judged, wrong = np.full(7, 20), np.full(7, 5)
    strict, lenient = (
        STREAMS.log_e_values(judged, wrong),
        Streams(SHARES, pair_tolerance=0.25).log_e_values(judged, wrong),
    )
    assert strict[ALL] == lenient[ALL]
    assert np.all(lenient[1:] < 0)
    assert np.all(strict[1:] > 0)


@given(COUNTS, st.permutations(range(4)))
def test_it_does_not_matter_in_which_order_departments_are(past: list[tuple[int, int]], order: list[int]) -> None:
    judged, wrong = counted(past)
    places = [ALL] + [1 + PAIRS.index(tuple(sorted((order[low], order[high])))) for low, high in PAIRS]
    other = Streams(tuple(SHARES[place] for place in order))
    told = other.log_e_value(other.log_e_values(judged[places], wrong[places]))
    assert np.exp(told) == pytest.approx(evidence(judged, wrong))


def suspicions(random: Any, people: int = 30) -> tuple[Suspicions, Ints]:
    draw = np.random.default_rng(random.randrange(2**32))
    nearness = draw.random(people) * (draw.random(people) < draw.random())
    return Suspicions(draw.integers(0, 7, people), nearness), draw.multinomial(60, SHARES, people)


def spent(looks: SecondLooks, answers: Ints, working: Any) -> Floats:
    expected = np.minimum(looks.random + looks.aimed * STREAMS.expected(looks.stream, answers), 1.0)
    return np.asarray(expected[working])


@given(st.randoms(use_true_random=False), st.floats(0.01, 0.4))
def test_the_budget_is_kept_and_everybody_is_looked_at(random: Any, budget: float) -> None:
    suspects, answers = suspicions(random)
    working = np.arange(30) < random.randint(1, 30)
    looks = SecondLooks.planned(STREAMS, suspects, answers, budget, working)
    assert spent(looks, answers, working).mean() <= budget * (1 + 1e-9)
    assert looks.random.min() >= budget * 0.4 * (1 - 1e-9)
    aimed = (looks.aimed > 0) | (looks.random > looks.random.min() + 1e-9)
    assert not np.any(aimed & ~(working & (suspects.nearness > 0)))


def test_the_nearest_to_a_flag_is_looked_at_first() -> None:
    suspects = Suspicions(np.full(40, FIRST_PAIR), np.linspace(0, 1, 40))
    looks = SecondLooks.planned(STREAMS, suspects, np.zeros((40, 4)), 0.05, np.ones(40))
    assert looks.aimed[-1] == 1
    assert np.all(np.diff(looks.aimed) >= 0)
    assert looks.aimed[0] == 0


def test_nobody_is_suspected_at_the_start() -> None:
    nothing = np.zeros((3, 7), dtype=int)
    told = Suspicions.told(STREAMS, STREAMS.log_e_values(nothing, nothing), STREAMS.growths(nothing, nothing), ENOUGH)
    assert not told.of(told.stream).any()
    looks = SecondLooks.planned(STREAMS, told, np.zeros((3, 4)), 0.1, np.ones(3))
    assert looks.random == pytest.approx([0.1] * 3)


def test_a_suspect_is_suspected_in_one_stream() -> None:
    suspects = Suspicions(np.array([FIRST_PAIR, FIRST_PAIR, 2]), np.array([0.5, 0.0, 0.5]))
    assert suspects.of(FIRST_PAIR).tolist() == [True, False, False]


def test_an_answer_of_the_pair_is_reviewed_more_often_than_others_are() -> None:
    looks = SecondLooks(np.array([0.1]), np.array([0.5]), np.array([FIRST_PAIR]))
    answered, uniform = np.array([0, 1, 2, 0, 2]), np.array([0.05, 0.5, 0.5, 0.7, 0.05])
    drawn = looks.drawn(STREAMS, np.zeros(5, dtype=int), answered, uniform)
    assert drawn.tolist() == [ALL, FIRST_PAIR, NONE, NONE, ALL]
