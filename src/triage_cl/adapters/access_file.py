"""The secrets by which the parts of an installation know each other: made on the first start, kept in one file."""

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from triage_cl.adapters.atomic_file import create_once
from triage_cl.domain.errors import BadSettings


def _fresh(length: int) -> str:
    return secrets.token_hex(length // 2)


@dataclass(frozen=True, slots=True)
class Access:
    """Keys and passwords, each of its own; `repr` shows none.

    `api_key` opens the service and the console, `webhook_secret` proves that a webhook is Label Studio's,
    `signing_secret` signs what the service sends, `label_studio_password` and `label_studio_token` (40 characters)
    are those of Label Studio's first user.
    """

    api_key: str = field(default_factory=lambda: f"triage_{_fresh(40)}", repr=False)
    webhook_secret: str = field(default_factory=lambda: _fresh(40), repr=False)
    signing_secret: str = field(default_factory=lambda: _fresh(64), repr=False)
    label_studio_password: str = field(default_factory=lambda: _fresh(20), repr=False)
    label_studio_token: str = field(default_factory=lambda: _fresh(40), repr=False)


def load_or_make(path: Path) -> Access:
    """The secrets in `path`, which only its owner may read; fresh ones, the same for whoever asks, if there is none.

    Raises BadSettings where the file cannot be read or written or holds something else.
    """
    try:
        if not path.exists():
            create_once(path, json.dumps(asdict(Access()), indent=1) + "\n")
        told = json.loads(path.read_text())
        return Access(**{one.name: str(told[one.name]) for one in fields(Access)})
    except OSError as error:
        raise BadSettings(f"{path}: the secrets cannot be read or created ({error.strerror}).") from error
    except (ValueError, LookupError, TypeError):
        raise BadSettings(f"{path}: these are no secrets of an installation; restore them from a backup.") from None
