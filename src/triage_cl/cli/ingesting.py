"""`triage ingest`: mail in."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json
from triage_cl.cli.teaching import teach_archives

if TYPE_CHECKING:
    from triage_cl.adapters.mail.sources import Share
    from triage_cl.usecases.ingest import Ingested


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
    processes: Annotated[int, typer.Option(min=1, help="Take the mail in with so many processes.")] = 1,
    share: Annotated[str, typer.Option(metavar="N/M", help="Only the Nth of M shares of the mail.")] = "1/1",
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
    if (teach or follow) and (processes > 1 or share != "1/1"):
        raise BadInput("--processes and --share divide mail that is all there: use them without --teach and --follow.")
    if teach:
        teach_archives(paths, strict, json)
        return
    part = _share(share)
    if processes > 1:
        if part.of > 1:
            raise BadInput("A share is taken in by one process: use --share without --processes.")
        _tell(_in_processes(paths, strict, processes), json)
        return
    asked_to_end: list[int] = []
    arriving = watch(paths, lambda: bool(asked_to_end), _warn, strict) if follow else None
    app = bootstrap()
    app.ensure_ready(utcnow())
    desk = app.desk()
    with progress_bar() as bar, _endings_noted_in(asked_to_end) if follow else nullcontext():
        task = bar.add_task("mails", total=None)
        result = ingest_mail(
            desk,
            arriving or chain.from_iterable(read_mail(path, strict, part) for path in paths),
            utcnow,
            app.settings.group,
            progress=lambda so_far: bar.update(task, completed=so_far.mails),
        )
    for learner in desk.learners.values():
        app.snapshots.save(learner)
    app.close()
    _tell(result, json)


def _share(text: str) -> "Share":
    from triage_cl.adapters.mail.sources import Share
    from triage_cl.domain.errors import BadInput

    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise BadInput(f"--share {text}: a share is written N/M, such as 1/4 for the first of four.")
    return Share(int(number), int(of))


def _in_processes(paths: list[Path], strict: bool, processes: int) -> "Ingested":
    from triage_cl.adapters.ingest_processes import ingest_in_processes
    from triage_cl.bootstrap import bootstrap, utcnow

    app = bootstrap()
    app.ensure_ready(utcnow())
    before = app.ledger.fed()
    arguments = [*(["--strict"] if strict else []), "--", *(str(path) for path in paths)]
    with progress_bar() as bar:
        task = bar.add_task("mails decided", total=None)
        result = ingest_in_processes(
            arguments, processes, app.home, look=lambda: bar.update(task, completed=app.ledger.fed() - before)
        )
    app.close()
    return result


def _tell(result: "Ingested", json: str | None) -> None:
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
