"""The ledger: each method is one transaction, acknowledged by returning after the commit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from triage_cl.adapters.sql import fact_rows, look_rows, mail_rows, routed_rows
from triage_cl.adapters.sql.engine import make_engine, reading, writing
from triage_cl.adapters.sql.fact_rows import PAGE, chunks
from triage_cl.adapters.sql.ledger_looks import LedgerLooks
from triage_cl.adapters.sql.ledger_overview import LedgerOverview
from triage_cl.adapters.sql.ledger_tasks import LedgerTasks
from triage_cl.adapters.sql.ledger_vectors import LedgerVectors
from triage_cl.adapters.sql.partitions import ensure_partitions
from triage_cl.adapters.sql.schema import (
    agreements,
    counter,
    decisions,
    emails,
    facts,
    feed,
    month_of,
    payloads,
    quarantine,
    shadow_decisions,
)
from triage_cl.adapters.sql.settled_rows import read_trust, settled_answers
from triage_cl.domain.corrections import ANSWER_WINDOW, Correction
from triage_cl.domain.decisions import Decision, ShadowDecision
from triage_cl.domain.emails import Email, Unreadable
from triage_cl.domain.facts import Fact, Recorded, subject_of
from triage_cl.domain.second_looks import Opinion
from triage_cl.usecases.encode import NO_ENCODERS, Encoders
from triage_cl.usecases.ledger import Admission, Answered, Dispute, Routed


class Ledger(LedgerTasks, LedgerLooks, LedgerVectors, LedgerOverview):
    """Facts in order, records by key, over one database (SQLite or PostgreSQL); `encoders` make its vectors."""

    def __init__(
        self,
        url: str,
        durable: bool = True,
        answer_window: timedelta = ANSWER_WINDOW,
        encoders: Encoders = NO_ENCODERS,
        answers_a_day: int | None = None,
    ) -> None:
        self.engine = make_engine(url, durable)
        self.encoders = encoders
        self.answer_window = answer_window
        self.answers_a_day = answers_a_day
        self._months: set[int] = set()

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    def append(self, facts: Sequence[Fact], at: datetime) -> list[Recorded]:
        """Record facts, each once; what comes back was new, and is durable."""
        if not facts:
            return []
        with writing(self.engine) as connection:
            return fact_rows.append_facts(connection, facts, at)

    def append_answers(self, answers: Sequence[Correction | Opinion], at: datetime, seen: int) -> list[Recorded] | None:
        """Record answers, each once, or None if one of their mails or looks was answered after the position `seen`.

        Those beyond what a reviewer may teach in a day are withheld.
        """
        if not answers:
            return []
        with writing(self.engine) as connection:
            if fact_rows.answered_since(connection, [subject_of(answer) for answer in answers], seen):
                return None
            held = look_rows.hold_back(connection, answers, at, self.answers_a_day) if self.answers_a_day else answers
            recorded = fact_rows.append_facts(connection, held, at)
            look_rows.count_answers(connection, [one.fact for one in recorded], at)
            return recorded

    def facts(self, after: int = 0, until: int | None = None, kinds: Iterable[str] | None = None) -> Iterator[Recorded]:
        """Facts after a position and up to another, in order."""
        wanted = None if kinds is None else list(kinds)
        while True:
            with reading(self.engine) as connection:
                page = fact_rows.read_facts(connection, after, until, wanted)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].position

    def position(self) -> int:
        """The position of the last fact."""
        with reading(self.engine) as connection:
            return int(connection.execute(sa.select(counter.c.position)).scalar_one())

    def broken_link(self) -> int | None:
        """The first position where the hash chain breaks, None where it holds."""
        with reading(self.engine) as connection:
            return fact_rows.find_broken_link(connection)

    def admit(self, admissions: Sequence[Admission], decided_under: int) -> list[str] | None:
        """Store decided mails; the ids of the new ones, or None if a fact newer than `decided_under` governs."""
        if not admissions:
            return []
        group = [mail_rows.rows_of(admission, self.engine.dialect, self.encoders) for admission in admissions]
        self._ensure_partitions({rows.email["month"] for rows in group})
        with writing(self.engine) as connection:
            position, governed_at = mail_rows.governed_at(connection)
            if governed_at > decided_under:
                return None
            return mail_rows.admit(connection, group, position)

    def take_routed(self, routed: Sequence[Routed], at: datetime) -> list[str]:
        """Store routed mails that are not there, and the answers of those that have none; the ids of these."""
        if not routed:
            return []
        month = month_of(at)
        group = routed_rows.rows_of(routed, month)
        self._ensure_partitions({month})
        with writing(self.engine) as connection:
            return routed_rows.take(connection, group, at)

    def _ensure_partitions(self, months: set[int]) -> None:
        if self.engine.dialect.name == "postgresql" and not months <= self._months:
            with writing(self.engine) as connection:
                ensure_partitions(connection, months)
            self._months |= months

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails are there."""
        with reading(self.engine) as connection:
            return mail_rows.known_ids(connection, ids)

    def emails(self, ids: Sequence[str]) -> Mapping[str, Email]:
        """The mails of these ids whose text is kept."""
        with reading(self.engine) as connection:
            return mail_rows.read_emails(connection, ids)

    def quarantine(self, found: Sequence[Unreadable], at: datetime) -> int:
        """Keep what could not be read; how many are new."""
        with writing(self.engine) as connection:
            return mail_rows.put_in_quarantine(connection, found, at)

    def quarantined(self) -> Mapping[str, int]:
        """How many could not be read, by reason."""
        counted = sa.select(quarantine.c.reason, sa.func.count()).group_by(quarantine.c.reason)
        with reading(self.engine) as connection:
            return dict(connection.execute(counted.order_by(quarantine.c.reason)).tuples().all())

    def corrections_of(self, ids: Sequence[str]) -> Mapping[str, list[Recorded]]:
        """All corrections of these mails, each mail's in order."""
        with reading(self.engine) as connection:
            return fact_rows.corrections_of(connection, ids)

    def mail_answered_as(self, prefix: str) -> str | None:
        """The mail that has a correction whose identity begins so, None where none has."""
        with reading(self.engine) as connection:
            return fact_rows.subject_of_identity(connection, prefix)

    def facts_about(self, subject: str) -> list[Recorded]:
        """All facts about a mail, a department, a version or an alias, in order."""
        with reading(self.engine) as connection:
            return fact_rows.facts_about(connection, subject)

    def corrected_before(self, ids: Sequence[str], position: int) -> set[str]:
        """Which of these mails had a correction at or before `position`."""
        earlier = sa.select(facts.c.subject).where(facts.c.kind == Correction.kind, facts.c.position <= position)
        found: set[str] = set()
        with reading(self.engine) as connection:
            for chunk in chunks(ids):
                found |= set(connection.scalars(earlier.where(facts.c.subject.in_(chunk))))
        return found

    def decisions(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Answered]:
        """Decisions made from `since` until before `until`, in their order, with the settled answer of the drawn."""
        wanted = (
            sa.select(decisions, payloads.c.thread, emails.c.received_at, emails.c.length)
            .join(emails, emails.c.id == decisions.c.email_id)
            .join(payloads, mail_rows.SAME_MAIL, isouter=True)
        )
        if since is not None:
            wanted = wanted.where(decisions.c.decided_at >= since)
        if until is not None:
            wanted = wanted.where(decisions.c.decided_at < until)
        by_pages = {"yield_per": PAGE}
        with (
            reading(self.engine) as connection,
            connection.execute(_in_order(wanted), execution_options=by_pages) as rows,
        ):
            trust = read_trust(connection)
            for page in rows.partitions():
                answers = settled_answers(connection, _drawn(page), self.answer_window, trust)
                for row in page:
                    decision, answer = mail_rows.decision_of(row), answers.get(row.email_id)
                    yield Answered(decision, answer, row.thread, row.received_at, row.length, row.position, row.drawn)

    def feed(self, after: int, limit: int) -> list[tuple[int, Decision]]:
        """Decisions in the order in which they were stored, each with its number, those after a number first."""
        wanted = sa.select(decisions).where(decisions.c.number > after).order_by(decisions.c.number).limit(limit)
        with reading(self.engine) as connection:
            return [(row.number, mail_rows.decision_of(row)) for row in connection.execute(wanted)]

    def fed(self) -> int:
        """The number of the last decision stored."""
        with reading(self.engine) as connection:
            return int(connection.execute(sa.select(feed.c.number)).scalar_one())

    def decisions_of(self, ids: Sequence[str]) -> Mapping[str, Decision]:
        """The decisions about these mails, where there are any."""
        found: dict[str, Decision] = {}
        with reading(self.engine) as connection:
            for chunk in chunks(ids):
                for row in connection.execute(sa.select(decisions).where(decisions.c.email_id.in_(chunk))):
                    found[row.email_id] = mail_rows.decision_of(row)
        return found

    def review_probabilities(self, ids: Sequence[str]) -> Mapping[str, float]:
        """The review probabilities of those of these mails that were decided."""
        if not ids:
            return {}
        wanted = sa.select(decisions.c.email_id, decisions.c.review_probability)
        found: dict[str, float] = {}
        with reading(self.engine) as connection:
            for chunk in chunks(ids):
                found.update(connection.execute(wanted.where(decisions.c.email_id.in_(chunk))).tuples().all())
        return found

    def recent_decisions(self, count: int) -> list[Decision]:
        """The last decisions, oldest first."""
        wanted = sa.select(decisions).order_by(decisions.c.decided_at.desc(), decisions.c.email_id.desc()).limit(count)
        with reading(self.engine) as connection:
            return [mail_rows.decision_of(row) for row in reversed(connection.execute(wanted).all())]

    def spending(self, since: datetime | None = None) -> tuple[int, int, datetime | None]:
        """Mails decided since a time, mails drawn of them, and the time of the first of these decisions."""
        counted = sa.select(
            sa.func.count(), sa.func.count().filter(decisions.c.drawn), sa.func.min(decisions.c.decided_at)
        ).select_from(decisions)
        if since is not None:
            counted = counted.where(decisions.c.decided_at >= since)
        with reading(self.engine) as connection:
            seen, drawn, first_at = connection.execute(counted).one()
            return seen, drawn, first_at

    def disputes(self, champion: str, challenger: str) -> list[Dispute]:
        """What two entrants disagree about, in decision order."""
        department, confidence = shadow_decisions.c.department, shadow_decisions.c.confidence
        wanted = (
            sa.select(decisions, department.label("other"), confidence.label("sure"))
            .join(shadow_decisions, shadow_decisions.c.email_id == decisions.c.email_id)
            .where(shadow_decisions.c.challenger == challenger)
            .where(decisions.c.version.startswith(f"{champion}@", autoescape=True))
        )
        with reading(self.engine) as connection:
            rows = connection.execute(_in_order(wanted)).all()
            answers = settled_answers(connection, _drawn(rows), self.answer_window, read_trust(connection))
        return [
            Dispute(
                mail_rows.decision_of(row),
                ShadowDecision(row.email_id, challenger, row.other, row.sure),
                answers.get(row.email_id),
            )
            for row in rows
        ]

    def agreements(self, champion: str, challenger: str) -> Mapping[date, int]:
        """How many mails a day two entrants agree about."""
        wanted = sa.select(agreements.c.day, agreements.c.mails).where(
            agreements.c.champion == champion, agreements.c.challenger == challenger
        )
        with reading(self.engine) as connection:
            return dict(connection.execute(wanted.order_by(agreements.c.day)).tuples().all())


def _in_order(wanted: sa.Select[Any]) -> sa.Select[Any]:
    return wanted.order_by(decisions.c.decided_at, decisions.c.email_id)


def _drawn(rows: Sequence[Any]) -> dict[str, datetime]:
    return {row.email_id: row.decided_at for row in rows if row.drawn}
