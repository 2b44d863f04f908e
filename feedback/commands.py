"""`triage review` and `triage reconcile`: tasks to people, answers back."""

from pathlib import Path
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

commands = typer.Typer(help="Review mail: publish tasks, answer them in the terminal.", invoke_without_command=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this application."""
    app.add_typer(commands, name="review")
    app.command()(reconcile)


@commands.callback()
def answer(
    context: typer.Context,
    reviewer: Annotated[str, typer.Option(help="Who answers; kept as a pseudonym.")] = "terminal",
) -> None:
    """Answer review tasks in the terminal, most urgent first."""
    if context.invoked_subcommand is not None:
        return
    from feedback.terminal import answer_tasks
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.learn import taxonomy_at
    from triage_cl.usecases.reconcile import reconcile as take_back
    from triage_cl.usecases.review import publish as publish_tasks

    app = bootstrap()
    app.ensure_ready(utcnow())
    publish_tasks(app.ledger, app.file_queue, utcnow())
    taxonomy = taxonomy_at(app.ledger)
    given = answer_tasks(app.file_queue, taxonomy, app.keys.pseudonym(reviewer), utcnow)
    found = take_back(app.ledger, app.file_queue, utcnow())
    console().print(f"{given} answered, {found.corrections} recorded in the ledger.")


@commands.command()
def publish(json: Json = None) -> None:
    """Offer every drawn mail that no reviewer was given yet."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.review import publish as publish_tasks

    app = bootstrap()
    count = publish_tasks(app.ledger, app.queue, utcnow())
    if not write_json({"published": count}, json):
        console().print(f"{count:,} tasks published.")


@commands.command()
def simulate(
    archive: Annotated[Path, typer.Argument(help="A labelled mail archive whose truth the reviewer knows.")],
    json: Json = None,
) -> None:
    """Let a simulated reviewer answer every open task that the archive knows the answer of."""
    from triage_cl.adapters.mail.archive import read_archive
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.domain.emails import Message
    from triage_cl.usecases.review import publish as publish_tasks
    from triage_cl.usecases.simulated_reviewer import SimulatedReviewer

    app = bootstrap()
    publish_tasks(app.ledger, app.queue, utcnow())
    messages = [found for found in read_archive(archive) if isinstance(found, Message)]
    tasks = app.queue.open_tasks()
    given = app.queue.give(SimulatedReviewer(messages, app.keys).answer(tasks, utcnow()))
    if not write_json({"open": len(tasks), "answered": given}, json):
        console().print(f"{given:,} of {len(tasks):,} open tasks answered; `triage reconcile` records them.")


def reconcile(json: Json = None) -> None:
    """Record every answer that the queue has and the ledger has not."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.reconcile import reconcile as take_back

    app = bootstrap()
    found = take_back(app.ledger, app.queue, utcnow())
    result = {"corrections": found.corrections, "repeated": found.repeated, "unknown_departments": found.unknown}
    if not write_json(result, json):
        print_table("Reconciled", [(name.replace("_", " "), f"{count:,}") for name, count in result.items()])
