"""Simulated promotions: planted truth, and the naive rules failing in the same runs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.domain.promotion import PromotionRule, Verdict
from triage_cl.statistics.duel_paths import follow
from triage_cl.statistics.duels import Block, Duel, Review, closed_blocks
from triage_cl.usecases.guard_simulation import PLANTED, Guarded, Office, guard
from triage_cl.usecases.promotion_population import Disputes, Population
from triage_cl.usecases.promotion_scenarios import Look
from triage_cl.usecases.promotion_simulation import Simulated, simulate

LEVEL = 0.05
RUNS = 400
BETTER = Population()
#: A challenger that is as good as the champion.
ALIKE = Population(challenger_alone=0.045, champion_alone=0.045)
#: Nobody is retired, so that a test stands alone.
PATIENT = PromotionRule(futility=-1.0)


def simulated(population: Population, seed: int = 0, **options: Any) -> Simulated:
    return simulate(population, RUNS, seed, **options)


def control(came: Simulated, name: str) -> float:
    return float(came.control[name].any(axis=1).mean())


def guarded(office: Office, seed: int = 0) -> Guarded:
    return guard(office, RUNS, seed)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["simulate", "promotion", *options, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


@pytest.mark.parametrize("look", Look)
def test_a_challenger_that_is_no_better_is_hardly_ever_promoted_and_a_peeked_z_test_often_does(look: Look) -> None:
    came = simulated(ALIKE, look=look, rule=PATIENT)
    assert came.false_promotions <= LEVEL
    assert control(came, "peeked_z") > 0.2


def test_looking_more_often_only_promotes_sooner() -> None:
    often, daily = (simulated(BETTER, look=look).duels for look in (Look.EVERY, Look.DAY))
    assert (often.reviews[daily.promoted] <= daily.reviews[daily.promoted]).all()
    assert often.promoted[daily.promoted].all()


def test_a_better_challenger_is_promoted_after_few_reviews() -> None:
    came = simulated(BETTER)
    assert came.promoted >= 0.8
    assert came.reviews_over_oracle is not None
    assert came.reviews_over_uniform is not None
    assert came.reviews_over_oracle <= 3
    assert came.reviews_over_uniform <= 0.2


def test_losses_that_are_answered_later_than_wins_promote_nobody_but_in_order_of_arrival() -> None:
    came = simulated(replace(ALIKE, delay=3.0), rule=PATIENT)
    assert came.false_promotions <= LEVEL
    assert control(came, "arrival_order") > 0.9


def test_losses_that_go_missing_promote_nobody_unless_that_is_ignored() -> None:
    came = simulated(replace(ALIKE, missing=0.2, informative=True), rule=PATIENT)
    assert came.false_promotions <= LEVEL
    assert control(came, "missing_ignored") > 0.5


def test_delayed_and_missing_answers_together_promote_nobody() -> None:
    assert simulated(replace(ALIKE, missing=0.2, informative=True, delay=5.0), rule=PATIENT).false_promotions <= LEVEL


def days_of(disputes: Disputes, population: Population, row: int) -> Iterator[tuple[int, Block]]:
    """A simulated duel as the blocks of its days, each with the place of its last review."""
    in_time = disputes.arrived[row] - disputes.decided[row] <= population.window
    day = np.floor(disputes.decided[row]).astype(int)
    mails = agreed = 0
    for one in np.unique(day):
        places = np.flatnonzero(day == one)
        reviews = tuple(
            Review(
                float(disputes.probability[row, place]),
                float(disputes.gain[row, place]) if in_time[place] or disputes.again[row, place] else None,
                asked_again=bool(not in_time[place] and disputes.again[row, place]),
            )
            for place in places
        )
        agreements = int(disputes.agreed[row, places[-1]]) - agreed
        disputed = int(disputes.position[row, places[-1]]) - mails - agreements
        mails, agreed = mails + agreements + disputed, agreed + agreements
        yield int(places[-1]), Block(date(2026, 1, 1) + timedelta(days=int(one)), agreements, disputed, reviews)


def test_simulated_duels_are_those_of_closed_days_one_by_one() -> None:
    population = replace(BETTER, missing=0.2, informative=True, delay=3.0)
    disputes, rule = Disputes.drawn(population, 5, np.random.default_rng(8)), PromotionRule(least_gain=0.01)
    paths = follow(disputes.counted(population), rule, population.least_probability, population.asked_again)
    for row in range(5):
        duel = Duel(rule, population.least_probability, population.asked_again)
        last, blocks = zip(*days_of(disputes, population, row), strict=True)
        window = timedelta(days=population.window)
        closed = list(closed_blocks(blocks, blocks[-1].day + window + timedelta(days=1), window))
        assert closed == list(blocks)
        for place, block in zip(last, closed, strict=True):
            duel.close(block)
            assert paths.gain[row, place] == pytest.approx(duel.log_e_value, abs=1e-9)
            assert paths.proved(rule.alpha)[row, place] == (duel.decide().verdict is Verdict.PROMOTE)
            assert paths.futile(rule.alpha)[row, place] == (duel.evidence.gain_high < rule.least_gain + rule.futility)
        assert duel.missing_share == pytest.approx(0.1, abs=0.05)


def test_a_late_bloomer_is_not_promoted_but_by_bets_that_follow_it() -> None:
    came = simulated(replace(BETTER, late_bloomer=True), rule=PATIENT)
    assert came.false_promotions <= LEVEL
    assert control(came, "adaptive_bets") > 0.8


def test_blind_tasks_find_the_better_challenger_that_shown_suggestions_hide() -> None:
    came = simulated(replace(BETTER, anchoring=0.15))
    assert came.promoted >= 0.8
    assert control(came, "suggestions_shown") < 0.5


def test_a_year_of_challengers_has_one_error_budget() -> None:
    came = simulate(ALIKE, 60, 0, challengers=52, rule=PATIENT)
    assert came.duels.promoted.shape == (60, 52)
    assert came.false_discovery_rate <= LEVEL
    assert control(came, "own_budgets") > 0.2
    assert control(came, "peeked_z") > 0.9


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_of_duels_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    random = np.random.default_rng(seed)
    gain = float(random.uniform(0.025, 0.035))
    better = Population(
        challenger_alone=0.045 + gain / 2,
        champion_alone=0.045 - gain / 2,
        neither=float(random.uniform(0.01, 0.04)),
        departments=int(random.integers(8, 21)),
        mails_a_day=int(random.integers(1_500, 4_000)),
        least_probability=float(random.uniform(0.2, 0.3)),
    )
    alike = replace(better, challenger_alone=0.045, champion_alone=0.045, delay=float(random.uniform(2, 4)))
    came, none = simulated(better, seed), simulated(replace(alike, missing=0.2, informative=True), seed, rule=PATIENT)
    which = f"seed {seed}: {better}"
    assert came.promoted >= 0.8, which
    assert (came.reviews_over_oracle or 9) <= 3, which
    assert (came.reviews_over_uniform or 9) <= 0.2, which
    assert none.false_promotions <= LEVEL, which
    for name, least in (("peeked_z", 0.15), ("arrival_order", 0.8), ("missing_ignored", 0.4)):
        assert control(none, name) > least, f"{name}, {which}"


def test_a_small_department_that_loses_is_named_and_not_promoted_over() -> None:
    came = guarded(Office(minority_gain=-0.1))
    assert came.named >= 0.95
    assert came.blocked >= 0.95
    assert came.promoted_within(30) <= 0.01
    assert came.named_wrongly <= LEVEL
    assert came.by_gain_alone.mean() > 0.99


def test_a_challenger_that_is_better_everywhere_is_soon_promoted() -> None:
    came = guarded(Office())
    assert came.promoted_within(14) >= 0.9
    assert came.named_wrongly <= LEVEL


def test_a_department_at_the_tolerance_hardly_ever_passes_and_by_a_peeked_z_test_it_does() -> None:
    came = guarded(Office(minority_gain=-0.05))
    assert came.planted_passed <= LEVEL
    assert came.named <= LEVEL
    assert came.planted_passed_by_peeked_z.mean() > 2 * LEVEL


def test_too_small_departments_are_reported_pending() -> None:
    came = guarded(Office())
    assert not came.office.guarded[-1]
    assert came.pending == {"department 30": 1.0}
    assert came.promoted_within(30) > 0.9


def test_the_reviews_of_a_day_stay_within_the_budget() -> None:
    assert guarded(Office(minority_gain=-0.1)).reviews <= 1_000
    assert Office().gains @ Office().shares == pytest.approx(0.03)


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_of_guards_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    random = np.random.default_rng(seed)
    office = Office(
        gain=float(random.uniform(0.025, 0.035)),
        minority=float(random.uniform(0.002, 0.004)),
        departments=int(random.integers(12, 31)),
    )
    which = f"seed {seed}: {office}"
    harmed, better, edge = (
        guarded(replace(office, minority_gain=gain), seed) for gain in (-0.1, office.gain, -office.tolerance)
    )
    assert harmed.named >= 0.95, which
    assert harmed.promoted_within(30) <= 0.01, which
    assert better.promoted_within(14) >= 0.9, which
    assert edge.planted_passed <= LEVEL, which
    assert harmed.by_gain_alone.mean() > 0.95, which
    assert edge.planted_passed_by_peeked_z.mean() > 0.1, which
    assert office.shares[PLANTED] == office.minority


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(tmp_path, monkeypatch, "--gain", "0.03", "--anchoring", "0.15", "--repetitions", "100", "--seed", "7")
    population = told["population"]
    assert (population["seed"], population["departments"], population["oracle"]) == (7, 12, 69)
    assert population["challenger_alone"] == pytest.approx(0.06)
    assert told["promoted"] >= 0.8
    assert told["reviews_over_oracle"] <= 3
    assert set(told["control"]) == {"peeked_z", "suggestions_shown"}
    null = run(tmp_path, monkeypatch, "--null", "--look", "every", "--repetitions", "100", "--challengers", "2")
    assert null["false_promotions"] == null["false_discovery_rate"] <= LEVEL
    assert null["reviews_over_oracle"] is None
    assert set(null["control"]) == {"peeked_z", "own_budgets"}


@pytest.mark.parametrize("scenario", ["minority-harm", "at-tolerance", "all-better"])
def test_the_command_plays_the_stories_with_guards(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(tmp_path, monkeypatch, "--scenario", scenario, "--repetitions", "50")
    assert told["false_promotions"] <= LEVEL
    assert (told["promoted"] > 0.9) == (scenario == "all-better")
    assert (told["named"] > 0.8) == (scenario == "minority-harm")
    assert told["control"]["gain_alone"] == 1


def test_the_same_seed_tells_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--scenario", "late-bloomer", "--missing", "0.1", "--repetitions", "50", "--seed", "3")
    told = run(tmp_path, monkeypatch, *options)
    assert run(tmp_path, monkeypatch, *options) == told
    assert told["retired"] == 0


def test_people_read_tables() -> None:
    ran = CliRunner().invoke(app, ["simulate", "promotion", "--null", "--repetitions", "20"])
    assert ran.exit_code == 0
    assert "false promotions" in ran.output
    assert "peeked z" in ran.output


@pytest.mark.parametrize(
    ("options", "told"),
    [(("--null", "--gain", "0.01"), "not both"), (("--scenario", "all-better", "--delay", "3"), "leave that out")],
)
def test_what_does_not_go_together_is_refused(options: tuple[str, ...], told: str) -> None:
    ran = CliRunner().invoke(app, ["simulate", "promotion", *options])
    assert ran.exit_code != 0
    assert told in f"{ran.output}{ran.exception}"
