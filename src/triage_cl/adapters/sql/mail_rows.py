"""Mails, decisions and what surrounds them as rows: admitted once, all of a mail in one transaction."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from triage_cl.adapters.sql import vector_rows
from triage_cl.adapters.sql.bulk import bulk
from triage_cl.adapters.sql.fact_rows import chunks
from triage_cl.adapters.sql.locks import Lock, take
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
    vectors,
)
from triage_cl.domain.decisions import Action, Decision, ShadowDecision
from triage_cl.domain.emails import Email, Unreadable
from triage_cl.domain.facts import GOVERNING
from triage_cl.domain.versions import entrant_in
from triage_cl.usecases.encode import NO_ENCODERS, Encoders
from triage_cl.usecases.ledger import Admission

#: A mail's decision and its payload lie in partitions of the same month.
SAME_MAIL = (payloads.c.email_id == decisions.c.email_id) & (payloads.c.month == decisions.c.month)


def insert_new(connection: sa.Connection, table: sa.Table) -> Any:
    """An insert that leaves rows alone whose key is there already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def governed_at(connection: sa.Connection) -> tuple[int, int]:
    """The ledger's position and that of the last fact that changes how mail is decided.

    No other such fact can slip in before the transaction ends.
    """
    take(connection, Lock.GOVERNING, shared=True)
    last = sa.select(sa.func.max(facts.c.position)).where(facts.c.kind.in_(GOVERNING)).scalar_subquery()
    position, governed = connection.execute(sa.select(counter.c.position, last)).one()
    return position, governed or 0


@dataclass(frozen=True, slots=True)
class Rows:
    """An admission as rows, made ready before the transaction that stores them; their position is still missing."""

    admission: Admission
    email: dict[str, Any]
    payload: dict[str, Any]
    decision: dict[str, Any]
    shadows: list[dict[str, Any]]
    vectors: list[dict[str, Any]]


def rows_of(admission: Admission, dialect: sa.Dialect, encoders: Encoders = NO_ENCODERS) -> Rows:
    """The admission's rows for databases of `dialect`; `encoders` are those that made its vectors."""
    email, decision = admission.email, admission.decision
    month = month_of(decision.decided_at)
    described, payload = text_rows(email, month)
    shadows = [_fields(shadow) for shadow in admission.disagreements]
    made = [
        vector_rows.row_of(email.id, month, encoders.of(kind).digest, vector)
        for kind, vector in admission.vectors.items()
    ]
    more = {"action": decision.action.value, "drawn": decision.drawn, "month": month}
    return Rows(
        admission,
        email=bulk(emails, dialect).ready(described),
        payload=bulk(payloads, dialect).ready(payload),
        decision=bulk(decisions, dialect).ready(_fields(decision) | more),
        shadows=shadows,
        vectors=made,
    )


def admit(connection: sa.Connection, group: Sequence[Rows], position: int) -> list[str]:
    """The ids of the mails that are new; each stored with its payload, decision and shadow decisions."""
    by_id = {rows.email["id"]: rows for rows in group}
    for rows in group:
        rows.email["position"] = rows.decision["position"] = position
    # In one order everywhere: two groups that share mails wait for each other, never both at once.
    wanted = [by_id[id].email for id in sorted(by_id)]
    all_new = bulk(emails, connection.dialect).insert(connection, wanted) == len(wanted)
    new = list(by_id.values()) if all_new else _stored(connection, by_id)
    if not new:
        return []
    bulk(payloads, connection.dialect).insert(connection, [rows.payload for rows in new])
    made = [vector for rows in new for vector in rows.vectors]
    if made:
        connection.execute(sa.insert(vectors), made)
    shadows = [shadow for rows in new for shadow in rows.shadows]
    if shadows:
        connection.execute(sa.insert(shadow_decisions), shadows)
    _count_agreements(connection, [rows.admission for rows in new])
    _number(connection, new)
    bulk(decisions, connection.dialect).insert(connection, [rows.decision for rows in new])
    return [rows.email["id"] for rows in new]


def _stored(connection: sa.Connection, group: Mapping[str, Rows]) -> list[Rows]:
    """Those of the group that are there as they are here: a row's digest is salted afresh each time it is made."""
    stored: set[str] = set()
    for chunk in chunks(list(group)):
        stored |= set(connection.scalars(sa.select(emails.c.digest).where(emails.c.id.in_(chunk))))
    return [rows for rows in group.values() if rows.email["digest"] in stored]


def _number(connection: sa.Connection, new: Sequence[Rows]) -> None:
    """The next numbers; late in the transaction, for other writers wait from here until it ends."""
    counted = sa.update(feed).values(number=feed.c.number + len(new)).returning(feed.c.number)
    first = connection.execute(counted).scalar_one() - len(new) + 1
    for number, rows in enumerate(new, first):
        rows.decision["number"] = number


def _fields(value: Decision | ShadowDecision) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def text_rows(email: Email, month: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A mail's own row, its position still missing, and that of what can be erased; with a fresh salt."""
    salt = secrets.token_hex(16)
    return _email_row(email, salt, month), _payload_row(email, salt, month)


def _email_row(email: Email, salt: str, month: int) -> dict[str, Any]:
    return {
        "id": email.id,
        "digest": digest_of(email, salt),
        "received_at": email.received_at,
        "length": email.length,
        "month": month,
    }


def digest_of(email: Email, salt: str) -> str:
    """SHA-256 that proves the stored text to whoever has the salt, and says nothing once the salt is erased."""
    return hashlib.sha256("\0".join((salt, email.sender, email.subject, email.body)).encode()).hexdigest()


def _payload_row(email: Email, salt: str, month: int) -> dict[str, Any]:
    return {
        "email_id": email.id,
        "month": month,
        "salt": salt,
        "sender": email.sender,
        "subject": email.subject,
        "body": email.body,
        "thread": email.thread,
        "metadata": dict(email.metadata),
        "redaction": email.redaction,
    }


def _count_agreements(connection: sa.Connection, new: Sequence[Admission]) -> None:
    counts: Counter[tuple[str, str, date]] = Counter()
    for decision, agreeing in ((admission.decision, admission.agreeing) for admission in new):
        counts.update(
            (entrant_in(decision.version), other, decision.decided_at.astimezone(UTC).date()) for other in agreeing
        )
    for (champion, challenger, day), mails in sorted(counts.items()):
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        row = dialect.insert(agreements).values(champion=champion, challenger=challenger, day=day, mails=mails)
        key = [agreements.c.champion, agreements.c.challenger, agreements.c.day]
        added = {"mails": agreements.c.mails + row.excluded.mails}
        connection.execute(row.on_conflict_do_update(index_elements=key, set_=added))


def put_in_quarantine(connection: sa.Connection, found: Sequence[Unreadable], at: datetime) -> int:
    """How many of these were not in quarantine yet."""
    # A file's name may be no text.
    named = [(bad.source.encode("utf-8", "backslashreplace").decode(), bad.reason) for bad in found]
    rows = [
        {"id": hashlib.sha256(f"{source}\0{reason}".encode()).hexdigest(), "source": source, "reason": reason, "at": at}
        for source, reason in named
    ]
    if not rows:
        return 0
    rows.sort(key=lambda row: str(row["id"]))
    return len(connection.scalars(insert_new(connection, quarantine).returning(quarantine.c.id), rows).all())


def known_ids(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Which of these mails the ledger has."""
    known: set[str] = set()
    for chunk in chunks(ids):
        known |= set(connection.scalars(sa.select(emails.c.id).where(emails.c.id.in_(chunk))))
    return known


def read_emails(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Email]:
    """The mails of these ids whose text is still kept."""
    same = (emails.c.id == payloads.c.email_id) & (emails.c.month == payloads.c.month)
    wanted = sa.select(payloads, emails.c.received_at).join(emails, same)
    found = {}
    for chunk in chunks(ids):
        for row in connection.execute(wanted.where(emails.c.id.in_(chunk))):
            found[row.email_id] = _email_of(row)
    return found


def _email_of(row: Any) -> Email:
    return Email(
        id=row.email_id,
        received_at=row.received_at,
        sender=row.sender,
        subject=row.subject,
        body=row.body,
        thread=row.thread,
        redaction=row.redaction,
        metadata=row.metadata,
    )


def decision_of(row: Any) -> Decision:
    """The decision that a row holds."""
    return Decision(
        email_id=row.email_id,
        version=row.version,
        department=row.department,
        confidence=row.confidence,
        margin=row.margin,
        unseen=row.unseen,
        action=Action(row.action),
        review_probability=row.review_probability,
        draw=row.draw,
        blind=row.blind,
        disputed=row.disputed,
        decided_at=row.decided_at,
        through=row.through,
        as_of=row.as_of,
    )
