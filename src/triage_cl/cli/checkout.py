"""Where the applications are that run beside the library."""

from pathlib import Path

import triage_cl

#: The applications that run from a checkout beside the library; each plugs its commands into ours.
APPLICATIONS = ("feedback", "flows", "dashboards")


def checkout() -> Path | None:
    """The checkout that this library was loaded from, None where it was installed by itself."""
    root = Path(triage_cl.__file__).resolve().parents[2]
    return root if all((root / name / "commands.py").is_file() for name in APPLICATIONS) else None
