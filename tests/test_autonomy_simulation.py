"""Simulated departments: autonomy is lost soon after precision falls, and hardly ever otherwise; the control sleeps."""

import json
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.domain.autonomy import Autonomy, AutonomyRule, Standing, TrackRecord, decide_autonomy
from triage_cl.statistics.autonomy import fall
from triage_cl.usecases.autonomy_simulation import Department, Earned, Held, earn, hold

DEPARTMENTS = 1_000
YEARS = 200
DROP = 0.15


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def earned(kind: Department, departments: int = DEPARTMENTS, seed: int = 0) -> Earned:
    return earn(kind, departments, 365, generator(seed)).those_who_did


def fallen(kind: Department, seed: int = 0) -> Held:
    return hold(kind, earned(kind, seed=seed), 30, generator(seed), DROP, drop_days=2)


def year(kind: Department, seed: int = 0) -> Held:
    return hold(kind, earned(kind, YEARS, seed), 365, generator(seed))


def simulate(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["simulate", "autonomy", *options, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


@pytest.mark.parametrize("precision", [0.95, 0.97])
def test_a_fall_takes_autonomy_away_within_two_days_and_by_the_running_mean_does_not(precision: float) -> None:
    came = fallen(Department(precision))
    assert came.found_within(2) >= 0.9
    assert came.below_within(2) < 0.5
    assert came.not_above_within(2) < 0.5


@pytest.mark.parametrize("precision", [0.95, 0.97])
def test_five_points_above_the_bar_autonomy_is_lost_falsely_less_than_once_a_year(precision: float) -> None:
    came = year(Department(precision))
    assert came.false_a_year <= 1
    assert 30 <= came.answers_a_day <= 33


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    bar, above = generator(seed).uniform([0.9, 0.05], [0.93, 0.06])
    kind = Department(float(bar + above), AutonomyRule(bar=float(bar)))
    came, held, which = fallen(kind, seed), year(kind, seed), f"setting {setting}, seed {seed}: {kind}"
    assert came.found_within(2) >= 0.9, which
    assert came.below_within(2) < 0.5, which
    assert held.false_a_year <= 1, which
    assert earn(Department(float(bar), kind.rule), 4_000, 365, generator(seed)).share <= 0.01, which


def test_whose_precision_is_the_bar_hardly_ever_earns_autonomy_and_whose_is_above_does() -> None:
    assert earn(Department(0.9), 3_000, 365, generator()).share <= 0.01
    assert earn(Department(0.95), 100, 365, generator()).share == 1


def test_it_takes_longer_to_earn_and_to_lose_where_there_are_few_answers() -> None:
    few, enough = Department(0.95, supply=10), Department(0.95)
    assert np.median(earned(few).days) > 2 * np.median(earned(enough).days)
    assert fallen(few).found_within(2) < fallen(enough).found_within(2) / 2
    assert fallen(few).found_within(20) >= 0.95


def test_departments_without_a_fall_are_not_found() -> None:
    came = hold(Department(0.99), earned(Department(0.99), 50), 30, generator(), drop=0.0, drop_days=5)
    assert came.found_within(5) == 0
    assert came.answers_a_day == pytest.approx(30, rel=0.1)


def test_no_department_has_no_figures() -> None:
    nobody = earn(Department(0.5), 10, 30, generator())
    came = hold(Department(0.5), nobody.those_who_did, 1, generator(), DROP, drop_days=1)
    assert nobody.share == 0
    assert (
        came.found_within(2)
        is came.below_within(2)
        is came.not_above_within(2)
        is came.false_a_year
        is came.answers_a_day
        is None
    )


def test_simulated_departments_lose_autonomy_when_the_product_would_take_it() -> None:
    kind, before = Department(0.9), TrackRecord(judged=400, right=380)
    answers = generator(5).random(20_000) < kind.precision
    start = Earned(np.zeros(1), np.array([before.judged]), np.array([before.right]))
    came = hold(kind, start, 300, cast("np.random.Generator", _Settled(answers)))
    falsely = _demotions(kind.rule, before, answers[: int(came.answers[0])])
    assert came.false.tolist() == [falsely]
    assert falsely > 0


class _Settled:
    """Chance that is settled: these answers, one after the other, evenly through the day."""

    def __init__(self, right: NDArray[np.bool_]) -> None:
        self._answers = iter(right)

    def random(self, size: int) -> NDArray[np.float64]:
        return np.array([0.0 if next(self._answers) else 1.0 for _ in range(size)])

    def standard_exponential(self, size: int) -> NDArray[np.float64]:
        return np.ones(size)


def _demotions(rule: AutonomyRule, record: TrackRecord, answers: NDArray[np.bool_]) -> int:
    """How often a department that routes automatically is demoted by these answers, if it goes on at once."""
    demotions = 0
    for right in answers:
        fell = float(fall(record.fall, right, rule.baseline(record), rule.sought))
        record = TrackRecord(record.judged + 1, record.right + int(right), fall=fell)
        if decide_autonomy(Standing(Autonomy.AUTO), record, rule).standing.autonomy is not Autonomy.AUTO:
            demotions, record = demotions + 1, replace(record, fall=0.0)
    return demotions


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--repetitions", "100", "--precision", "0.95", "--seed", "7")
    told = simulate(tmp_path, monkeypatch, *options)
    population = told["population"]
    assert (population["seed"], population["bar"], population["shift_day"], population["drop"]) == (7, 0.9, 30, 0.15)
    assert set(told["demoted_within_2_days"]) == {"0.95"}
    assert told["demoted_within_2_days"]["0.95"] >= 0.85
    assert told["control"]["demoted_within_2_days"]["0.95"] < 0.5
    assert told["false_demotions_a_year"]["0.95"] <= 1
    assert told["undeserved"]["departments"] == 1_000
    assert told["undeserved"]["earned"] <= 0.01
    found = [each["demoted_within_2_days"] for each in told["small_departments"]]
    assert found[0] < 0.2 < found[-1]
    assert simulate(tmp_path, monkeypatch, *options) == told


def test_a_precision_that_is_not_above_the_bar_is_refused() -> None:
    ran = CliRunner().invoke(app, ["simulate", "autonomy", "--precision", "0.9"])
    assert ran.exit_code != 0
    assert "above the bar of 0.9" in str(ran.exception)


def test_people_read_a_table() -> None:
    ran = CliRunner().invoke(app, ["simulate", "autonomy", "--repetitions", "3", "--precision", "0.97"])
    assert ran.exit_code == 0
    assert "Small departments" in ran.output
    assert "without deserving it" in ran.output
