"""The outbound webhook: follows the feed of decisions for one subscriber, at least once and in order.

The feed is the outbox: a decision is in it in the transaction that stores it. Signed after the Standard Webhooks
specification (webhook-id, webhook-timestamp, webhook-signature).
"""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.api.problems import LOG, log_unexpected
from triage_cl.api.shapes import shown
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.errors import BadSettings, TriageError

#: Decisions in one delivery; seconds between two looks into the feed, until an attempt is given up, and at most
#: between two attempts.
BATCH = 100
POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 300.0
#: Of several services over one ledger one delivers; another takes over when it was silent for so long.
LEASE = timedelta(seconds=30)

_random = secrets.SystemRandom()


class Refused(TriageError):
    """The subscriber did not take the decisions."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Decisions as they are sent, again and again until they are taken: the same bytes under the same id."""

    after: int
    last: int
    id: str
    body: str


class Delivery:
    """Delivers to the subscriber at `url`; of the URL nothing but scheme, host and port is ever shown.

    Raises BadSettings for a URL or a secret that cannot be used.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        ledger: Callable[[], Ledger],
        taxonomy: Callable[[], Taxonomy],
        clock: Callable[[], datetime],
    ) -> None:
        mark = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.name, self.cursor = f"{_origin(url)}#{mark[:6]}", f"subscriber {mark}"
        self._url, self._signer = url, signer(secret)
        self._ledger, self._taxonomy, self._clock = ledger, taxonomy, clock
        self._lease, self._me = f"{self.cursor} sender", secrets.token_hex(8)
        self._parcel: Parcel | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self.behind = self.failures = 0
        self.error: str | None = None
        self.failing_since: datetime | None = None

    def begin(self) -> None:
        """Deliver until `stop`; a subscriber that is new gets what is decided from now on. Once is enough."""
        ledger = self._ledger()
        if ledger.cursor(self.cursor) is None:
            ledger.move_cursor(self.cursor, str(ledger.fed()), self._clock())
        if self._thread.ident is None:
            self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after the delivery under way, or leave it after `seconds`."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def shown(self) -> dict[str, Any]:
        """How far the subscriber has come, as JSON-ready data."""
        told = {"subscriber": self.name, "behind": self.behind}
        return told | {"error": self.error, "failing_since": self.failing_since}

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._stopping.wait(self._step(client)):
                pass
        self._hand_over()

    def _step(self, client: httpx.Client) -> float:
        """Deliver what is next; the seconds until the next step."""
        try:
            after = int(self._ledger().cursor(self.cursor) or 0)
            self.behind = max(0, self._ledger().fed() - after)
            sent = self._leads() and self._deliver(client, after)
        except Exception as error:  # the outermost line of this thread: it outlives whatever happens
            return self._failed(error)
        self.error = self.failing_since = None
        self.failures = 0
        return 0.0 if sent else POLL_SECONDS

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        self.failing_since = self.failing_since or self._clock()
        if not isinstance(error, TriageError | httpx.HTTPError):
            log_unexpected(error)
        # A foreign error may quote the URL, and with it what is secret there.
        told = str(error) if isinstance(error, TriageError) else f"It cannot be reached ({type(error).__name__})."
        if told != self.error:
            LOG.warning("decisions are not delivered to %s: %s", self.name, told)
        self.error = told
        return pause_after(self.failures)

    def _leads(self) -> bool:
        """Whether this process delivers; that two do for a moment costs a repetition, which is allowed."""
        ledger, now = self._ledger(), self._clock()
        holder, renewed_at = ledger.cursors().get(self._lease, ("", now))
        if holder not in ("", self._me) and now - renewed_at < LEASE:
            return False
        if holder != self._me or now - renewed_at > LEASE / 3:
            ledger.move_cursor(self._lease, self._me, now)
        return True

    def _hand_over(self) -> None:
        try:
            if self._ledger().cursor(self._lease) == self._me:
                self._ledger().move_cursor(self._lease, "", self._clock())
        except TriageError as error:
            LOG.warning("another service waits before it delivers to %s: %s", self.name, error)

    def _deliver(self, client: httpx.Client, after: int) -> bool:
        """Send what comes after a number; whether there was anything."""
        if self._parcel is None or self._parcel.after != after:
            self._parcel = self._packed(after)
        if self._parcel is None:
            return False
        self._send(client, self._parcel)
        self._ledger().move_cursor(self.cursor, str(self._parcel.last), self._clock())
        self.behind = max(0, self.behind - (self._parcel.last - after))
        self._parcel = None
        return True

    def _packed(self, after: int) -> Parcel | None:
        found = self._ledger().feed(after, BATCH)
        if not found:
            return None
        taxonomy = self._taxonomy()
        decisions = [shown(decision, taxonomy) | {"number": number} for number, decision in found]
        last = found[-1][0]
        return Parcel(after, last, f"decisions-{found[0][0]}-{last}", json.dumps({"decisions": decisions}))

    def _send(self, client: httpx.Client, parcel: Parcel) -> None:
        now = self._clock()
        headers = {
            "content-type": "application/json",
            "webhook-id": parcel.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(parcel.id, now, parcel.body),
        }
        with client.stream("POST", self._url, content=parcel.body.encode(), headers=headers) as answer:
            if not answer.is_success:
                raise Refused(f"It answered {answer.status_code}.")


def pause_after(failures: int) -> float:
    """Seconds until the next attempt: doubled with each failure up to five minutes, less a random part.

    The random part keeps many senders from coming back together.
    """
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** min(failures - 1, 20)) * _random.uniform(0.5, 1.0)


def signer(secret: str) -> Webhook:
    """What signs and verifies under a secret in base64, with or without `whsec_`; raises BadSettings."""
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        # `from None`: the secret itself must not be quoted.
        raise BadSettings("signing_secret: it must be base64, with or without `whsec_` before it.") from None


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise BadSettings("subscribers: one is no URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings("subscribers: each must begin with http:// or https:// and name a host.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"
