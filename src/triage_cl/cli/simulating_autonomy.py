"""`triage simulate autonomy`: departments that earn the right to route mail by themselves, and lose it."""

from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.domain.autonomy import AutonomyRule
from triage_cl.domain.errors import BadInput

if TYPE_CHECKING:
    from triage_cl.statistics.estimators import Floats
    from triage_cl.usecases.autonomy_simulation import Department

#: Within how many days a fall is to be found; how long departments try to earn autonomy, and hold it.
WITHIN, YEAR = 2, 365
#: For one department that deserves autonomy so many try to earn it that do not: they are to succeed rarely.
UNDESERVING = 10
#: How many answers a day small departments can supply.
SUPPLIES = (5, 10, 20, 30, 60, 150)


@dataclass(frozen=True, slots=True)
class _Trial:
    """So many departments of each kind, whose precision falls by `drop` on `shift_day`."""

    repetitions: int
    drop: float
    shift_day: float
    seed: int


def plug_into(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command()(autonomy)


def autonomy(
    bar: Annotated[float, typer.Option(min=0.5, max=0.99, help="The precision that automatic routing needs.")] = 0.9,
    precision: Annotated[
        list[float] | None,
        typer.Option(help="That of the departments, above the bar; give several; .95 and .97 by default."),
    ] = None,
    drop: Annotated[float, typer.Option(min=0, max=1, help="By how much it falls.")] = 0.15,
    shift_day: Annotated[float, typer.Option(min=1, help="On which day of their autonomy it falls.")] = 30,
    reviews: Annotated[float, typer.Option(min=1, help="Random reviews a day and department.")] = 30,
    repetitions: Annotated[int, typer.Option(min=1, help="How many departments of each kind.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Let invented departments earn autonomy, hold it for a year, and lose it when their precision falls."""
    precisions = sorted(set(precision or [0.95, 0.97]))
    if not all(max(bar, drop) < one < 1 for one in precisions):
        raise BadInput(f"Every precision must be below 1, and above the bar of {bar} and the drop of {drop}.")
    trial = _Trial(repetitions, drop, shift_day, seed)
    result = _simulated(trial, AutonomyRule(bar=bar, reviews=reviews), precisions)
    if not write_json(result, json):
        _print(result)


def _simulated(trial: _Trial, rule: AutonomyRule, precisions: list[float]) -> dict[str, Any]:
    from triage_cl.usecases.autonomy_simulation import Department

    kinds = [Department(precision, rule) for precision in precisions]
    small = [Department(precisions[0], rule, supply) for supply in SUPPLIES]
    with progress_bar() as bar:
        task = bar.add_task("kinds of departments", total=1 + len(kinds) + len(small))
        undeserved = _undeserved(trial, rule)
        bar.advance(task)
        lives = {}
        for kind in kinds + small:
            lives[kind] = _life(trial, kind, YEAR if kind in kinds else 0)
            bar.advance(task)
    return {
        "population": {**asdict(trial), "precisions": precisions, **asdict(rule)},
        **_by_figure({f"{kind.precision:g}": lives[kind] for kind in kinds}),
        "undeserved": undeserved,
        "small_departments": [{"answers_a_day": kind.supply, **lives[kind]} for kind in small],
    }


def _life(trial: _Trial, kind: "Department", days: float) -> dict[str, Any]:
    """What comes of departments of a kind: they earn autonomy, fall; and hold it for so many days in another life."""
    import numpy as np

    from triage_cl.usecases.autonomy_simulation import earn, hold

    random = np.random.default_rng(trial.seed)
    earned = earn(kind, trial.repetitions, YEAR, random)
    fell = hold(kind, earned.those_who_did, trial.shift_day, random, trial.drop, WITHIN)
    told = {
        "earned_within_a_year": earned.share,
        "earning_days": _quantiles(earned.days),
        f"demoted_within_{WITHIN}_days": fell.found_within(WITHIN),
        "demoted_days": _quantiles(fell.found),
        "control": {"below": fell.below_within(WITHIN), "not_above": fell.not_above_within(WITHIN)},
    }
    if days:
        held = hold(kind, earned.those_who_did, days, random)
        told |= {"false_demotions_a_year": held.false_a_year, "reviews_a_day": held.answers_a_day}
    return told


def _undeserved(trial: _Trial, rule: AutonomyRule) -> dict[str, Any]:
    """How often departments whose precision is the bar ever earn autonomy in a year.

    The first attempt tells: there is another one only for who succeeded once.
    """
    import numpy as np

    from triage_cl.usecases.autonomy_simulation import Department, earn

    departments = trial.repetitions * UNDESERVING
    earned = earn(Department(rule.bar, rule), departments, YEAR, np.random.default_rng(trial.seed))
    return {"departments": departments, "earned": earned.share}


def _by_figure(lives: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each figure by precision; those of the control apart."""
    names = [name for name in next(iter(lives.values())) if name != "control"]
    figures: dict[str, Any] = {name: {which: life[name] for which, life in lives.items()} for name in names}
    controls = {
        f"demoted_within_{WITHIN}_days": {which: life["control"]["below"] for which, life in lives.items()},
        f"not_above_within_{WITHIN}_days": {which: life["control"]["not_above"] for which, life in lives.items()},
    }
    return {**figures, "control": controls}


def _quantiles(days: "Floats") -> dict[str, float | None]:
    """In how many days half of the departments, and nine in ten, come to it; None: not while they were watched."""
    import numpy as np

    told = np.quantile(days, (0.5, 0.9), method="higher").tolist() if days.size else (inf, inf)
    return {name: value if isfinite(value) else None for name, value in zip(("p50", "p90"), told, strict=True)}


def _print(result: dict[str, Any]) -> None:
    rows = [(name.replace("_", " "), f"{value}") for name, value in result["population"].items()]
    print_table("The population", rows)
    header = [
        "precision",
        "earned in days",
        f"in {WITHIN} days",
        "demoted in days",
        "by the running mean",
        "falsely a year",
    ]
    print_table("Half of the departments, nine in ten", [_row(result, each) for each in result["earning_days"]], header)
    header = ["answers a day", *header[1:4]]
    print_table("Small departments", [_small(life) for life in result["small_departments"]], header)
    undeserved = result["undeserved"]
    print_table("", [("earned without deserving it", f"{undeserved['earned']:.2%} of {undeserved['departments']}")])


def _row(result: dict[str, Any], which: str) -> list[str]:
    found = f"demoted_within_{WITHIN}_days"
    return [
        which,
        _days(result["earning_days"][which]),
        _share(result[found][which]),
        _days(result["demoted_days"][which]),
        _share(result["control"][found][which]),
        _figure(result["false_demotions_a_year"][which]),
    ]


def _small(life: dict[str, Any]) -> list[str]:
    found = _share(life[f"demoted_within_{WITHIN}_days"])
    return [f"{life['answers_a_day']}", _days(life["earning_days"]), found, _days(life["demoted_days"])]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _days(quantiles: dict[str, float | None]) -> str:
    return ", ".join(_figure(value) for value in quantiles.values())
