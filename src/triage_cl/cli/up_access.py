"""Users, passwords and keys of a stack: shown on its first start, and kept where its owner alone can read them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from triage_cl.adapters.access_file import Access
    from triage_cl.adapters.supervision.program import Program
    from triage_cl.settings import Settings


def show_access(settings: "Settings", programs: Sequence["Program"], out: "Console") -> None:
    """Show who may in with what, once; afterwards tell where that is kept."""
    from triage_cl.bootstrap import bootstrap

    shown, kept = settings.home / "up" / "shown", settings.home / "access"
    if shown.exists():
        out.print(f"Users, passwords and keys are as before; they are kept in {kept}.", soft_wrap=True)
        return
    access = bootstrap(settings).access
    _print(_rows(settings, programs, access), out)
    out.print(f"This is shown once; it is kept in {kept}, which its owner alone can read.\n", soft_wrap=True)
    shown.touch()


def _rows(settings: "Settings", programs: Sequence["Program"], access: "Access") -> list[tuple[str, str, str, str]]:
    secrets = {
        "label-studio": (settings.label_studio_email, access.label_studio_password),
        "service": ("", access.api_key),
        "console": ("", access.api_key),
    }
    return [
        (program.name, program.url, *secrets.get(program.name, ("", "open to whoever is on this machine")))
        for program in programs
        if program.url and program.name != "receiver"
    ]


def _print(rows: Sequence[tuple[str, str, str, str]], out: "Console") -> None:
    from rich.table import Table

    table = Table(title="How to get in", title_justify="left", box=None, pad_edge=False)
    for name in ("", "where", "user", "password or key"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if not out.is_terminal:
        # A pipe has no width, and a key that is torn apart is hard to find.
        out.width = max(out.width, 120)
    out.print(table)
