"""Where the Prefect server is, for a process of ours; nothing here loads Prefect."""

import os
from pathlib import Path

from triage_cl.adapters.processes import is_healthy, prefect_environment
from triage_cl.domain.errors import OrchestratorUnavailable, TriageError
from triage_cl.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent


def point_at_server() -> None:
    """Set this process and its children to the Prefect server of the settings; to be called before Prefect is loaded.

    What the environment says already stays. Without a server's address Prefect would start one of its own.
    """
    settings = load_settings()
    for name, value in prefect_environment(settings.home, settings.prefect_api_url).items():
        os.environ.setdefault(name, value)
    # The runs are processes of their own, and load the flows from here whatever folder they run in.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def in_words(error: Exception) -> str:
    """One line about any error; our own are sentences already."""
    if isinstance(error, TriageError):
        return str(error)
    if not is_healthy(os.environ["PREFECT_API_URL"]):
        return str(OrchestratorUnavailable("It answered before, and does no more."))
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
