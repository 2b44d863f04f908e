"""Which parts of a deployment answer, whether they take our keys, and who has their ports."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from triage_cl.adapters.access_file import load_or_make
from triage_cl.adapters.checkup.finding import Finding, missing, ok, wrong
from triage_cl.adapters.supervision.conductor import is_well
from triage_cl.adapters.supervision.ports import is_free, owner
from triage_cl.adapters.supervision.program import Program, is_local
from triage_cl.adapters.supervision.programs import LABEL_STUDIO, everything
from triage_cl.domain.errors import TriageError
from triage_cl.settings import Settings

START = "triage up"
PATIENCE_SECONDS = 5

#: What, set like this, would let a library tell its makers about us.
TALKATIVE = {"0", "false", "no", "off"}
SILENCING = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY")
ANALYSING = ("PREFECT_SERVER_ANALYTICS_ENABLED", "COLLECT_ANALYTICS", "LABEL_STUDIO_COLLECT_ANALYTICS")


@dataclass(frozen=True, slots=True)
class Locked:
    """A page that only our key opens, and the setting that the key comes from."""

    page: str
    key: str = field(repr=False)
    setting: str


def servers(settings: Settings) -> list[Finding]:
    """How each part is; all are asked at once."""
    table, locks = everything(settings), _locks(settings)
    with ThreadPoolExecutor(len(table)) as pool:
        found = pool.map(lambda program: _look_at(program, locks.get(program.name)), table)
        return [*found, telemetry(os.environ)]


def _look_at(program: Program, lock: Locked | None) -> Finding:
    if is_well(program.health, program.says):
        return _open(program, lock) if lock else ok(program.name, program.url or "it runs")
    if not program.url:
        return missing(program.name, "it does not run", START)
    if not is_local(program.url):
        return wrong(program.name, f"{program.url} does not answer", f"Start it there, or correct {_setting(program)}.")
    if program.port is None or is_free(program.port):
        return missing(program.name, f"nothing listens at {program.url}", START)
    found = f"{owner(program.port)} has its port {program.port} and does not answer as it would"
    return wrong(program.name, found, f"Wait while it starts; else stop that, or set {_setting(program)}.")


def _open(program: Program, lock: Locked) -> Finding:
    """A part that answers, tried with our key."""
    status = _status(f"{program.url}{lock.page}", lock.key)
    if status in (401, 403):
        return wrong(program.name, f"{program.url} refuses the key", f"Correct {lock.setting}, or home/access.")
    if status != 200:
        return wrong(program.name, f"{program.url} answers {status} to the key", "Look into its log in home/logs.")
    return ok(program.name, program.url)


def _locks(settings: Settings) -> Mapping[str, Locked]:
    """What our keys open, by the part's name; nothing where there are no keys that can be read."""
    path = settings.home / "access"
    try:
        kept = load_or_make(path) if path.is_file() else None
    except TriageError:
        kept = None
    if kept is None:
        return {}
    token, key = settings.label_studio_token, settings.api_key
    return {
        LABEL_STUDIO: Locked(
            "/api/current-user/whoami",
            f"Token {token.get_secret_value() if token else kept.label_studio_token}",
            "TRIAGE_LABEL_STUDIO_TOKEN",
        ),
        "service": Locked(
            "/departments", f"Bearer {key.get_secret_value() if key else kept.api_key}", "TRIAGE_API_KEY"
        ),
    }


def _status(url: str, key: str) -> int:
    """What a page answers to a key, 0 where nothing does; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, headers={"authorization": key})  # noqa: S310
        with direct.open(request, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
        return 0


def _setting(program: Program) -> str:
    return (
        "TRIAGE_PREFECT_API_URL"
        if program.name == "prefect"
        else f"TRIAGE_{program.name.upper()}_URL".replace("-", "_")
    )


def telemetry(environment: Mapping[str, str]) -> Finding:
    """Whether something in the environment would make a tool of ours tell its makers about us."""
    said = {name: environment[name].lower() for name in (*SILENCING, *ANALYSING) if name in environment}
    bad = [name for name, value in said.items() if (value in TALKATIVE) is (name in SILENCING)]
    if bad:
        return wrong("telemetry", f"{', '.join(bad)} would switch it on", f"unset {' '.join(bad)}")
    if "DO_NOT_TRACK" not in said:
        found = "off in whatever triage starts; tools started by hand need DO_NOT_TRACK=true"
        return ok("telemetry", found)
    return ok("telemetry", "off")
