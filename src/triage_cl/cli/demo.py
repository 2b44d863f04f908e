"""`triage demo`: the whole loop on generated mail or on an archive, with the real parts on embedded defaults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, write_file, write_json

if TYPE_CHECKING:
    from triage_cl.settings import Settings

#: A demo's folder holds this file, so that nothing else is ever taken for one.
MARK = ".triage-demo"

#: Tools that are started by hand tell nobody about it either.
QUIET = "DO_NOT_TRACK=true PREFECT_SERVER_ANALYTICS_ENABLED=false"


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    mail: Annotated[Path | None, typer.Option(help="A labelled mail archive in place of generated mail.")] = None,
    home: Annotated[Path, typer.Option(help="The demo's data folder.")] = Path("triage-demo"),
    days: Annotated[int, typer.Option(min=7, help="Days of generated mail.")] = 56,
    mails_per_day: Annotated[int, typer.Option(min=10, help="Generated mails a day, on average.")] = 110,
    seed: Annotated[int, typer.Option(help="The generated mail derives from it.")] = 7,
    json: Json = None,
) -> None:
    """See mail triaged, reviewed, learned from, watched for drift, challenged, and a promotion decided.

    A finished demo begins anew; one that was stopped goes on where it was.
    """
    from triage_cl.cli.checkout import checkout
    from triage_cl.cli.rehearsing import rehearse
    from triage_cl.domain.errors import BadInput

    root = checkout()
    if root is None:
        raise BadInput("The demo runs the applications of a checkout; this library was installed without them.")
    if mail is not None and not mail.is_file():
        raise BadInput(f"{mail} is no file.")
    settings = _prepare(home, mail, days, mails_per_day, seed)
    measured = rehearse(settings, root)
    result = _result(settings, measured)
    write_json(result, str(settings.home / "summary.json"))
    if not write_json(result, json):
        _print(result, settings.home)


def _prepare(home: Path, mail: Path | None, days: int, mails_per_day: int, seed: int) -> "Settings":
    """The demo's folder with its mail; an unfinished demo of the same mail is left as it is."""
    import json
    import shutil

    from triage_cl.domain.errors import BadInput
    from triage_cl.settings import load_settings

    home = home.resolve()
    asked = json.dumps(
        {"mail": str(mail.resolve()) if mail else None, "days": days, "a day": mails_per_day, "seed": seed}
    )
    mark = home / MARK
    if home.exists() and any(home.iterdir()):
        if not mark.is_file():
            raise BadInput(f"{home} holds something else than a demo; choose another folder with --home.")
        if (home / "summary.json").is_file() or mark.read_text() != asked:
            shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.write_text(asked)
    if not (home / "mail.jsonl").is_file():
        if mail is None:
            _generate(home, days, mails_per_day, seed)
        else:
            shutil.copyfile(mail, home / "mail.part")
            (home / "mail.part").replace(home / "mail.jsonl")
    return load_settings(
        home=home,
        database_url="",
        registry="mlflow",
        mlflow_tracking_uri="",
        reviews="file",
        review_share=0.15,
        reference_days=21,
    )


def _generate(home: Path, days: int, mails_per_day: int, seed: int) -> None:
    import json

    from triage_cl.synthesis.stream import generate

    scenario = generate(seed=seed, days=days, mails_per_day=mails_per_day)
    departments = [{"id": id, "name": name} for id, name in scenario.departments]
    write_file(home / "departments.json", json.dumps(departments))
    write_file(home / "changes.json", json.dumps(list(scenario.changes)))
    lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in scenario.lines)
    # The mail comes last: a demo that has it has everything.
    write_file(home / "mail.jsonl", "".join(lines))


def _result(settings: "Settings", measured: dict[str, float]) -> dict[str, Any]:
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.account import account

    app = bootstrap(settings)
    told = account(app.ledger)
    quarantined = sum(app.ledger.quarantined().values())
    desk = app.desk()
    desk.refresh()
    champion = desk.champion
    app.close()
    return (
        {"mails": told["decided"] + quarantined, "quarantined": quarantined}
        | told
        | measured
        | {"champion": champion.version, "fingerprint": desk.learners[champion.entrant].fingerprint()}
    )


def _between(told: dict[str, float | None]) -> str:
    if told["point"] is None:
        return "too few answers yet"
    return f"{told['point']:.1%} (95 % interval {told['low']:.1%} to {told['high']:.1%})"


def _print(result: dict[str, Any], home: Path) -> None:
    alarms = [found for found in result["drift"] if found["verdict"] != "quiet"]
    rows = [
        ("Mails", f"{result['mails']:,}, {result['quarantined']:,} of them in quarantine"),
        ("Routed automatically", f"{result['automatic_share']:.1%}"),
        ("Accuracy", _between(result["accuracy"])),
        ("  in the last fortnight", _between(result["accuracy_lately"])),
        ("Reviewed by people", f"{result['reviewed']:,} ({result['reviewed'] / max(1, result['decided']):.1%})"),
        ("Corrections learned", f"{result['lessons']:,} lessons"),
        ("Drift", f"{len(alarms)} of {len(result['drift'])} looks found something"),
        *((f"  {found['at'][:10]}", f"{found['verdict']}: {found['reasons'][0]}") for found in alarms),
        ("Challenger", f"judged {len(result['challengers'])} times"),
        *((f"  {judged['verdict']}", judged["reasons"][0]) for judged in result["challengers"][-1:]),
        ("Promotions", str(len(result["promotions"]))),
        *((f"  {moved['version']}", moved["reasons"][0]) for moved in result["promotions"]),
        ("Took", f"{result['seconds']:.0f} s, {result['peak_mib']:,.0f} MiB at the peak"),
    ]
    print_table("What happened", rows)
    out = console()
    newest = max((found["report"] for found in result["drift"]), default=None)
    out.print("\n[bold]Look at it[/]")
    out.print(f"  summary         {home / 'summary.json'}")
    if newest:
        out.print(f"  drift report    {home / 'reports' / newest}")
    out.print("  its own pages   (each until Ctrl-C, on loopback)")
    store = f"sqlite:///{home / 'mlflow.db'}"
    for name, command in (
        ("Prefect", f"PREFECT_HOME={home / 'prefect'} {QUIET} .venv/bin/prefect server start"),
        ("MLflow", f"{QUIET} .venv/bin/mlflow ui --backend-store-uri {store} --port 5000"),
        ("Evidently", f"TRIAGE_HOME={home} .venv/bin/triage drift serve"),
    ):
        out.print(f"  {name:<15} {command}", soft_wrap=True)
    out.print("\nNext: [bold]triage backtest YOUR-ARCHIVE.jsonl[/] tells what would have happened with your own mail.")
