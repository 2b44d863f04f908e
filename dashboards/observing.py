"""What the console knows: the overview and the parts' health, each by a round; and today's champion, by a desk."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from dashboards.asked import Asked
from dashboards.rounds import Round
from triage_cl.adapters.components import Components, Part, Seen, parts_of
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import App
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.errors import BadSettings, LedgerUnavailable, TriageError
from triage_cl.usecases.alarms import LEDGER, Alarm, Health, Limits, State, find_alarms
from triage_cl.usecases.overview import Lookout, Overview
from triage_cl.usecases.receipt import Reach, Receipt, reach_of, receipt
from triage_cl.usecases.reviewer_accounts import StaffAccount, staff_account
from triage_cl.usecases.trace import Belief, Trace, believe
from triage_cl.usecases.triage import Desk

Told = TypeVar("Told")

#: How often the ledger is looked at, and the parts are asked, seconds.
LEDGER_SECONDS, PARTS_SECONDS = 10.0, 5.0
#: Of the time at most this part goes into looking at the ledger.
BUSY_PART = 0.1
#: How long a page waits for today's champion, seconds: it may have to be folded first.
DESK_SECONDS = 2.0
#: How long the parts wait for the first look at the ledger, seconds.
OPENING_SECONDS = 15.0


def subscribers(app: App, clock: Callable[[], datetime]) -> dict[str, str]:
    """Who is sent decisions, by the names of their cursors; a URL that cannot be used is the service's to tell."""
    from triage_cl.api.delivery import Delivery

    found: dict[str, str] = {}
    for url in app.settings.subscribers:
        with suppress(BadSettings):
            sent = Delivery(url, app.access.signing_secret, lambda: app.ledger, Taxonomy, clock)
            found[sent.cursor] = sent.name
    return found


class Observer:
    """Keeps what the pages show; nothing is asked before `start`."""

    def __init__(self, app: App, clock: Callable[[], datetime]) -> None:
        self.app, self.clock = app, clock
        self._lookout: Lookout | None = None
        self._desk: Desk | None = None
        self._desk_thread = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._staff = Asked("staff", lambda: staff_account(self.ledger), DESK_SECONDS)
        parts = [Part(LEDGER, self._ask_ledger), *parts_of(app.settings, lambda: app.access.label_studio_token)]
        self._components = Components(parts, app.home / "console" / "health.json")
        self.overview: Round[Overview] = Round("overview", self._look, LEDGER_SECONDS, clock, BUSY_PART)
        self.health: Round[list[Health]] = Round("health", self._ask_parts, PARTS_SECONDS, clock)

    def start(self) -> None:
        """Begin to look."""
        self.overview.start()
        self.health.start()

    def stop(self) -> None:
        """End every thread."""
        self.overview.stop()
        self.health.stop()
        self._components.close()
        self._desk_thread.shutdown(wait=False, cancel_futures=True)
        self._staff.stop()

    @property
    def ledger(self) -> Ledger:
        """The ledger, once the overview's round has opened it; until then LedgerUnavailable, at once."""
        if self._lookout is None:
            raise LedgerUnavailable("The console has not reached it yet.")
        return self.app.ledger

    def alarms(self, at: datetime) -> Sequence[Alarm]:
        """What is wrong."""
        settings = self.app.settings
        limits = Limits(timedelta(days=settings.answer_days), reviews=settings.reviews == "label-studio")
        return find_alarms(self.health.seen or (), self.overview.seen, limits, at)

    def _look(self, at: datetime) -> Overview:
        if self._lookout is None:
            settings, names = self.app.settings, subscribers(self.app, self.clock)
            self._lookout = Lookout(self.app.ledger, settings.rule, settings.answer_window, names)
        return self._lookout.look(at)

    def _ask_parts(self, at: datetime) -> list[Health]:
        # Else the ledger would count as down while it is being opened.
        self.overview.looked.wait(OPENING_SECONDS)
        return self._components.look(at)

    def _ask_ledger(self) -> Seen:
        if self._lookout is None and self.overview.trouble is not None:
            return State.DOWN, self.overview.trouble.why
        self.ledger.position()
        return State.UP, ""

    def belief(self, email: Email, department: str | None) -> Belief | str | None:
        """What the champion believes of a mail today, or why nobody can tell; None while it is still being loaded."""
        return self._ask_desk(lambda desk: believe(desk, email, department, self.clock()))

    def receipt(self, found: Trace, email: Email) -> Receipt | str | None:
        """What the champion makes of an answered mail and those like it, or why nobody can tell; None as above."""
        return self._ask_desk(lambda desk: receipt(desk, self.ledger, found, email))

    def reach(self) -> Reach | str | None:
        """Which lessons the champion has, or why nobody can tell; None as above."""
        return self._ask_desk(reach_of)

    def staff(self) -> StaffAccount | None:
        """What all reviewers did so far; None while it is still being counted."""
        return self._staff.told(self.ledger.position())

    def _ask_desk(self, work: Callable[[Desk], Told]) -> Told | str | None:
        asked = self._desk_thread.submit(self._at_desk, work)
        try:
            return asked.result(DESK_SECONDS)
        except TooLate:
            asked.cancel()
            return None
        except TriageError as error:
            return str(error)

    def _at_desk(self, work: Callable[[Desk], Told]) -> Told:
        if self._desk is None:
            self._desk = self.app.desk()
        try:
            return work(self._desk)
        except TriageError:
            # Half of the news may be taken in: the next one starts anew.
            self._desk = None
            raise
