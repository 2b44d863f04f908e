"""How the parts of a deployment are, asked one by one, and since when they are so, kept over restarts."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.domain.errors import TriageError
from triage_cl.settings import Settings
from triage_cl.usecases.alarms import EVIDENTLY, MLFLOW, PREFECT, RECEIVER, REVIEWS, SERVICE, Health, State

if TYPE_CHECKING:
    import httpx

#: How long a part may take to answer, and from when on it is slow, seconds.
TIMEOUT_SECONDS, SLOW_SECONDS = 5.0, 2.0

#: What was seen of a part just now: its state, and what tells more.
Seen = tuple[State, str]
Ask = Callable[[], Seen]


@dataclass(frozen=True, slots=True)
class Part:
    """A part and how to ask it; `expected` says that it belongs to the deployment even if it has never answered."""

    name: str
    ask: Ask | None
    expected: bool = True


def parts_of(settings: Settings, token: Callable[[], str]) -> list[Part]:
    """The parts that these settings name, in the order in which mail and answers pass them; `token` is Label Studio's.

    A part that the settings do without is not asked. One that they cannot tell of (a Prefect server may be or not)
    is expected only once it has answered.
    """
    reviews, registry = settings.reviews == "label-studio", settings.registry == "mlflow"
    service, receiver, screen = (
        url.rstrip("/") for url in (settings.service_url, settings.receiver_url, settings.label_studio_url)
    )
    prefect, mlflow = settings.prefect_api_url.rstrip("/"), settings.mlflow_url.rstrip("/")
    client = _client()
    return [
        Part(SERVICE, answers(client, f"{service}/health", f"{service}/ready"), expected=False),
        Part(REVIEWS, _label_studio(client, screen, token) if reviews else None),
        Part(RECEIVER, answers(client, f"{receiver}/health") if reviews else None),
        Part(PREFECT, answers(client, f"{prefect}/health"), expected=False),
        Part(MLFLOW, answers(client, f"{mlflow}/health") if registry else None, expected=False),
        Part(EVIDENTLY, answers(client, settings.evidently_url), expected=False),
    ]


def _client() -> "httpx.Client":
    import httpx

    # Loopback is reached directly, whatever proxy the environment names.
    # A connection is made each time: whether a part takes new ones is what is asked.
    return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def answers(client: "httpx.Client", *urls: str) -> Ask:
    """Asks whether each of these URLs answers with success."""

    def ask() -> Seen:
        for url in urls:
            code = client.get(url).status_code
            if code >= 400:
                return State.DOWN, f"{url} answers {code}"
        return State.UP, ""

    return ask


def _label_studio(client: "httpx.Client", url: str, token: Callable[[], str]) -> Ask:
    alive = answers(client, f"{url}/health")

    def ask() -> Seen:
        seen = alive()
        return seen if seen[0] is not State.UP else _key(client, url, token())

    return ask


def _key(client: "httpx.Client", url: str, token: str) -> Seen:
    """Whether Label Studio knows the key: of the lasting kind, or one that is exchanged for others."""
    if token.count(".") == 2:
        told = client.post(f"{url}/api/token/refresh/", json={"refresh": token})
    else:
        told = client.get(f"{url}/api/current-user/whoami", headers={"Authorization": f"Token {token}"})
    if told.status_code in (401, 403):
        return State.REFUSED, f"{url} answers {told.status_code} to the key"
    return (State.UP, "") if told.is_success else (State.DOWN, f"{url} answers {told.status_code}")


@dataclass
class Components:
    """The health of the parts; since when each is as it is stands in `file`, so that it outlives the process."""

    parts: Sequence[Part]
    file: Path
    timeout: float = TIMEOUT_SECONDS
    slow: float = SLOW_SECONDS
    _health: dict[str, Health] = field(default_factory=dict, init=False)
    _asked: dict[str, "Future[Seen]"] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(max(1, len(self.parts)), thread_name_prefix="component")
        self._health = _read(self.file)

    def look(self, at: datetime) -> list[Health]:
        """The health of every part at `at`, asked now, all at once; takes no longer than the timeout."""
        until = time.monotonic() + self.timeout
        for part in self.parts:
            if part.ask is not None and part.name not in self._asked:
                self._asked[part.name] = self._threads.submit(self._timed, part.ask)
        found = {part.name: self._health_of(part, self._seen(part, until), at) for part in self.parts}
        if _since(found) != _since(self._health):
            _write(self.file, found)
        self._health = found
        return list(found.values())

    def _timed(self, ask: Ask) -> Seen:
        import httpx

        started = time.monotonic()
        try:
            seen = ask()
        except httpx.TimeoutException:
            return State.DOWN, f"no answer for {self.timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return State.DOWN, f"{error}"
        except TriageError as error:
            return State.DOWN, f"{error}"
        took = time.monotonic() - started
        return (State.SLOW, f"its answer took {took:.1f} s") if seen[0] is State.UP and took > self.slow else seen

    def _seen(self, part: Part, until: float) -> Seen:
        """What was seen; a part that is still being asked does not answer."""
        if part.ask is None:
            return State.UNUSED, ""
        asked = self._asked.pop(part.name)
        try:
            return asked.result(max(0.0, until - time.monotonic()))
        except TooLate:
            self._asked[part.name] = asked
            return State.DOWN, f"no answer for {self.timeout:g} s"

    def _health_of(self, part: Part, seen: Seen, at: datetime) -> Health:
        state, detail = seen
        before = self._health.get(part.name)
        never = before is None or before.state in (State.UNSEEN, State.UNUSED)
        if state is State.DOWN and never and not part.expected:
            state = State.UNSEEN
        since = before.since if before is not None and before.state is state else at
        return Health(part.name, state, since, detail)

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _since(health: Mapping[str, Health]) -> dict[str, tuple[State, datetime]]:
    return {name: (one.state, one.since) for name, one in health.items()}


def _read(file: Path) -> dict[str, Health]:
    """What was kept; nothing where it cannot be read: then everything is as it is from now on."""
    try:
        kept: Mapping[str, Mapping[str, str]] = json.loads(file.read_text(encoding="utf-8"))
        return {
            name: Health(name, State(row["state"]), datetime.fromisoformat(row["since"]), row["detail"])
            for name, row in kept.items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write(file: Path, health: Mapping[str, Health]) -> None:
    rows = {h.name: {"state": h.state.value, "since": h.since.isoformat(), "detail": h.detail} for h in health.values()}
    # What cannot be kept is still shown; a full disk is told by the ledger.
    with contextlib.suppress(TriageError), atomic_file(file, mode=0o600) as out:
        out.write(json.dumps(rows, indent=1).encode())
