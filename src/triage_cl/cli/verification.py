"""`triage verify`: check the promises."""

from typing import TYPE_CHECKING

import typer

from triage_cl.cli.output import Json, console, write_json

if TYPE_CHECKING:
    from triage_cl.usecases.verify import Checked

commands = typer.Typer(help="Check that the ledger's promises hold.", no_args_is_help=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="verify")


@commands.command()
def replay(json: Json = None) -> None:
    """Every model version and every live learner equals its replay from the ledger, bit for bit."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.verify import verify_replay

    app = bootstrap()
    _report("replay", verify_replay(app.ledger, app.registry, app.snapshots, app.features_key), json)


@commands.command()
def propensities(json: Json = None) -> None:
    """Every decision has its review probability and keyed draw, stored before any answer."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.verify import verify_propensities

    app = bootstrap()
    _report("propensities", verify_propensities(app.ledger, app.keys), json)


@commands.command()
def lessons(json: Json = None) -> None:
    """Every lesson is the last answer that somebody gave to its mail; nothing that was only concluded teaches."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.verify import verify_lessons

    _report("lessons", verify_lessons(bootstrap().ledger), json)


@commands.command()
def audit(json: Json = None) -> None:
    """The hash chain over the facts holds: nothing was changed, reordered or taken out."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.verify import Checked, Finding

    ledger = bootstrap().ledger
    broken = ledger.broken_link()
    found = () if broken is None else (Finding(broken, "the hash chain breaks here"),)
    _report("audit", Checked(ledger.position(), found), json)


def _report(what: str, checked: "Checked", json: str | None) -> None:
    found = [{"position": finding.position, "what": finding.what} for finding in checked.found]
    if not write_json({"holds": checked.holds, "checked": checked.checked, "found": found}, json):
        verdict = "[green]holds[/]" if checked.holds else "[red]does not hold[/]"
        console().print(f"{what}: {verdict}, {checked.checked:,} checked")
        for finding in found[:20]:
            console().print(f"  at {finding['position']}: {finding['what']}")
        if len(found) > 20:
            console().print(f"  … and {len(found) - 20:,} more")
    if not checked.holds:
        raise typer.Exit(1)
