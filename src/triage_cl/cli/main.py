"""The command `triage`: its parts, and the outermost line, where errors become sentences."""

import errno
import importlib
import os
import sys

import typer

import triage_cl
from triage_cl.cli import (
    backtesting,
    benchmarks,
    demo,
    departments,
    doctor,
    encoders,
    ingesting,
    ledgers,
    models,
    reviewers,
    serving,
    simulating,
    up,
    verification,
)
from triage_cl.cli.checkout import APPLICATIONS, checkout
from triage_cl.domain.errors import NoSpace, TriageError

app = typer.Typer(
    name="triage",
    help="Continuous learning for e-mail triage: decide, review, learn, watch, challenge, promote.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"triage_cl {triage_cl.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Continuous learning for e-mail triage: decide, review, learn, watch, challenge, promote."""


def _plug_in_applications() -> None:
    root = checkout()
    if root is None:
        return
    if str(root) not in sys.path:
        sys.path.append(str(root))
    for name in APPLICATIONS:
        importlib.import_module(f"{name}.commands").plug_into(app)


PARTS = (
    demo,
    up,
    doctor,
    ingesting,
    serving,
    backtesting,
    departments,
    models,
    reviewers,
    encoders,
    ledgers,
    verification,
    simulating,
    benchmarks,
)

for part in PARTS:
    part.plug_into(app)
_plug_in_applications()


def main() -> None:
    """Run the command; an error is one sentence on standard error and a non-zero exit."""
    try:
        app()
    except TriageError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(str(NoSpace(f"It happened at {error.filename}." if error.filename else "")))
        if isinstance(error, BrokenPipeError):
            # Whoever read our output went away; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        _fail(f"The system refused: {error}.")
    except KeyboardInterrupt:
        _fail("Stopped; what was acknowledged is kept.", status=130)


def _fail(message: str, status: int = 1) -> None:
    sys.stderr.write(f"triage: {message}\n")
    sys.exit(status)
