"""`triage migrate`, `export`, `backup`, `restore`, `forget`, `settings`: the ledger's housekeeping."""

from pathlib import Path
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (migrate, export, backup, restore, forget, settings):
        app.command()(command)


def migrate() -> None:
    """Bring the ledger's tables to this version."""
    from triage_cl.bootstrap import bootstrap

    console().print(f"The ledger is ready at position {bootstrap().ledger.position():,}.")


def export(
    folder: Annotated[Path, typer.Argument(help="Where the Parquet files go.")],
    json: Json = None,
) -> None:
    """Write the reading views as Parquet, one file each, readable from Python, R and Spark."""
    from triage_cl.adapters.sql.views import export_views
    from triage_cl.bootstrap import bootstrap

    _counts("Exported", export_views(bootstrap().ledger.engine, folder), json)


def backup(path: Annotated[Path, typer.Argument(help="The file to write.")], json: Json = None) -> None:
    """Write the whole ledger into one file; the key is not in it, keep that apart."""
    from triage_cl.adapters.sql.backup import backup as write_backup
    from triage_cl.bootstrap import bootstrap

    _counts("Backed up", write_backup(bootstrap().ledger.engine, path), json)


def restore(
    path: Annotated[Path, typer.Argument(help="A file that `triage backup` wrote.")], json: Json = None
) -> None:
    """Read a backup into an empty ledger, checking every digest."""
    from triage_cl.adapters.sql.backup import restore as read_backup
    from triage_cl.bootstrap import bootstrap

    _counts("Restored", read_backup(bootstrap().ledger.engine, path), json)


def forget(json: Json = None) -> None:
    """Delete the text of mail without a lesson that is older than `keep_text_days`."""
    from triage_cl.bootstrap import bootstrap, utcnow

    _counts("Forgotten", {"texts": bootstrap().forget_texts(utcnow())}, json)


def settings(json: Json = None) -> None:
    """Show the settings in force."""
    from triage_cl.settings import Settings, load_settings

    in_force = load_settings().model_dump(mode="json")
    in_force["database_url"] = _without_password(in_force["database_url"])
    if write_json(in_force, json):
        return
    described = Settings.model_fields
    rows = [
        (name, "" if value is None else str(value), described[name].description or "")
        for name, value in in_force.items()
    ]
    print_table("Settings (environment TRIAGE_…, then triage.toml)", rows, ("name", "value", "what it is"))


def _without_password(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True) if url else url


def _counts(title: str, counts: dict[str, int], json: str | None) -> None:
    if not write_json(counts, json):
        print_table(title, [(name, f"{count:,}") for name, count in counts.items()])
