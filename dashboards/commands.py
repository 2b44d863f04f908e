"""`triage drift`: look for drift now, what was found before, and Evidently's own pages."""

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

commands = typer.Typer(help="Watch for drift.", no_args_is_help=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this application."""
    app.add_typer(commands, name="drift")


@commands.command()
def watch(json: Json = None) -> None:
    """Compare recent mail with earlier mail now; the report goes to the data folder, the verdict to the ledger."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.watch import watch as compare

    app = bootstrap()
    found = compare(app.ledger, app.desk(), app.comparison, app.windows, app.reports, utcnow())
    result = {
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "measures": dict(found.measures),
        "report": str(app.reports / found.report),
    }
    if write_json(result, json):
        return
    print_table(f"Drift: {found.verdict}", [(name, f"{value:.3f}") for name, value in found.measures])
    for reason in found.reasons:
        console().print(f"- {reason}")
    console().print(f"Report: {result['report']}")


@commands.command()
def history(json: Json = None) -> None:
    """List the verdicts so far."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.drift import DriftVerdict

    found = [
        {"at": r.fact.current[1], "verdict": r.fact.verdict, "reasons": list(r.fact.reasons)}
        for r in bootstrap().ledger.facts(kinds=[DriftVerdict.kind])
        if isinstance(r.fact, DriftVerdict)
    ]
    if not write_json({"verdicts": found}, json):
        rows = [(str(row["at"]), str(row["verdict"]), "; ".join(row["reasons"])) for row in found]
        print_table("Drift verdicts", rows, ("at", "verdict", "reasons"))


@commands.command()
def serve(port: int = typer.Option(8000, help="The port on loopback.")) -> None:
    """Show Evidently's own pages of the reports, on loopback, until Ctrl-C."""
    import os
    import subprocess
    import sys

    from triage_cl.bootstrap import bootstrap

    workspace = bootstrap().home / "evidently"
    console().print(f"Evidently shows {workspace} on http://127.0.0.1:{port}/ until Ctrl-C.")
    command = [sys.executable, "-m", "evidently.cli", "ui", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"DO_NOT_TRACK": "true"}
    raise typer.Exit(subprocess.call([*command, "--workspace", str(workspace)], env=environment))
