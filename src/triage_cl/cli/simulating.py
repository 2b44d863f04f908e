"""`triage simulate`: what the statistics promise, on invented populations whose truth is known."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli import (
    simulating_autonomy,
    simulating_costs,
    simulating_coverage,
    simulating_drift,
    simulating_promotion,
)
from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.usecases.reviewer_population import SHARES, Malice

if TYPE_CHECKING:
    from triage_cl.usecases.reviewer_population import Population
    from triage_cl.usecases.reviewer_simulation import Watched

#: Within how many of their answers the malicious are to be flagged.
WITHIN = 200

commands = typer.Typer(help="Try the statistics where the truth is known.", no_args_is_help=True)
simulating_autonomy.plug_into(commands)
simulating_costs.plug_into(commands)
simulating_coverage.plug_into(commands)
simulating_drift.plug_into(commands)
simulating_promotion.plug_into(commands)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="simulate")


@commands.callback()
def _group() -> None:
    """Try the statistics where the truth is known."""


@commands.command()
def reviewers(
    malicious: Annotated[float, typer.Option(min=0, max=0.9, help="The share of reviewers who flip answers.")] = 0.1,
    malice: Annotated[
        Malice | None, typer.Option(help="To what they flip: any department, one, the two largest; each by default.")
    ] = None,
    flips: Annotated[float, typer.Option(min=0, max=1, help="The share of their answers that they flip.")] = 1.0,
    double: Annotated[float, typer.Option(min=0, max=1, help="The share of mail that is reviewed twice.")] = 0.05,
    steered: Annotated[
        bool, typer.Option(help="Aim most double reviews at suspects, as the statistics propose.")
    ] = True,
    tolerance: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="The error rate that is nobody's fault.")
    ] = TOLERANCE,
    pair_tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=0.5, help="The same where two departments are told apart; as --tolerance by default."
        ),
    ] = None,
    people: Annotated[int, typer.Option(min=4, help="How many reviewers there are.")] = 50,
    departments: Annotated[
        int, typer.Option(min=3, max=len(SHARES), help="How many departments their mail belongs to.")
    ] = len(SHARES),
    focus: Annotated[
        float, typer.Option(min=0, max=1, help="The share of everybody's own errors between two given departments.")
    ] = 0.0,
    repetitions: Annotated[int, typer.Option(min=1, help="How many such populations.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Flag malicious reviewers of an invented population by double reviews, and take back what they taught."""
    from triage_cl.usecases.reviewer_population import Population

    of = [malice] if malice else list(Malice)
    populations = [
        Population(
            one,
            malicious,
            flips,
            double,
            steered,
            people,
            tolerance,
            pair_tolerance,
            departments=SHARES[:departments],
            focus=focus,
        )
        for one in of
    ]
    result = _simulated(populations, repetitions, seed)
    if not write_json(result, json):
        _print(result)


def _simulated(populations: "list[Population]", repetitions: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from triage_cl.usecases.reviewer_simulation import LOOKS, anchoring_covered, watch
    from triage_cl.usecases.taking_back import AnsweredMail, accuracy_after_taking_back

    mail = AnsweredMail.generated(seed, len(populations[0].departments))
    accuracy: dict[str, Any] = {}
    watched: dict[str, Watched] = {}
    with progress_bar() as bar:
        task = bar.add_task("looks", total=LOOKS * len(populations))
        for population in populations:
            # Each malice meets the same people, whether it is simulated alone or among others.
            came = watch(population, repetitions, np.random.default_rng(seed), lambda: bar.advance(task))
            accuracy[population.malice] = accuracy_after_taking_back(mail, came.reviewers, came.flagged, seed)
            watched[population.malice] = came
    covered = anchoring_covered(populations[0].reviewers, repetitions, np.random.default_rng(seed))
    return {
        "population": _described(populations, repetitions, seed),
        **_told(watched),
        "anchoring_covered": covered,
        "accuracy_after_taking_back": accuracy,
    }


def _described(populations: "list[Population]", repetitions: int, seed: int) -> dict[str, Any]:
    from triage_cl.usecases.reviewer_simulation import ANCHORING, BLIND, LOOKS, MAILS_A_LOOK

    people = asdict(populations[0])
    return {
        "seed": seed,
        "repetitions": repetitions,
        "malice": [each.malice for each in populations],
        **{name: value for name, value in people.items() if name != "malice"},
        "mails_each": LOOKS * MAILS_A_LOOK,
        "mails_a_look": MAILS_A_LOOK,
        "anchoring": ANCHORING,
        "blind": BLIND,
    }


def _told(watched: "dict[str, Watched]") -> dict[str, Any]:
    return {
        f"flagged_within_{WITHIN}": {malice: came.found_within(WITHIN) for malice, came in watched.items()},
        "flagged_at_the_end": {malice: came.found_within(None) for malice, came in watched.items()},
        "false_discovery_rate": max(came.false_discovery_rate for came in watched.values()),
        "control": {"naive_false_discovery_rate": min(came.naive_false_discovery_rate for came in watched.values())},
        "double_share": {malice: came.double_share for malice, came in watched.items()},
        "agreement": {malice: _agreement(came) for malice, came in watched.items()},
    }


def _agreement(watched: "Watched") -> dict[str, Any]:
    from triage_cl.statistics.reviewers import agreement

    sides = {"honest": ~watched.reviewers.malicious, "malicious": watched.reviewers.malicious}
    told = {
        name: agreement(int(watched.agreed[side].sum()), int(watched.doubled[side].sum()))
        for name, side in sides.items()
    }
    return {name: asdict(one) if one else None for name, one in told.items()}


def _print(result: dict[str, Any]) -> None:
    print_table("The population", [(_words(name), _figure(value)) for name, value in result["population"].items()])
    header = ("", f"within {WITHIN}", "at the end", "agreement", "accuracy: clean", "with malice", "taken back")
    print_table("Malicious reviewers flagged", [_row(malice, result) for malice in result["agreement"]], header)
    overall = {
        "false discovery rate": result["false_discovery_rate"],
        "the same of the naive rule": result["control"]["naive_false_discovery_rate"],
        "anchoring covered": result["anchoring_covered"],
        "reviewed twice": max(result["double_share"].values()),
    }
    print_table("Overall", [(name, _share(value)) for name, value in overall.items()])


def _row(malice: str, result: dict[str, Any]) -> list[str]:
    agreed = result["agreement"][malice]["malicious"]
    shares = [
        result[f"flagged_within_{WITHIN}"][malice],
        result["flagged_at_the_end"][malice],
        agreed and agreed["point"],
        *result["accuracy_after_taking_back"][malice].values(),
    ]
    return [malice, *(_share(share) for share in shares)]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _figure(value: Any) -> str:
    return ", ".join(f"{one}" for one in value) if isinstance(value, list | tuple) else f"{value}"


def _words(name: str) -> str:
    return name.replace("_", " ")
