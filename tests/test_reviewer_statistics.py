"""Flags on reviewers and the anchoring of answers: planted truth, and the naive rule failing in the same runs."""

import json
import math
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.statistics.reviewers import (
    RATES,
    Flags,
    agreement,
    anchoring,
    cohens_kappa,
    e_bh,
    log_e_values,
    settled,
    steered_rates,
)
from triage_cl.statistics.sequences import BettingTest
from triage_cl.usecases.reviewer_population import SHARES, Malice, Population
from triage_cl.usecases.reviewer_simulation import Watched, anchoring_covered, watch

LEVEL = 0.05
RUNS = 60
EVIDENCE = st.lists(st.floats(-20, 20), min_size=1, max_size=12)
TOLERANCES = st.floats(0.02, 0.5)


def simulated(population: Population, seed: int = 0, runs: int = RUNS) -> Watched:
    return watch(population, runs, np.random.default_rng(seed))


def simulate(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["simulate", "reviewers", *options, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


@pytest.mark.parametrize("reviews", [1, 10, 60])
@pytest.mark.parametrize("tolerance", [0.05, TOLERANCE, 0.3])
def test_whoever_errs_as_often_as_is_tolerated_is_expected_to_gain_nothing(reviews: int, tolerance: float) -> None:
    wrong = np.arange(reviews + 1)
    e_values = np.exp(log_e_values(wrong, np.full(reviews + 1, reviews), tolerance))
    assert binom.pmf(wrong, reviews, tolerance) @ e_values == pytest.approx(1)
    assert binom.pmf(wrong, reviews, tolerance / 2) @ e_values < 1


def test_evidence_against_a_tolerable_reviewer_is_rare_though_one_looks_after_every_review() -> None:
    wrong = np.random.default_rng(3).random((2_000, 400)) < TOLERANCE
    judged = np.broadcast_to(np.arange(1, 401), wrong.shape)
    ever = (log_e_values(np.cumsum(wrong, axis=1), judged) >= math.log(1 / LEVEL)).any(axis=1)
    assert ever.mean() <= LEVEL
    naive = (np.cumsum(wrong, axis=1) > TOLERANCE * judged).any(axis=1)
    assert naive.mean() > 0.5


@given(st.lists(st.booleans(), max_size=40), TOLERANCES)
def test_the_evidence_is_that_of_the_duels_test_with_bolder_bets(reviews: list[bool], tolerance: float) -> None:
    test = BettingTest(tuple(rate * 0.5 for rate in RATES), gain=tolerance)
    for wrong in reviews:
        test.update(float(wrong), 1.0)
    # The duel's factor is 1 + λ(x − τ)/(1 + τ), ours 1 + λ(x − τ)/τ.
    timid = [rate * 0.5 * tolerance / (1 + tolerance) for rate in RATES]
    ours = log_e_values(sum(reviews), len(reviews), tolerance, timid)
    assert float(ours) == pytest.approx(test.log_e_value, abs=1e-9)


@given(st.integers(0, 200), st.integers(0, 200), TOLERANCES)
def test_a_review_against_somebody_is_evidence_and_one_for_them_speaks_for_them(
    wrong: int, right: int, tolerance: float
) -> None:
    before, worse, better = log_e_values(
        [wrong, wrong + 1, wrong], [wrong + right, wrong + right + 1, wrong + right + 1], tolerance
    )
    assert better < before < worse


@pytest.mark.parametrize(("wrong", "judged", "tolerance"), [(2, 1, 0.1), (-1, 1, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_counts_and_tolerances_that_cannot_be_are_refused(wrong: int, judged: int, tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"no reviewer|must be in"):
        log_e_values(wrong, judged, tolerance)


@given(EVIDENCE, st.floats(0.01, 0.5))
def test_the_flagged_have_the_evidence_that_their_number_asks_for_and_nobody_else_could_join(
    evidence: list[float], level: float
) -> None:
    flags, logs = e_bh(evidence, level), np.sort(evidence)[::-1]
    bars = [math.log(len(evidence) / (level * number)) for number in range(1, len(evidence) + 1)]
    most = max([number for number, bar in enumerate(bars, 1) if logs[number - 1] >= bar - 1e-12], default=0)
    assert flags.sum() == most
    assert not most or min(np.array(evidence)[flags]) == logs[most - 1]


@given(EVIDENCE, st.randoms())
def test_whom_to_flag_does_not_depend_on_the_order_of_reviewers(evidence: list[float], random: Any) -> None:
    order = random.sample(range(len(evidence)), len(evidence))
    assert list(e_bh([evidence[place] for place in order])) == [e_bh(evidence)[place] for place in order]


@given(EVIDENCE, st.data())
def test_more_evidence_against_one_unflags_nobody(evidence: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(evidence) - 1))
    more = [*evidence]
    more[place] += data.draw(st.floats(0, 20))
    assert not np.any(e_bh(evidence) & ~e_bh(more))


@given(st.floats(-20, 20))
def test_a_single_reviewer_is_flagged_by_evidence_of_one_over_the_level(evidence: float) -> None:
    assert bool(e_bh([evidence], LEVEL)[0]) == (evidence >= math.log(1 / LEVEL))


@given(st.lists(st.lists(st.floats(-20, 20), min_size=5, max_size=5), min_size=1, max_size=8))
def test_a_flag_stays_and_the_flagged_always_have_enough_evidence(looks: list[list[float]]) -> None:
    flags = Flags.none((5,))
    for evidence in looks:
        before, flags = flags, flags.after(evidence, LEVEL)
        assert not np.any(before.flagged & ~flags.flagged)
        assert np.array_equal(flags.flagged, e_bh(flags.log_e, LEVEL))


def test_populations_beside_each_other_are_flagged_apart() -> None:
    evidence = [[9.0, 9.0, 0.0], [0.0, 0.0, 4.3]]
    assert (
        e_bh(evidence).tolist() == [list(e_bh(row)) for row in evidence] == [[True, True, False], [False] * 2 + [True]]
    )


def test_a_third_settles_what_two_answer_differently() -> None:
    answers = [("it", "it", "hr"), ("it", "hr", "it"), ("it", "hr", "hr"), ("it", "hr", "tax")]
    judged, first, second = settled(*(np.array(column) for column in zip(*answers, strict=True)))
    assert judged.tolist() == [True, True, True, False]
    assert first.tolist() == [False, False, True, False]
    assert second.tolist() == [False, True, False, False]


@given(EVIDENCE, st.floats(0.01, 0.5))
def test_steered_reviews_keep_the_budget_and_look_at_everybody(evidence: list[float], budget: float) -> None:
    rates = steered_rates(evidence, budget)
    assert rates.mean() <= budget * (1 + 1e-9)
    assert rates.min() >= budget / 2
    assert np.all(np.diff(rates[np.argsort(evidence)]) >= -1e-12)


def test_nobody_is_suspected_at_the_start() -> None:
    assert steered_rates([0.0, 0.0, 0.0], 0.1) == pytest.approx([0.1] * 3)


def test_agreement_has_wilsons_interval() -> None:
    told = agreement(8, 10)
    assert told is not None
    assert (told.point, told.low, told.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert agreement(0, 0) is None
    with pytest.raises(ValueError, match="cannot agree"):
        agreement(3, 2)


def test_kappa_is_agreement_beyond_chance() -> None:
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(first, first) == 1
    assert cohens_kappa(["it"], ["it"]) is None
    assert cohens_kappa([], []) is None


def test_anchoring_is_the_difference_of_the_shares() -> None:
    told = anchoring([1, 1, 1, 0], [1, 0, 0, 0])
    assert told is not None
    assert told.point == pytest.approx(0.5)
    assert told.low < 0.5 < told.high


def test_anchoring_is_not_told_from_too_little() -> None:
    assert anchoring([1], [0, 1]) is None
    assert anchoring([1, 0], [0, 1], ["a", "a"], ["a", "a"]) is None
    with pytest.raises(ValueError, match="names"):
        anchoring([1, 0], [0, 1], ["a"], ["a", "b"])


def test_people_who_are_anchored_differently_widen_the_interval() -> None:
    shown, blind = [1] * 50 + [0] * 50, [0] * 50 + [0] * 50
    names = ["a"] * 50 + ["b"] * 50
    alone, together = anchoring(shown, blind), anchoring(shown, blind, names, names)
    assert alone is not None
    assert together is not None
    assert alone.point == together.point == 0.5
    assert together.low < alone.low


def test_a_planted_anchoring_is_covered() -> None:
    assert anchoring_covered(50, 300, np.random.default_rng(5)) >= 0.9


@pytest.mark.parametrize("malice", [Malice.UNIFORM, Malice.ONE])
def test_full_flips_are_found_by_two_hundred_answers_of_which_few_are_doubled(malice: Malice) -> None:
    assert simulated(Population(malice)).found_within(200) >= 0.9


@pytest.mark.parametrize("malice", [Malice.UNIFORM, Malice.ONE])
def test_half_flips_are_found_with_a_fifth_doubled_or_a_tenth_steered_to_suspects(malice: Malice) -> None:
    assert simulated(Population(malice, flips=0.5, double=0.2)).found_within(200) >= 0.9
    steered = simulated(Population(malice, flips=0.5, double=0.1, steered=True))
    assert steered.found_within(200) >= 0.9
    assert steered.doubled.sum() / 2 <= 0.1 * steered.answers.sum() * 1.05


def test_a_swapped_pair_is_found_where_it_is_most_of_the_mail_or_a_fifth_is_doubled() -> None:
    assert simulated(Population(Malice.SWAP, departments=SHARES[:3])).found_within(200) >= 0.9
    assert simulated(Population(Malice.SWAP, double=0.2)).found_within(200) >= 0.9


@pytest.mark.parametrize("malice", Malice)
def test_the_tolerable_are_hardly_ever_flagged_and_by_the_naive_rule_nearly_always(malice: Malice) -> None:
    came = simulated(Population(malice))
    assert (came.reviewers.error > TOLERANCE).mean() > 0.05
    assert came.false_discovery_rate <= LEVEL
    assert came.naive_false_discovery_rate > 10 * LEVEL


def test_where_everybody_errs_as_often_as_is_tolerated_almost_no_population_has_a_flag() -> None:
    came = simulated(Population(malicious=0.0, double=0.3, errors=(1e5, 9e5 + 1)), runs=100)
    assert came.found_within(None) is None
    assert came.flagged.any(axis=1).mean() <= LEVEL
    assert came.naive.any(axis=1).mean() == 1


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    random = np.random.default_rng(seed)
    population = Population(
        Malice.UNIFORM if setting == 1 else Malice.ONE,
        malicious=float(random.uniform(0.05, 0.15)),
        reviewers=int(random.integers(30, 80)),
        tolerance=float(random.uniform(0.1, 0.15)),
        errors=(2.0, float(random.uniform(26, 40))),
    )
    for drawn in (population, replace(population, flips=0.5, double=0.2)):
        came, which = simulated(drawn, seed), f"seed {seed}: {drawn}"
        assert came.found_within(200) >= 0.9, which
        assert came.false_discovery_rate <= LEVEL, which
        assert came.naive_false_discovery_rate > 5 * LEVEL, which


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = simulate(tmp_path, monkeypatch, "--repetitions", "20", "--seed", "7")
    population = told["population"]
    assert (population["seed"], population["reviewers"], population["tolerance"]) == (7, 50, TOLERANCE)
    assert population["errors"] == [2.0, 30.0]
    assert set(told["flagged_within_200"]) == set(population["malice"]) == set(Malice)
    assert min(told["flagged_within_200"][malice] for malice in ("uniform", "one")) >= 0.9
    assert told["false_discovery_rate"] <= LEVEL < told["control"]["naive_false_discovery_rate"] / 10
    assert told["anchoring_covered"] >= 0.8
    for accuracy in told["accuracy_after_taking_back"].values():
        assert accuracy["taken_back"] >= accuracy["clean"] - 0.02
        assert accuracy["with_malice"] < accuracy["clean"]


def test_the_same_seed_tells_the_same_and_a_malice_the_same_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--repetitions", "3", "--departments", "4", "--people", "20", "--seed", "3")
    everything = simulate(tmp_path, monkeypatch, *options)
    assert simulate(tmp_path, monkeypatch, *options) == everything
    alone = simulate(tmp_path, monkeypatch, *options, "--malice", "one", "--json", "told.json")
    assert alone["population"]["malice"] == ["one"]
    for key in ("flagged_within_200", "agreement", "accuracy_after_taking_back"):
        assert alone[key] == {"one": everything[key]["one"]}


def test_nobody_malicious_is_nobody_to_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = simulate(tmp_path, monkeypatch, "--repetitions", "3", "--malicious", "0", "--malice", "swap")
    assert told["flagged_within_200"] == told["flagged_at_the_end"] == {"swap": None}
    assert told["agreement"]["swap"]["malicious"] is None


def test_people_read_a_table() -> None:
    ran = CliRunner().invoke(app, ["simulate", "reviewers", "--repetitions", "2", "--malice", "one"])
    assert ran.exit_code == 0
    assert "false discovery rate" in ran.output
    assert "tolerance" in ran.output
