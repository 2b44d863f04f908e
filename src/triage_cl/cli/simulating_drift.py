"""`triage simulate drift`: how often drift alarms are false, and how small a change they find."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json

if TYPE_CHECKING:
    from triage_cl.usecases.drift_population import DriftPopulation


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage simulate`."""
    commands.command()(drift)


def drift(
    null: Annotated[bool, typer.Option("--null", help="Only years without drift.")] = False,
    planted: Annotated[bool, typer.Option("--planted", help="Only planted changes.")] = False,
    days: Annotated[int, typer.Option(min=30, help="How many days a deployment without drift is watched.")] = 365,
    change: Annotated[float, typer.Option(min=0.01, max=0.5, help="By how much the planted error rises.")] = 0.08,
    reviews: Annotated[int, typer.Option(min=50, help="How many mails are answered a day.")] = 1_000,
    mails: Annotated[int, typer.Option(min=1_000, help="How many mails come a day.")] = 20_000,
    carried: Annotated[
        float, typer.Option(min=0, max=0.6, help="The most that a day takes after the day before (AR(1)).")
    ] = 0.3,
    tails: Annotated[
        float, typer.Option(min=2.5, help="Degrees of freedom of Student's t: the fewer, the heavier the tails.")
    ] = 5.0,
    error_spread: Annotated[
        float, typer.Option(min=0, max=0.05, help="How much the error really varies from day to day.")
    ] = 0.003,
    tolerated: Annotated[
        float, typer.Option(min=0, max=3, help="How many times the usual tolerances are tolerated.")
    ] = 1.0,
    at_edge: Annotated[
        bool, typer.Option("--at-edge", help="Without drift, everything stands at the worse end of its tolerance.")
    ] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="How many such deployments, of each kind.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Watch invented deployments for drift, day by day: years without any, and planted changes."""
    from triage_cl.domain.drift_alarms import AlarmRule, Tolerances
    from triage_cl.usecases.drift_population import DriftPopulation, Spreads

    population = DriftPopulation(
        reviews=reviews,
        mails=mails,
        carried=carried,
        tails=tails,
        at_edge=at_edge,
        spreads=Spreads(error=error_spread),
        rule=AlarmRule(Tolerances().times(tolerated)),
    )
    result: dict[str, Any] = {"population": {"seed": seed, "repetitions": repetitions, **asdict(population)}}
    if null or not planted:
        result |= _quiet(population, days, repetitions, seed)
    if planted or not null:
        result |= _planted(population, change, repetitions, seed)
    if not write_json(result, json):
        _print(result)


def _quiet(population: "DriftPopulation", days: int, repetitions: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from triage_cl.domain.drift_alarms import Quantity
    from triage_cl.usecases.drift_simulation import quiet_years

    with progress_bar() as bar:
        task = bar.add_task("deployments without drift", total=repetitions)
        came = quiet_years(population, days, repetitions, np.random.default_rng(seed), lambda n: bar.advance(task, n))
    return {
        "days": days,
        "years_with_false_alarm": float(came.any_alarm.mean()),
        "years_with_false_alarm_of": dict(zip(Quantity, came.alarmed.mean(axis=0).tolist(), strict=True)),
        "control": {"naive_daily_tests": float(came.naive.mean()), "unprotected": float(came.unprotected.mean())},
    }


def _planted(population: "DriftPopulation", change: float, repetitions: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from triage_cl.usecases.drift_simulation import STEPS, planted_error, smallest_changes, sought

    with progress_bar() as bar:
        task = bar.add_task("deployments with a change", total=repetitions)
        found = planted_error(
            population, change, repetitions, np.random.default_rng(seed), lambda n: bar.advance(task, n)
        )
        task = bar.add_task("sizes of change", total=STEPS.size * len(sought(population)))
        smallest = smallest_changes(population, repetitions, np.random.default_rng(seed), lambda: bar.advance(task))
    return {
        "change_of_error": change,
        "error_found_within_2_days": found.within,
        "error_found_within_14_days": float(np.mean(found.delays > 0)),
        "dated_within_a_day": found.dated(),
        "smallest_change_found_within_2_days": smallest,
    }


def _print(result: dict[str, Any]) -> None:
    population = {
        **result["population"],
        "rule": ", ".join(f"{n} {v}" for n, v in result["population"]["rule"].items()),
    }
    print_table("The population", [(_words(name), str(value)) for name, value in population.items()])
    if "years_with_false_alarm" in result:
        print_table(f"Deployments of {result['days']} days without drift", _quiet_rows(result))
    if "smallest_change_found_within_2_days" in result:
        print_table("Planted changes", _planted_rows(result))


def _quiet_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    rows = {"with a false alarm": result["years_with_false_alarm"]}
    rows |= {f"of {name}": share for name, share in result["years_with_false_alarm_of"].items()}
    rows |= {f"the same by {_words(name)}": share for name, share in result["control"].items()}
    return [(name, f"{share:.1%}") for name, share in rows.items()]


def _planted_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    error = f"error + {100 * result['change_of_error']:g} points found within"
    rows = {f"{error} {days} days": result[f"error_found_within_{days}_days"] for days in (2, 14)}
    rows |= {f"dated within a day: {_words(by)}": share for by, share in result["dated_within_a_day"].items()}
    smallest = result["smallest_change_found_within_2_days"]
    told = [(f"smallest change of {name} found within 2 days", _change(name, by)) for name, by in smallest.items()]
    return [(name, f"{share:.1%}") for name, share in rows.items()] + told


def _change(name: str, by: float | None) -> str:
    if by is None:
        return "none that was tried"
    return f"{by:+.2f} octaves" if name == "length" else f"{100 * by:+.1f} points"


def _words(name: str) -> str:
    return name.replace("_", " ")
