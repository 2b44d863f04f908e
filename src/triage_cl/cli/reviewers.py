"""`triage reviewers`: what each of them did, and taking out what somebody taught."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.bootstrap import App
    from triage_cl.domain.reviewers import ReviewerChange

commands = typer.Typer(help="Show the reviewers by pseudonym; take out what one of them taught.")

#: How many mails without an answer are asked about again at once.
AGAIN = 200

Reviewers = Annotated[list[str] | None, typer.Argument(help="Pseudonyms, as `triage reviewers` shows them.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what it does to lessons; record nothing.")]
Reason = Annotated[list[str] | None, typer.Option(help="Why, for the record; may be given again.")]


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="reviewers")


@commands.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    names: Annotated[bool, typer.Option("--names", help="Tell the accounts in Label Studio, too.")] = False,
    json: Json = None,
) -> None:
    """Show what each reviewer did: answers, agreement in double reviews, evidence, flags."""
    if context.invoked_subcommand is not None:
        return
    from triage_cl.bootstrap import bootstrap
    from triage_cl.cli.reviewer_report import HEADER, as_json, as_rows
    from triage_cl.usecases.reviewer_accounts import staff_account

    with closing(bootstrap()) as app:
        known = _names(app) if names else None
        account = staff_account(app.ledger)
    if write_json(as_json(account, known), json):
        return
    print_table("Reviewers", as_rows(account, known), HEADER, HEADER[:1])
    told = f"{account.doubled:.1%} of the answered mails are reviewed twice; {account.waiting:,} disagreements wait."
    console().print(f"{told} The first flag takes evidence of {account.needed:,.0f}.")


def _names(app: "App") -> Mapping[str, str]:
    from triage_cl.adapters.label_studio.accounts import names_of
    from triage_cl.domain.errors import BadInput

    if app.settings.reviews != "label-studio":
        raise BadInput("Mail is not reviewed in Label Studio; nobody else knows the reviewers' names.")
    return names_of(app.label_studio.connection, app.keys)


@commands.command("take-out")
def take_out(
    reviewers: Reviewers = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only answers from then on (UTC)."),
    ] = None,
    flagged: Annotated[bool, typer.Option("--flagged", help="Everybody who is flagged.")] = False,
    again: Annotated[int, typer.Option(min=0, help="Mails without an answer that others are asked about.")] = AGAIN,
    reason: Reason = None,
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Let nothing that these reviewers answered count, neither before nor later; others answer in their place."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.errors import BadInput
    from triage_cl.usecases.taking_out import flagged_reviewers, taking_out

    if not reviewers and not flagged:
        raise BadInput("Name reviewers by their pseudonyms, or say --flagged.")
    at = since.replace(tzinfo=UTC) if since else None
    why = reason or (["flagged"] if flagged else [])
    with closing(bootstrap()) as app:
        found = [*(reviewers or []), *(flagged_reviewers(app.ledger) if flagged else [])]
        _change(app, taking_out(app.ledger, found, at, why), again, dry_run, json)


@commands.command()
def reinstate(
    reviewers: Annotated[list[str], typer.Argument(help="Pseudonyms, as `triage reviewers` shows them.")],
    reason: Reason = None,
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Let everything count again that these reviewers answered."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.taking_out import putting_back

    with closing(bootstrap()) as app:
        _change(app, putting_back(app.ledger, reviewers, reason or ()), 0, dry_run, json)


def _change(app: "App", changes: "Sequence[ReviewerChange]", again: int, dry_run: bool, json: str | None) -> None:
    """Record the changes, or with `dry_run` only tell what they do."""
    from triage_cl.bootstrap import utcnow
    from triage_cl.usecases.taking_out import change_reviewers, changed_by

    effect = changed_by(app.ledger, changes)
    asked = 0 if dry_run else change_reviewers(app.ledger, app.keys, changes, again, utcnow())
    result = {
        "reviewers": [change.reviewer for change in changes],
        "lessons": {id: {"before": before, "after": after} for id, (before, after) in effect.lessons.items()},
        "unanswered": len(effect.unanswered),
        "asked_again": asked,
        "recorded": not dry_run and bool(changes),
    }
    if write_json(result, json):
        return
    if not changes:
        console().print("Nobody is flagged.")
        return
    rows = [(id, f"{before:,}", f"{after:,}") for id, (before, after) in effect.lessons.items()]
    print_table("Lessons that count", rows, ("department", "before", "after"))
    told = f"{len(effect.unanswered):,} mails then have no answer that counts"
    console().print(
        f"{told}. Nothing was recorded." if dry_run else f"{told}; {asked:,} of them are asked about again."
    )
