"""`triage simulate coverage`: how often intervals from selectively reviewed mail hold the truth."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json

if TYPE_CHECKING:
    from triage_cl.usecases.coverage_population import Population
    from triage_cl.usecases.coverage_simulation import Covered, Estimates


def plug_into(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command()(coverage)


def coverage(
    mails: Annotated[int, typer.Option(min=1_000, help="How many mails are decided.")] = 50_000,
    share: Annotated[float, typer.Option(min=0.001, max=1, help="The share of them that is reviewed.")] = 0.02,
    accuracy: Annotated[float, typer.Option(min=0.5, max=0.99, help="The share of decisions that is right.")] = 0.85,
    overconfidence: Annotated[
        float, typer.Option(min=0.1, max=10, help="By how much the champion's log-odds are stretched; 1: not.")
    ] = 1.8,
    departments: Annotated[int, typer.Option(min=1, help="How many departments the mail belongs to.")] = 30,
    repetitions: Annotated[int, typer.Option(min=1, help="How often answers and draws are repeated.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Estimate accuracy from chosen reviews of invented mail; the plain average of what was reviewed fails beside."""
    from triage_cl.usecases.coverage_population import Population

    population = Population(mails, share, accuracy=accuracy, overconfidence=overconfidence, departments=departments)
    result = _simulated(population, repetitions, seed)
    if not write_json(result, json):
        _print(result)


def _simulated(population: "Population", repetitions: int, seed: int) -> dict[str, Any]:
    from triage_cl.usecases.coverage_simulation import cover, few_wrong

    rarely = few_wrong(population)
    with progress_bar() as bar:
        task = bar.add_task("repetitions", total=2 * repetitions)
        came = cover(population, repetitions, seed, lambda: bar.advance(task))
        scarce = cover(rarely, repetitions, seed, lambda: bar.advance(task))
    covered = [one.coverage for one in (came.ipw, came.aipw) if one.coverage is not None]
    return {
        "population": {"seed": seed, "repetitions": repetitions, **asdict(population)},
        "coverage": min(covered, default=None),
        "width_ratio": came.width_ratio,
        "control": {
            "reviewed_only_bias": abs(came.reviewed_only.bias or 0.0),
            "reviewed_only_coverage": came.reviewed_only.coverage,
            "plain_coverage_of_few_wrong": scarce.plain.coverage,
        },
        **_told(came),
        "departments": [
            {"above": of.above, "upto": of.upto, "answers": of.answers, **_estimates(of.aipw)}
            for of in came.departments
        ],
        "few_wrong": {"accuracy": rarely.accuracy, **_told(scarce)},
    }


def _told(came: "Covered") -> dict[str, Any]:
    return {
        "answers": came.answers,
        "wrong_answers": came.wrong,
        "confidence_above_accuracy": came.excess_confidence,
        "estimators": {"ipw": _estimates(came.ipw), "aipw": _estimates(came.aipw)},
    }


def _estimates(told: "Estimates") -> dict[str, float | None]:
    return {"given": told.given, "coverage": told.coverage, "median_width": told.width, "bias": told.bias}


def _print(result: dict[str, Any]) -> None:
    print_table("The population", [(name.replace("_", " "), f"{one}") for name, one in result["population"].items()])
    print_table(
        "95 % intervals", [_row(*row) for row in _rows(result)], ("", "answers", "given", "hold the truth", "width")
    )
    control = result["control"]
    overall = {
        "AIPW's width over IPW's": result["width_ratio"],
        "confidence above accuracy": result["confidence_above_accuracy"],
        "the reviewed-only average is off by": control["reviewed_only_bias"],
        "its intervals hold the truth": control["reviewed_only_coverage"],
        "few wrong answers, plain intervals": control["plain_coverage_of_few_wrong"],
    }
    print_table("Overall", [(name, _share(value)) for name, value in overall.items()])


def _rows(result: dict[str, Any]) -> list[tuple[str, float, dict[str, Any]]]:
    few = result["few_wrong"]
    return [
        *((name, result["answers"], result["estimators"][key]) for key, name in (("ipw", "IPW"), ("aipw", "AIPW"))),
        *((f"departments of {of['above']:.0%} to {of['upto']:.0%}", of["answers"], of) for of in result["departments"]),
        (f"few wrong ({few['wrong_answers']:.0f})", few["answers"], few["estimators"]["aipw"]),
    ]


def _row(name: str, answers: float, told: dict[str, Any]) -> list[str]:
    return [name, f"{answers:.0f}", *(_share(told[key]) for key in ("given", "coverage", "median_width"))]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
