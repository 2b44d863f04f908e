"""Take mail in: every message gets a decision or a reason in quarantine, and none stops the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from triage_cl.domain.emails import Email, Message, Unreadable
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.receive import receive
from triage_cl.usecases.triage import Desk


@dataclass
class Ingested:
    """What became of the mail: `mails` = `decided` + `imported` + `quarantined`.

    `repeated` of the decided were there before; the `imported` came from an archive with their answers.
    """

    mails: int = 0
    decided: int = 0
    repeated: int = 0
    imported: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    drawn: int = 0

    def as_json(self) -> Mapping[str, object]:
        """The counts as one JSON object."""
        return {
            "mails": self.mails,
            "decided": self.decided,
            "repeated": self.repeated,
            "imported": self.imported,
            "quarantined": self.quarantined,
            "reasons": dict(sorted(self.reasons.items())),
            "actions": dict(sorted(self.actions.items())),
            "drawn": self.drawn,
        }

    def add(self, told: Mapping[str, Any]) -> None:
        """Count in what became of other mail, as its `as_json` tells it."""
        for name, count in told.items():
            if isinstance(count, Mapping):
                getattr(self, name).update(count)
            else:
                setattr(self, name, getattr(self, name) + count)


def ingest(
    desk: Desk,
    found: Iterable[Message | Unreadable | None],
    clock: Callable[[], datetime],
    group: int,
    decided_at: Callable[[Email], datetime] | None = None,
    progress: Callable[[Ingested], None] = lambda so_far: None,
) -> Ingested:
    """Decide and store everything found, `group` mails a transaction; None among it ends a group.

    A decision's time is `decided_at(email)`, by default the clock's.
    """
    result = Ingested()
    for page in _pages(found, group):
        now = clock()
        messages = [item for item in page if isinstance(item, Message)]
        unreadable = [item for item in page if isinstance(item, Unreadable)]
        _decide(desk, messages, now, decided_at, result)
        if unreadable:
            desk.ledger.quarantine(unreadable, now)
        result.mails += len(page)
        result.quarantined += len(unreadable)
        result.reasons.update(item.reason for item in unreadable)
        progress(result)
    return result


def _decide(
    desk: Desk,
    messages: list[Message],
    now: datetime,
    decided_at: Callable[[Email], datetime] | None,
    result: Ingested,
) -> None:
    # Most mail that comes again is known by its id: it need not be redacted to be left out.
    ids = [desk.keys.identify(message.key) for message in messages]
    known = desk.ledger.known(ids)
    routed = known - desk.ledger.review_probabilities(list(known)).keys() if known else known
    new = [message for id, message in zip(ids, messages, strict=True) if id not in known]
    decisions = desk.admit(received(new, desk.keys, now), decided_at or (lambda email: now)) if new else []
    imported = sum(id in routed for id in ids)
    result.imported += imported
    result.decided += len(messages) - imported
    result.repeated += len(messages) - imported - len(decisions)
    result.actions.update(decision.action.value for decision in decisions)
    result.drawn += sum(decision.drawn for decision in decisions)


def received(messages: list[Message], keys: Keys, now: datetime) -> list[Email]:
    """The messages as they are kept."""
    return [receive(message, keys, now) for message in messages]


def _pages(found: Iterable[Message | Unreadable | None], size: int) -> Iterator[list[Message | Unreadable]]:
    page: list[Message | Unreadable] = []
    for item in chain(found, [None]):
        if item is not None:
            page.append(item)
        if page and (item is None or len(page) == size):
            yield page
            page = []
