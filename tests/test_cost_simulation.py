"""Simulated thresholds: computed ones are nearly the cheapest there are; usual ones and the control are dear."""

import json
from pathlib import Path
from random import SystemRandom
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from triage_cl.cli.main import app
from triage_cl.domain.costs import Costs
from triage_cl.usecases.cost_simulation import GUESSES, Answers, Compared, CostCurve, Mails, Mean, Stream, compare

THRESHOLDS = 40


def compared(costs: Costs, stream: Stream, seed: int = 0) -> Compared:
    return compare(costs, stream, THRESHOLDS, np.random.default_rng(seed))


def simulate(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["simulate", "costs", *options, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


@pytest.mark.parametrize("overconfidence", [1.0, 1.6])
def test_a_computed_threshold_is_nearly_the_cheapest_and_the_reviewed_only_one_is_dearer(overconfidence: float) -> None:
    came = compared(Costs(), Stream(overconfidence))
    assert Mean.of(came.computed).high <= 0.02
    assert Mean.of(came.control - came.computed).low > 0.05


@pytest.mark.parametrize("setting", [1, 2])
def test_what_is_promised_holds_in_settings_nobody_chose(setting: int) -> None:
    seed = SystemRandom().randrange(2**32)
    misroute, overconfidence, abstaining = np.random.default_rng(seed).uniform([5, 1, 0], [15, 1.8, 0.2])
    stream = Stream(float(overconfidence), abstaining=float(abstaining))
    came, which = compared(Costs(misroute=float(misroute)), stream, seed), f"seed {seed}: {misroute}, {stream}"
    assert Mean.of(came.computed).high <= 0.03, which
    assert Mean.of(came.control - came.computed).low > 0, which


def test_no_usual_threshold_fits_every_office() -> None:
    offices = [compared(Costs(misroute=misroute), Stream(1.6)) for misroute in (4, 40)]
    worst = {guess: max(came.guesses[guess] for came in offices) for guess in GUESSES}
    assert min(worst.values()) > 0.1
    assert max(Mean.of(came.computed).high for came in offices) < 0.05


def test_the_bar_is_the_cheapest_threshold_where_confidence_is_calibrated_and_nowhere_else() -> None:
    assert compared(Costs(), Stream()).believed < 0.0005
    assert compared(Costs(), Stream(1.6)).believed > 0.1


def test_no_threshold_costs_less_than_the_best() -> None:
    random = np.random.default_rng(0)
    mails = Mails.drawn(Stream(1.3), 3_000, random)
    curve = CostCurve(Costs(), mails)
    tried = [curve.at(threshold) for threshold in (np.inf, *mails.confidence)]
    assert curve.best.cost == pytest.approx(min(tried))
    assert curve.at(curve.best.confidence) == curve.best.cost
    assert curve.automatic(curve.best.confidence) == np.mean(mails.confidence >= curve.best.confidence)


def test_what_a_threshold_costs_is_what_its_decisions_cost() -> None:
    mails = Mails(np.array([0.99, 0.9, 0.9, 0.0]), np.array([1.0, 0.5, 0.7, 0.0]))
    costs = Costs(triage_minutes=6, wage_an_hour=10, misroute=10, delay=0.5, compute=0.25)
    curve = CostCurve(costs, mails)
    assert curve.at(0.9) == pytest.approx(0.25 + (0 + 5 + 3 + 1.5) / 4)
    assert curve.at(0.95) == pytest.approx(0.25 + (0 + 3 * 1.5) / 4)
    assert curve.at(np.inf) == pytest.approx(0.25 + 1.5)


def test_an_abstention_is_no_confidence_and_never_right() -> None:
    mails = Mails.drawn(Stream(abstaining=0.25), 4_000, np.random.default_rng(0))
    abstained = mails.confidence == 0
    assert abstained.mean() == pytest.approx(0.25, abs=0.03)
    assert not mails.chance[abstained].any()


def test_answers_stand_for_all_mail_by_their_weights_and_by_themselves_flatter_nobody() -> None:
    random = np.random.default_rng(1)
    stream = Stream(mails=200_000)
    mails = Mails.drawn(stream, stream.mails, random)
    answers = Answers.given(stream, mails, random)
    assert np.sum(1 / answers.probability) == pytest.approx(stream.mails, rel=0.05)
    assert np.sum(answers.right / answers.probability) == pytest.approx(mails.chance.sum(), rel=0.05)
    assert answers.right.mean() < mails.chance.mean() - 0.2


def test_a_mean_without_spread_has_no_width() -> None:
    assert Mean.of(np.ones(5)) == Mean.of(np.ones(1)) == Mean(1, 1, 1)


def test_the_command_tells_the_population_and_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--repetitions", "5", "--seed", "7", "--misroute", "12", "--misroute", "30")
    told = simulate(tmp_path, monkeypatch, *options)
    assert (told["population"]["seed"], told["population"]["wage_an_hour"]) == (7, 33.5)
    assert [(each["misroute"], each["overconfidence"]) for each in told["offices"]] == [
        (12, 1.0), (12, 1.6), (30, 1.0), (30, 1.6),
    ]  # fmt: skip
    for office in told["offices"]:
        assert office["computed"]["excess"]["point"] < 0.06
        assert office["control"]["excess"]["point"] > office["computed"]["excess"]["point"]
    assert told["worst_excess"]["0.5"] == max(office["guesses"]["0.5"] for office in told["offices"])
    assert simulate(tmp_path, monkeypatch, *options) == told


def test_a_misroute_that_costs_nothing_is_refused() -> None:
    ran = CliRunner().invoke(app, ["simulate", "costs", "--misroute", "0"])
    assert ran.exit_code != 0
    assert "above 0" in str(ran.exception)


def test_people_read_a_table() -> None:
    ran = CliRunner().invoke(app, ["simulate", "costs", "--repetitions", "2", "--misroute", "12", "--mails", "5000"])
    assert ran.exit_code == 0
    assert "cheapest" in ran.output
    assert "control" in ran.output
