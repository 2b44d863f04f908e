"""`triage ingest --teach`: an archive that was routed elsewhere teaches before the first day."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.cli.output import print_table, progress_bar, write_json

if TYPE_CHECKING:
    from triage_cl.usecases.teach_archive import Imported


def teach_archives(paths: list[Path], strict: bool, json: str | None) -> None:
    """Record the answers in these archives as lessons, let the live learners learn them, and keep their snapshots."""
    from triage_cl.adapters.mail.sources import read_mail
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.teach_archive import teach_archive

    app = bootstrap()
    app.ensure_ready(utcnow())
    with progress_bar() as bar:
        task = bar.add_task("mails", total=None)
        result = teach_archive(
            app.ledger,
            app.keys,
            chain.from_iterable(read_mail(path, strict) for path in paths),
            utcnow,
            app.settings.group,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, description="learning", total=None)
        desk = app.desk()
        desk.refresh()
        for learner in desk.learners.values():
            app.snapshots.save(learner)
    app.close()
    if not write_json(result.as_json(), json):
        print_table("Taught", _rows(result))


def _rows(result: "Imported") -> list[tuple[str, str]]:
    counts = [
        ("mails", result.mails),
        ("taught", result.taught),
        ("had an answer before", result.repeated),
        ("without a department", result.unlabelled),
        ("of departments that ended", result.ended),
        ("quarantined", result.quarantined),
        *((f"  {reason}", count) for reason, count in result.reasons.most_common()),
    ]
    rows = [(name, f"{count:,}") for name, count in counts]
    added = [("departments added", ", ".join(result.departments_added))] if result.departments_added else []
    return rows + added
