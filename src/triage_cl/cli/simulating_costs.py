"""`triage simulate costs`: what thresholds on confidence cost where the truth is known."""

from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.domain.costs import Costs
from triage_cl.domain.errors import BadInput

if TYPE_CHECKING:
    from triage_cl.usecases.cost_simulation import Compared, Stream

#: What a misroute costs in the offices that are tried: about three, ten and thirty times a question.
MISROUTES = (4.0, 12.0, 40.0)
#: How far their champions stretch the logarithm of the odds.
STRETCHED = (1.0, 1.6)


def plug_into(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command()(costs)


def costs(
    misroute: Annotated[
        list[float] | None, typer.Option(help="What a misroute costs; give several; 4, 12 and 40 by default.")
    ] = None,
    overconfidence: Annotated[
        list[float] | None,
        typer.Option(help="By how much log-odds are stretched, 1: calibrated; give several; 1 and 1.6 by default."),
    ] = None,
    mails: Annotated[int, typer.Option(min=100, help="From how many mails a threshold is computed.")] = 50_000,
    abstaining: Annotated[float, typer.Option(min=0, max=0.9, help="The share of mail without a conclusion.")] = 0.1,
    repetitions: Annotated[int, typer.Option(min=2, help="How many such thresholds.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Compute thresholds from reviews of invented mail; compare what they cost with the cheapest and the usual ones."""
    from triage_cl.usecases.cost_simulation import Stream

    dear, stretched = misroute or MISROUTES, overconfidence or STRETCHED
    if not all(one > 0 for one in (*dear, *stretched)):
        raise BadInput("The cost of a misroute and overconfidence must be above 0.")
    streams = [Stream(one, mails, abstaining) for one in stretched]
    result = _simulated([Costs(misroute=one) for one in dear], streams, repetitions, seed)
    if not write_json(result, json):
        _print(result)


def _simulated(tables: list[Costs], streams: "list[Stream]", repetitions: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from triage_cl.usecases.cost_simulation import compare

    offices = []
    with progress_bar() as bar:
        task = bar.add_task("thresholds", total=repetitions * len(tables) * len(streams))
        for table in tables:
            for stream in streams:
                came = compare(table, stream, repetitions, np.random.default_rng(seed), lambda: bar.advance(task))
                offices.append(_told(table, stream, came))
    return {
        "population": _described(tables, streams, repetitions, seed),
        "offices": offices,
        "worst_excess": {
            "computed": max(office["computed"]["excess"]["point"] for office in offices),
            **{guess: max(office["guesses"][guess] for office in offices) for guess in offices[0]["guesses"]},
        },
        "control": {"least_dearer": min(office["control"]["dearer"]["low"] for office in offices)},
    }


def _described(tables: list[Costs], streams: "list[Stream]", repetitions: int, seed: int) -> dict[str, Any]:
    """The population, without what differs between its offices."""
    shared = {**asdict(tables[0]), **asdict(streams[0])}
    told = {name: value for name, value in shared.items() if name not in ("misroute", "overconfidence")}
    return {"seed": seed, "repetitions": repetitions, **told}


def _told(costs: Costs, stream: "Stream", came: "Compared") -> dict[str, Any]:
    """What thresholds cost in one office; all excesses are over the cheapest, as shares of its cost."""
    import numpy as np

    from triage_cl.usecases.cost_simulation import Mean

    return {
        "misroute": costs.misroute,
        "overconfidence": stream.overconfidence,
        "bar": costs.bar,
        "best": {"threshold": _finite(came.best.confidence), "cost": came.best.cost, "automatic": came.best.automatic},
        "computed": {
            "answers": came.answers,
            "threshold": _finite(float(np.median(came.thresholds))),
            "excess": asdict(Mean.of(came.computed)),
            "excess_p95": float(np.quantile(came.computed, 0.95)),
        },
        "guesses": {f"{guess:g}": excess for guess, excess in came.guesses.items()},
        "bar_as_threshold": came.believed,
        "control": {
            "excess": asdict(Mean.of(came.control)),
            "dearer": asdict(Mean.of(came.control - came.computed)),
        },
    }


def _finite(threshold: float) -> float | None:
    return threshold if isfinite(threshold) else None


def _print(result: dict[str, Any]) -> None:
    rows = [(name.replace("_", " "), f"{value}") for name, value in result["population"].items()]
    print_table("The population", rows)
    offices = result["offices"]
    header = ["misroute, overconfidence", *(f"{each['misroute']:g}, {each['overconfidence']:g}" for each in offices)]
    columns = [_column(office) for office in offices]
    table = [[name, *(column[name] for column in columns)] for name in columns[0]]
    print_table("Dearer than the cheapest threshold by", table, header)


def _column(office: dict[str, Any]) -> dict[str, str]:
    best, computed = office["best"], office["computed"]
    excesses = {
        "computed": computed["excess"]["point"],
        "95 % of computed": computed["excess_p95"],
        **office["guesses"],
        "the bar": office["bar_as_threshold"],
        "control": office["control"]["excess"]["point"],
    }
    threshold = "never" if best["threshold"] is None else f"{best['threshold']:.3f}"
    told = {"cheapest": threshold, "costs a mail": f"{best['cost']:.3f}"}
    return told | {name: f"{excess:.1%}" for name, excess in excesses.items()}
