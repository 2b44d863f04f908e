"""The part of the ledger that the console reads: counts, lists, and everything about one decision."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from triage_cl.adapters.sql import overview_rows
from triage_cl.adapters.sql.engine import reading
from triage_cl.domain.decisions import ShadowDecision
from triage_cl.domain.facts import Recorded
from triage_cl.usecases.console_ledger import Listed, Listing, Offered, Volume


class LedgerOverview:
    """What was decided and answered, counted and listed."""

    engine: sa.Engine

    def volumes(self, after: int, since: datetime) -> tuple[int, list[Volume]]:
        """The number of the last decision, and what was decided after number `after` and since a time, by hour."""
        with reading(self.engine) as connection:
            return overview_rows.volumes(connection, after, since)

    def start_of_last(self, count: int) -> datetime | None:
        """When the last `count` decisions began to be made; None where there are not so many."""
        with reading(self.engine) as connection:
            return overview_rows.start_of_last(connection, count)

    def corrections_since(self, since: datetime, after: int, imported: bool = True) -> int:
        """Corrections recorded since a time, looked for after a position; those of archives only if `imported`."""
        with reading(self.engine) as connection:
            return overview_rows.corrections_since(connection, since, after, imported)

    def answers(self, since: datetime, after: int, before: int, limit: int) -> list[Recorded]:
        """Corrections by people recorded since a time, newest first, between two positions (both exclusive)."""
        with reading(self.engine) as connection:
            return overview_rows.answers(connection, since, after, before, limit)

    def lessons_by_department(self) -> Mapping[str, int]:
        """How many mails' effective answer names each department."""
        with reading(self.engine) as connection:
            return overview_rows.lessons_by_department(connection)

    def latest(self, kind: str, count: int) -> list[Recorded]:
        """The last facts of a kind, newest first."""
        with reading(self.engine) as connection:
            return overview_rows.latest(connection, kind, count)

    def listed(self, listing: Listing) -> list[Listed]:
        """The decisions that a listing asks for, newest first."""
        with reading(self.engine) as connection:
            return overview_rows.listed(connection, listing)

    def named(self, prefix: str, limit: int) -> list[Listed]:
        """Decisions about mails whose id begins so, by id."""
        with reading(self.engine) as connection:
            return overview_rows.named(connection, prefix, limit)

    def shadows_of(self, email_id: str) -> list[ShadowDecision]:
        """What challengers concluded about a mail where they disagreed, by name."""
        with reading(self.engine) as connection:
            return overview_rows.shadows_of(connection, email_id)

    def offered(self, email_id: str) -> Offered | None:
        """When a mail became a review task, and when that was put away; None for one that was not offered."""
        with reading(self.engine) as connection:
            return overview_rows.offered(connection, email_id)
