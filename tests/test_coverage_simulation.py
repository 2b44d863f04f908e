"""Simulated coverage: planted truth, the product's own budget, and the naive average failing in the same runs."""

import json
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

import numpy as np
import pytest
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.usecases.coverage_population import Population, Stream
from triage_cl.usecases.coverage_simulation import Covered, cover, few_wrong

RUNS = 240
SMALL = Population(mails=8_000, share=0.1, departments=12)
#: What 93 % of so many runs may look like: three standard errors less.
AT_LEAST_93 = 0.93 - 3 * (0.93 * 0.07 / RUNS) ** 0.5


@pytest.fixture(scope="module")
def small() -> Covered:
    return cover(SMALL, RUNS, seed=1)


def shares(covered: Covered) -> dict[str, float]:
    """How often each way to estimate held the truth."""
    names = ("ipw", "aipw", "plain", "reviewed_only")
    return {name: getattr(covered, name).coverage or 0.0 for name in names}


def test_intervals_hold_the_truth_and_the_average_of_what_was_reviewed_does_not(small: Covered) -> None:
    held = shares(small)
    assert min(held["ipw"], held["aipw"]) >= AT_LEAST_93
    assert held["reviewed_only"] == 0
    assert small.reviewed_only.bias is not None
    assert abs(small.reviewed_only.bias) >= 0.05


def test_estimates_are_right_on_the_average(small: Covered) -> None:
    for told in (small.ipw, small.aipw):
        error = float(np.std(told.point - told.truth)) / RUNS**0.5
        assert abs(told.bias or 0.0) < 4 * error


def test_what_the_champion_believed_narrows_the_interval_though_it_boasts(small: Covered) -> None:
    assert small.excess_confidence > 0.03
    assert small.width_ratio is not None
    assert small.width_ratio < 0.7


def test_small_departments_are_covered_too(small: Covered) -> None:
    assert [size.above for size in small.departments] == [0.05, 0.02]
    for size in small.departments:
        intervals = int(np.sum(~np.isnan(size.aipw.point)))
        assert intervals > RUNS
        # The departments of one repetition share its draws, hence no more runs than repetitions in the margin.
        assert (size.aipw.coverage or 0.0) >= AT_LEAST_93


def test_few_wrong_answers_are_covered_and_by_plain_intervals_they_are_not() -> None:
    covered = cover(few_wrong(SMALL), RUNS, seed=2)
    held = shares(covered)
    assert 2 < covered.wrong < 80
    assert held["aipw"] >= AT_LEAST_93
    assert held["plain"] < 0.9


def test_many_wrong_answers_of_which_few_weigh_much_are_covered_and_by_plain_intervals_they_are_not() -> None:
    covered = cover(replace(SMALL, mails=20_000, share=0.05, accuracy=0.985), RUNS, seed=3)
    held = shares(covered)
    assert covered.wrong > 80
    assert held["aipw"] >= AT_LEAST_93
    assert held["plain"] < 0.93


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    random = np.random.default_rng(seed)
    population = Population(
        mails=int(random.integers(5_000, 9_000)),
        share=float(random.uniform(0.08, 0.15)),
        accuracy=float(random.uniform(0.7, 0.9)),
        overconfidence=float(random.uniform(1.3, 3)),
        thread_mails=float(random.uniform(1, 6)),
        trouble=float(random.uniform(0, 1.5)),
    )
    population = replace(population, hardness=0.0) if setting == 1 else population
    covered, which = cover(population, RUNS, seed), f"seed {seed}: {population}"
    held = shares(covered)
    assert min(held["ipw"], held["aipw"]) >= AT_LEAST_93, which
    assert held["reviewed_only"] < 0.5, which
    assert (covered.width_ratio or 1.0) < 1, which


def test_the_budget_draws_the_share_with_unequal_probabilities() -> None:
    stream = Stream.invented(SMALL, np.random.default_rng(4))
    assert stream.drawn.mean() == pytest.approx(SMALL.share, rel=0.05)
    assert stream.probability.mean() == pytest.approx(SMALL.share, rel=0.1)
    assert stream.probability.max() / stream.probability.min() > 10
    assert stream.right.mean() == pytest.approx(SMALL.accuracy, abs=1e-6)


def test_no_repetition_is_refused() -> None:
    with pytest.raises(ValueError, match="repetition"):
        cover(SMALL, 0, seed=1)


OPTIONS = ("simulate", "coverage", "--mails", "3000", "--share", "0.2", "--repetitions", "30", "--departments", "5")


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = []
    for name in ("first.json", "second.json"):
        ran = CliRunner().invoke(app, [*OPTIONS, "--seed", "7", "--json", name])
        assert ran.exit_code == 0, ran.output
        results.append(json.loads((tmp_path / name).read_text()))
    told, again = results
    assert told == again
    assert (told["population"]["seed"], told["population"]["repetitions"], told["population"]["mails"]) == (7, 30, 3000)
    assert told["coverage"] == min(one["coverage"] for one in told["estimators"].values())
    assert told["coverage"] >= 0.8
    assert 0 < told["width_ratio"] < 1
    assert told["control"]["reviewed_only_bias"] >= 0.05
    assert told["few_wrong"]["accuracy"] == pytest.approx(0.995)
    assert "hold the truth" in ran.output


def test_too_few_answers_for_any_interval_are_told_as_nothing() -> None:
    ran = CliRunner().invoke(app, [*OPTIONS[:2], "--mails", "1000", "--share", "0.001", "--repetitions", "2"])
    assert ran.exit_code == 0, ran.output
    assert "–" in ran.output
