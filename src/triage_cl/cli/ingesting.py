"""`triage ingest`: mail in."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.cli.teaching import teach_archives


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(ingest)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Messages, mbox, Maildir, folders, .tar(.gz), .zip, .jsonl(.gz)")],
    strict: Annotated[bool, typer.Option(help="Stop at the first bad line of a mail archive.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with mail that arrives in these folders; nothing there is changed.")
    ] = False,
    teach: Annotated[
        bool, typer.Option("--teach", help="The departments in these archives are answers: learn them, decide nothing.")
    ] = False,
    json: Json = None,
) -> None:
    """Read mail, redact it, decide each message and store both."""
    from triage_cl.adapters.mail.sources import read_mail
    from triage_cl.adapters.mail.watching import watch
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.domain.errors import BadInput
    from triage_cl.usecases.ingest import ingest as ingest_mail

    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist.")
    if teach and follow:
        raise BadInput("An archive that teaches has an end: use --teach without --follow.")
    if teach:
        return teach_archives(paths, strict, json)
    asked_to_end: list[int] = []
    arriving = watch(paths, lambda: bool(asked_to_end), _warn, strict) if follow else None
    app = bootstrap()
    app.ensure_ready(utcnow())
    desk = app.desk()
    with progress_bar() as bar, _endings_noted_in(asked_to_end) if follow else nullcontext():
        task = bar.add_task("mails", total=None)
        result = ingest_mail(
            desk,
            arriving or chain.from_iterable(read_mail(path, strict) for path in paths),
            utcnow,
            app.settings.group,
            progress=lambda so_far: bar.update(task, completed=so_far.mails),
        )
    for learner in desk.learners.values():
        app.snapshots.save(learner)
    app.close()
    if write_json(result.as_json(), json):
        return
    rows = [
        ("mails", f"{result.mails:,}"),
        ("decided", f"{result.decided:,}" + (f" ({result.repeated:,} were there before)" if result.repeated else "")),
        *((f"  {action}", f"{count:,}") for action, count in sorted(result.actions.items())),
        ("drawn for review", f"{result.drawn:,}"),
        *([("imported before, with an answer", f"{result.imported:,}")] if result.imported else []),
        ("quarantined", f"{result.quarantined:,}"),
        *((f"  {reason}", f"{count:,}") for reason, count in result.reasons.most_common()),
    ]
    print_table("Ingested", rows)


@contextmanager
def _endings_noted_in(asked: list[int]) -> Iterator[None]:
    """Note Ctrl-C and SIGTERM instead of ending at once; the second one ends at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warn(trouble: str) -> None:
    sys.stderr.write(f"triage: cannot look into {trouble}; trying on\n")
