"""`triage simulate promotion`: who is promoted, how soon and how rightly, where the truth is known."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.promotion_scenarios import Look, Scenario

if TYPE_CHECKING:
    from triage_cl.usecases.guard_simulation import Guarded, Office
    from triage_cl.usecases.promotion_population import Population
    from triage_cl.usecases.promotion_simulation import Simulated

#: By how much the challenger is better unless told otherwise.
GAIN = 0.03

#: The challenger, or the champion, alone is right on so much of the mail together.
ONE_RIGHT = 0.09


def plug_into(commands: typer.Typer) -> None:
    """Add the command."""
    commands.command()(promotion)


def promotion(
    null: Annotated[bool, typer.Option("--null", help="The challenger is as good as the champion.")] = False,
    gain: Annotated[
        float | None, typer.Option(min=0.0, max=ONE_RIGHT, help=f"How much better it is, {GAIN} by default.")
    ] = None,
    scenario: Annotated[Scenario | None, typer.Option(help="A story; all but the first have guards.")] = None,
    look: Annotated[Look, typer.Option(help="Look at the duel after every review, or after each day.")] = Look.EVERY,
    delay: Annotated[float, typer.Option(min=0, help="By how many days answers for the champion come later.")] = 0.0,
    missing: Annotated[float, typer.Option(min=0, max=0.5, help="The share of answers that never come unasked.")] = 0.0,
    informative: Annotated[bool, typer.Option("--informative", help="Those for the champion go missing most.")] = False,
    anchoring: Annotated[
        float, typer.Option(min=0, max=1, help="How often a wrong suggestion is accepted where it is shown.")
    ] = 0.0,
    challengers: Annotated[int, typer.Option(min=1, help="How many enter one after another.")] = 1,
    departments: Annotated[
        int | None, typer.Option(min=3, max=200, help="How many departments; 12, or 30 with guards, by default.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="How many such offices.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json: Json = None,
) -> None:
    """Judge invented challengers whose worth is known, by the duel and its guards and by naive rules."""
    if null and gain is not None:
        raise BadInput("Give --null or --gain, not both: --null is a gain of 0.")
    better = 0.0 if null else GAIN if gain is None else gain
    if scenario in (None, Scenario.LATE_BLOOMER):
        planted = {"delay": delay, "missing": missing, "informative": informative, "anchoring": anchoring}
        population = _population(better, scenario, departments, planted)
        result = _duels(population, repetitions, seed, look, challengers)
    else:
        if delay or missing or informative or anchoring or challengers > 1:
            raise BadInput(f"--scenario {scenario} is judged daily, one challenger, all answers in: leave that out.")
        result = _guarded(_office(better, scenario, departments), repetitions, seed)
    if not write_json(result, json):
        _print(result)


def _population(
    gain: float, scenario: Scenario | None, departments: int | None, planted: dict[str, Any]
) -> "Population":
    from triage_cl.usecases.promotion_population import Population

    return Population(
        challenger_alone=(ONE_RIGHT + gain) / 2,
        champion_alone=(ONE_RIGHT - gain) / 2,
        departments=departments or Population.departments,
        late_bloomer=scenario is Scenario.LATE_BLOOMER,
        **planted,
    )


def _duels(population: "Population", repetitions: int, seed: int, look: Look, challengers: int) -> dict[str, Any]:
    from triage_cl.domain.promotion import PromotionRule
    from triage_cl.usecases.promotion_simulation import simulate

    # A late bloomer is not retired before it blooms, so that what holds it back is the test alone.
    rule = PromotionRule(futility=-1.0) if population.late_bloomer else PromotionRule()
    with progress_bar() as bar:
        task = bar.add_task("challengers", total=challengers)
        came = simulate(population, repetitions, seed, look, challengers, rule, lambda: bar.advance(task))
    return {
        "population": {
            "seed": seed,
            "repetitions": repetitions,
            **asdict(population),
            "challengers": challengers,
            "look": look,
            "alpha": rule.alpha,
            "oracle": population.oracle,
        },
        **_told_of_duels(came),
    }


def _told_of_duels(came: "Simulated") -> dict[str, Any]:
    from triage_cl.usecases.promotion_simulation import false_promotions

    return {
        "false_promotions": came.false_promotions,
        "false_discovery_rate": came.false_discovery_rate,
        "promoted": came.promoted,
        "retired": float(came.duels.retired.mean()),
        "reviews": {"median": came.duels.quantile(0.5), "four_in_five": came.duels.quantile(0.8)},
        "reviews_over_oracle": came.reviews_over_oracle,
        "reviews_over_uniform": came.reviews_over_uniform,
        "blocked": None,
        "named": None,
        "control": {name: false_promotions(promoted) for name, promoted in came.control.items()},
    }


def _office(gain: float, scenario: Scenario, departments: int | None) -> "Office":
    from triage_cl.usecases.guard_simulation import Office

    loss = {Scenario.MINORITY_HARM: -0.1, Scenario.AT_TOLERANCE: -Office.tolerance}
    return Office(gain, loss.get(scenario, gain), departments=departments or Office.departments)


def _guarded(office: "Office", repetitions: int, seed: int) -> dict[str, Any]:
    from triage_cl.usecases.guard_simulation import guard

    with progress_bar() as bar:
        task = bar.add_task("days", total=office.days)
        came = guard(office, repetitions, seed, lambda: bar.advance(task))
    return {"population": {"seed": seed, "repetitions": repetitions, **asdict(office)}, **_told_of_guards(came)}


def _told_of_guards(came: "Guarded") -> dict[str, Any]:
    promoted = came.promoted_within(came.office.days)
    return {
        "false_promotions": 0.0 if came.office.is_better else promoted,
        "promoted": promoted,
        "promoted_within_14_days": came.promoted_within(14),
        "reviews_over_oracle": None,
        "reviews_over_uniform": None,
        "reviews_a_day": came.reviews,
        "blocked": came.blocked,
        "named": came.named,
        "named_wrongly": came.named_wrongly,
        "planted_passed": came.planted_passed,
        "pending": came.pending,
        "control": {
            "gain_alone": float(came.by_gain_alone.mean()),
            "peeked_z": float(came.planted_passed_by_peeked_z.mean()),
        },
    }


def _print(result: dict[str, Any]) -> None:
    print_table("The population", [(_words(name), _figure(value)) for name, value in result["population"].items()])
    told = {name: value for name, value in result.items() if name not in ("population", "control")}
    print_table("The rule", [(_words(name), _figure(value)) for name, value in told.items() if value is not None])
    print_table("Naive rules", [(_words(name), _figure(value)) for name, value in result["control"].items()])


def _figure(value: Any) -> str:
    match value:
        case None:
            return "–"
        case dict():
            return ", ".join(f"{_words(name)} {_figure(one)}" for name, one in value.items()) or "none"
        case float():
            return f"{value:.4g}"
        case _:
            return f"{value}"


def _words(name: str) -> str:
    return name.replace("_", " ")
