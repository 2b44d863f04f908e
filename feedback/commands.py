"""`triage review` and `triage reconcile`: tasks to people, answers back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedback import bench_commands, chaos_commands, setup_commands
from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.bootstrap import App

commands = typer.Typer(help="Review mail: publish tasks, answer them in the terminal.", invoke_without_command=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this application."""
    app.add_typer(commands, name="review")
    setup_commands.plug_into(commands)
    app.command()(reconcile)
    chaos_commands.plug_into(app)
    bench_commands.plug_into(app)


@commands.callback()
def answer(
    context: typer.Context,
    reviewer: Annotated[str, typer.Option(help="Who answers; kept as a pseudonym.")] = "terminal",
    archive: Annotated[
        Path | None,
        typer.Option(
            "--simulate", metavar="ARCHIVE", help="Let a simulated reviewer answer from this labelled archive."
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Answers a second of the simulated reviewer, at most.")] = 5,
    follow: Annotated[bool, typer.Option("--follow", help="The simulated reviewer waits for more.")] = False,
    json: Json = None,
) -> None:
    """Answer review tasks in the terminal, most urgent first; or let a simulated reviewer do it."""
    if context.invoked_subcommand is not None:
        return
    from triage_cl.bootstrap import bootstrap

    app = bootstrap()
    if archive is None:
        _answer_in_the_terminal(app, reviewer, json)
    else:
        _simulate(app, archive, rate, follow, json)


def _answer_in_the_terminal(app: "App", reviewer: str, json: str | None) -> None:
    from feedback.terminal import answer_tasks, sum_up
    from triage_cl.bootstrap import utcnow
    from triage_cl.domain.errors import BadInput
    from triage_cl.usecases.last_answers import last_answers
    from triage_cl.usecases.learn import taxonomy_at
    from triage_cl.usecases.reconcile import reconcile as take_back

    if app.settings.reviews != "file":
        raise BadInput(f"Mail is reviewed in Label Studio, at {app.settings.label_studio_url}.")
    app.ensure_ready(utcnow())
    _publish(app)
    desk, who = app.desk(), app.keys.pseudonym(reviewer)
    if json is None:
        console().print(sum_up(last_answers(desk, app.ledger, who)))
    given = answer_tasks(app.file_queue, taxonomy_at(app.ledger), who, utcnow)
    found = take_back(app.ledger, app.file_queue, utcnow())
    if not write_json({"answered": given, "corrections": found.corrections}, json):
        console().print(f"{given} answered, {found.corrections} recorded in the ledger.")
        if given:
            console().print(sum_up(last_answers(desk, app.ledger, who)))


def _simulate(app: "App", archive: Path, rate: float, follow: bool, json: str | None) -> None:
    from feedback.simulation import screen_of, simulate
    from triage_cl.adapters.mail.archive import read_archive
    from triage_cl.domain.emails import Message

    if app.settings.reviews == "file":
        _publish(app)
    messages = [found for found in read_archive(archive) if isinstance(found, Message)]
    met, given = simulate(screen_of(app, messages, rate), rate, follow)
    if not write_json({"open": met, "answered": given}, json):
        console().print(f"{given:,} of {met:,} open tasks answered; `triage reconcile` records them.")


@commands.command()
def publish(json: Json = None) -> None:
    """Offer every drawn mail that no reviewer was given yet, and deal out second looks."""
    from triage_cl.bootstrap import bootstrap

    count = _publish(bootstrap())
    if not write_json({"published": count}, json):
        console().print(f"{count:,} tasks published.")


def _publish(app: "App") -> int:
    from triage_cl.bootstrap import utcnow
    from triage_cl.usecases.dealing import deal
    from triage_cl.usecases.review import publish as publish_tasks

    desk = app.desk()
    desk.refresh()
    deal(app.ledger, app.keys, app.settings.double_part, utcnow())
    return publish_tasks(app.ledger, app.queue, utcnow(), app.settings.groups, desk.explain)


def reconcile(json: Json = None) -> None:
    """Record every answer that the queue has and the ledger has not."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.reconcile import reconcile as take_back

    app = bootstrap()
    found = take_back(app.ledger, app.queue, utcnow())
    result = {
        "corrections": found.corrections,
        "repeated": found.repeated,
        "unknown_departments": found.unknown,
        "unknown_mails": found.unknown_mails,
    }
    if not write_json(result, json):
        print_table("Reconciled", [(name.replace("_", " "), f"{count:,}") for name, count in result.items()])
