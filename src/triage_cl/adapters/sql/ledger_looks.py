"""The part of the ledger that keeps second looks and what was said at them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from triage_cl.adapters.sql import fact_rows, look_rows
from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.domain.facts import Recorded
from triage_cl.domain.second_looks import Purpose, SecondLook


class LedgerLooks:
    """Second looks by their ids."""

    engine: sa.Engine

    def ask(self, looks: Sequence[SecondLook]) -> int:
        """Have mails looked at once more, each look once; how many are new."""
        if not looks:
            return 0
        with writing(self.engine) as connection:
            return look_rows.ask(connection, looks)

    def looks(self, ids: Sequence[str]) -> Mapping[str, SecondLook]:
        """The second looks of these ids; other ids are left out."""
        with reading(self.engine) as connection:
            return look_rows.looks(connection, ids)

    def looks_at(self, emails: Sequence[str]) -> Mapping[str, SecondLook]:
        """All second looks at these mails, by their own ids."""
        with reading(self.engine) as connection:
            return look_rows.looks_at(connection, emails)

    def looks_for(self, *purposes: Purpose) -> list[SecondLook]:
        """All second looks for these purposes."""
        with reading(self.engine) as connection:
            return look_rows.looks_for(connection, purposes)

    def answers_given(self, since: datetime) -> Mapping[str, int]:
        """How many lessons each reviewer gave on the day of `since` and later, by whatever way but an archive's."""
        with reading(self.engine) as connection:
            return look_rows.answers_given(connection, since.astimezone(UTC).date())

    def unpublished_looks(self, limit: int) -> list[SecondLook]:
        """Second looks that no reviewer was given yet, most urgent first."""
        with reading(self.engine) as connection:
            return look_rows.unpublished(connection, limit)

    def opinions_of(self, ids: Sequence[str]) -> Mapping[str, list[Recorded]]:
        """What was said at these second looks, each one's in order."""
        with reading(self.engine) as connection:
            return fact_rows.opinions_of(connection, ids)

    def answered(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails and second looks somebody said something about, or an archive."""
        with reading(self.engine) as connection:
            return fact_rows.answered(connection, ids)
