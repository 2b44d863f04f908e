"""Simulated years: drift alarms keep their promise, and naive daily tests alarm in the same years."""

import json
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.domain.drift_alarms import AlarmRule, Quantity
from triage_cl.statistics.daily import answer_variance
from triage_cl.usecases.drift_population import DriftPopulation, Spreads
from triage_cl.usecases.drift_simulation import planted_error, quiet_years, smallest_changes

YEARS = 60
PROMISED, FOUND = 0.05, 0.9


def at_most(share: float, of: int) -> float:
    """What a share that is kept is measured to be at most, in all but one of a thousand simulations of this size."""
    return float(binom.ppf(0.999, of, share)) / of


def at_least(share: float, of: int) -> float:
    return float(binom.ppf(0.001, of, share)) / of


def test_years_without_drift_have_no_alarm_and_naive_tests_alarm_in_nearly_all() -> None:
    came = quiet_years(DriftPopulation(), 365, YEARS, np.random.default_rng(1))
    assert came.any_alarm.mean() <= at_most(PROMISED, YEARS)
    assert came.alarmed.shape == (YEARS, len(Quantity))
    assert came.naive.mean() > 0.95
    assert came.unprotected.mean() > 0.8


def test_an_error_of_eight_points_is_found_within_two_days_and_dated() -> None:
    came = planted_error(DriftPopulation(), 0.08, YEARS, np.random.default_rng(1))
    assert came.within >= at_least(FOUND, YEARS)
    assert came.dated()["alarm"] >= 0.9
    assert came.dated()["adwin_at_the_alarm"] >= 0.5


def test_an_error_within_the_tolerance_is_not_found() -> None:
    came = planted_error(DriftPopulation(), 0.02, YEARS, np.random.default_rng(1))
    assert np.mean(came.delays > 0) <= at_most(PROMISED, YEARS)


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(int(random.integers(3, 20)), 3.0))
    population = DriftPopulation(
        departments=tuple(np.maximum(shares, 0.01)),
        mails=int(random.integers(10_000, 50_000)),
        errors=(float(random.uniform(0.15, 0.3)), float(random.uniform(0.01, 0.04))),
        confidence=float(random.uniform(0.7, 0.95)),
        spreads=replace(Spreads(), **{name: float(random.uniform(0.002, 0.006)) for name in ("confidence", "unseen")}),
        tails=float(random.uniform(5, 12)),
        carried=float(random.uniform(0, 0.3)),
        weekday=float(random.uniform(0, 4)),
        at_edge=bool(random.random() < 0.3),
    )
    which = f"seed {seed}: {population}"
    quiet = quiet_years(population, 365, YEARS, random)
    assert quiet.any_alarm.mean() <= at_most(PROMISED, YEARS), which
    assert quiet.naive.mean() > 0.9, which
    assert planted_error(population, 0.08, YEARS, random).within >= at_least(FOUND, YEARS), which


def test_the_smallest_change_of_each_quantity_is_beyond_its_tolerance_and_smaller_where_days_vary_less() -> None:
    population = DriftPopulation()
    calm = replace(population, spreads=Spreads(0.001, 0.002, 0.02, 0.02, 0.002))
    usual, calmer = (smallest_changes(each, 50, np.random.default_rng(2)) for each in (population, calm))
    assert usual.keys() == calmer.keys()
    tolerances = population.rule.tolerances
    assert (usual["error"] or 0) > tolerances.error
    assert -(usual["confidence"] or 0) > tolerances.confidence
    for name in usual:
        assert 0 < abs(calmer[name] or 0) <= abs(usual[name] or 0)


def test_a_change_that_no_step_reaches_is_said_not_to_be_found() -> None:
    blind = DriftPopulation(rule=AlarmRule(cap=2.0))
    assert set(smallest_changes(blind, 3, np.random.default_rng(2)).values()) == {None}


def test_the_population_s_answers_vary_as_those_of_a_long_reference() -> None:
    population, random = DriftPopulation(), np.random.default_rng(4)
    shares, sums = (population.doubtful, 1 - population.doubtful), []
    for share, error in zip(shares, population.errors, strict=True):
        weight, wrong = share * population.mails / (population.reviews / 2), random.random(100_000) < error
        sums.append([weight * wrong.size, weight**2 * wrong.size, weight * wrong.sum(), weight**2 * wrong.sum()])
    assert answer_variance(np.array(sums)) == pytest.approx(population.answer_variance, rel=0.03)


def simulate(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["simulate", "drift", "--repetitions", "5", *options, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = simulate(tmp_path, monkeypatch, "--seed", "7")
    assert (told["population"]["seed"], told["population"]["reviews"], told["days"]) == (7, 1_000, 365)
    assert set(told["years_with_false_alarm_of"]) == set(Quantity)
    assert told["control"]["naive_daily_tests"] > 0.5
    assert told["error_found_within_2_days"] <= told["error_found_within_14_days"]
    assert set(told["smallest_change_found_within_2_days"]) > {"error", "confidence", "length", "unseen words"}
    assert simulate(tmp_path, monkeypatch, "--seed", "7") == told


def test_the_null_and_the_planted_can_be_had_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    null = simulate(tmp_path, monkeypatch, "--null", "--days", "30")
    planted = simulate(tmp_path, monkeypatch, "--planted")
    assert "control" in null
    assert "error_found_within_2_days" not in null
    assert "control" not in planted


def test_people_read_a_table() -> None:
    ran = CliRunner().invoke(app, ["simulate", "drift", "--repetitions", "2", "--days", "30"])
    assert ran.exit_code == 0
    assert "naive daily tests" in ran.output
    assert "octaves" in ran.output
