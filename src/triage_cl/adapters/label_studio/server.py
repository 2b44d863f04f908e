"""How our own Label Studio is started: in an environment of its own, on loopback, telling nobody."""

import sys
from pathlib import Path

from triage_cl.adapters.access_file import Access

#: The version that `label-studio.lock` names and everything here was tried with.
VERSION = "1.23.2"

#: How long it may take to answer a webhook, seconds; a reviewer waits for it. What is late is found by reconciliation.
WEBHOOK_SECONDS = 1.0


def executable(root: Path) -> Path:
    """Label Studio's command in a checkout; `make label-studio` installs it there."""
    return root / ".label-studio" / ("Scripts" if sys.platform == "win32" else "bin") / "label-studio"


def command(root: Path, port: int) -> list[str]:
    """What starts it on loopback. Where the port is taken it would silently take the next: look first."""
    where = ["--internal-host", "127.0.0.1", "--port", str(port), "--log-level", "WARNING"]
    return [str(executable(root)), "start", "--no-browser", *where]


def environment(home: Path, email: str, access: Access) -> dict[str, str]:
    """Its settings: everything it keeps in the folder `home`, one user, nobody called at home.

    User, password and token count on the first start only; a later one finds them.
    """
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(home.resolve()),
        "LABEL_STUDIO_USERNAME": email,
        "LABEL_STUDIO_PASSWORD": access.label_studio_password,
        "LABEL_STUDIO_USER_TOKEN": access.label_studio_token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # Webhooks to loopback are refused otherwise, and nobody is told.
        "SSRF_PROTECTION_ENABLED": "false",
        "WEBHOOK_TIMEOUT": str(WEBHOOK_SECONDS),
        # A mail that somebody has open and leaves is offered to others after this many seconds, not after a day.
        "TASK_LOCK_TTL": "900",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "DO_NOT_TRACK": "true",
    }
