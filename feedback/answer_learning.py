"""When the served model had learned what: watched through the service's measures, which disturb it least."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter, sleep

import httpx

from feedback.answer_load import Sent
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.learn import answers_in

#: How often it is looked, seconds: what is measured is this too long at most.
LOOK = 0.02
THROUGH, AS_OF = "triage_champion_through", "triage_champion_as_of"


@dataclass
class Watch:
    """Looks at the served model's positions from a thread of its own while the block lasts."""

    url: str
    key: str = field(repr=False)
    at: list[float] = field(default_factory=list)
    through: list[float] = field(default_factory=list)
    as_of: list[float] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
            while not self._over.wait(LOOK):
                told = _gauges(client.get(f"{self.url}/metrics").raise_for_status().text)
                self.through.append(told[THROUGH])
                self.as_of.append(told[AS_OF])
                self.at.append(perf_counter())

    def wait(self, position: int, seconds: float) -> None:
        """Return once edits up to `position` count; raises TriageError after `seconds`."""
        until = perf_counter() + seconds
        while not self.as_of or self.as_of[-1] < position:
            if perf_counter() > until:
                raise TriageError(f"The served model has not learned everything after {seconds:g} seconds.")
            sleep(LOOK)

    def delays(self, sent: Iterable[Sent], positions: Mapping[str, int], changes: bool) -> list[float]:
        """Seconds from sending until each answer counted: first answers when learned, changed ones when folded in."""
        reached = self.as_of if changes else self.through
        asked = [one for one in sent if one.taken and one.webhook.changes is changes]
        return [self.at[bisect_left(reached, positions[one.webhook.answer_id])] - one.at for one in asked]


def _gauges(text: str) -> dict[str, float]:
    rows = (line.split(" ") for line in text.splitlines() if line.startswith("triage_champion_"))
    return {name: float(value) for name, value in rows}


def positions_after(ledger: Ledger, start: int) -> dict[str, int]:
    """The positions of the answers recorded after `start`, by the answers' ids."""
    return {
        correction.answer_id: position
        for position, correction in answers_in(ledger.facts(after=start, kinds=[Correction.kind]))
    }
