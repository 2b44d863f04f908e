"""Ordered facts as rows: gapless positions in commit order, and a hash chain over them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from triage_cl.adapters.sql.locks import Lock, take
from triage_cl.adapters.sql.schema import counter, facts
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.facts import GOVERNING, Fact, Recorded, from_body, identity_of, subject_of, to_body
from triage_cl.domain.second_looks import Opinion

#: How many rows a reader holds at once.
PAGE = 5_000

#: Facts that are somebody's answer: an archive's answers teach, but nobody looked at the mail. An identity begins with
#: its correction's source.
GIVEN_BY_PEOPLE = (facts.c.kind == Correction.kind) & facts.c.identity.not_like(f"{Source.IMPORT}:%")
_SAID = facts.c.kind.in_([Correction.kind, Opinion.kind])


def append_facts(connection: sa.Connection, new: Sequence[Fact], at: datetime) -> list[Recorded]:
    """The facts that were not there yet, in their places.

    The counter's row is locked until the transaction ends, so that positions are visible in their order and
    without a gap; a fact whose identity the ledger has already is left out.
    """
    if any(fact.kind in GOVERNING for fact in new):
        take(connection, Lock.GOVERNING)
    position, head = lock_counter(connection)
    known = _known_identities(connection, new)
    rows: list[dict[str, Any]] = []
    recorded = []
    for fact in new:
        identity = identity_of(fact)
        if identity is not None:
            if identity in known:
                continue
            known.add(identity)
        position += 1
        row = _row(position, fact, identity, at.astimezone(UTC))
        head = row["digest"] = digest_after(head, row)
        rows.append(row)
        recorded.append(Recorded(position, at, fact))
    if rows:
        connection.execute(sa.insert(facts), rows)
        connection.execute(sa.update(counter).values(position=position, head=head))
    return recorded


def lock_counter(connection: sa.Connection) -> tuple[int, str]:
    """The last fact's position and digest; nobody else records a fact until the transaction ends."""
    row = connection.execute(sa.select(counter.c.position, counter.c.head).with_for_update()).one()
    return int(row.position), str(row.head)


def _row(position: int, fact: Fact, identity: str | None, at: datetime) -> dict[str, Any]:
    about = {"kind": fact.kind, "subject": subject_of(fact), "identity": identity}
    return {"position": position, **about, "at": at, "body": to_body(fact)}


def _known_identities(connection: sa.Connection, new: Sequence[Fact]) -> set[str]:
    identities = [identity for fact in new if (identity := identity_of(fact)) is not None]
    known: set[str] = set()
    for chunk in chunks(identities):
        known |= set(connection.scalars(sa.select(facts.c.identity).where(facts.c.identity.in_(chunk))))
    return known


def digest_after(head: str, row: Mapping[str, Any]) -> str:
    """The digest of a fact in its place: SHA-256 over the digest before it and the canonical JSON of its own row.

    A number that JSON does not know (infinity, say) is a ValueError.
    """
    own = {name: value for name, value in row.items() if name != "digest"} | {"at": row["at"].isoformat()}
    canonical = json.dumps(own, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{head}\n{canonical}".encode()).hexdigest()


def read_facts(connection: sa.Connection, after: int, until: int | None, kinds: Sequence[str] | None) -> list[Recorded]:
    """Up to a page of facts in order of position."""
    wanted = sa.select(facts.c.position, facts.c.kind, facts.c.at, facts.c.body).where(facts.c.position > after)
    if kinds is not None:
        wanted = wanted.where(facts.c.kind.in_(kinds))
    if until is not None:
        wanted = wanted.where(facts.c.position <= until)
    rows = connection.execute(wanted.order_by(facts.c.position).limit(PAGE))
    return [_recorded(row) for row in rows]


def _recorded(row: Any) -> Recorded:
    return Recorded(row.position, row.at, from_body(row.kind, row.body))


def corrections_of(connection: sa.Connection, emails: Sequence[str]) -> dict[str, list[Recorded]]:
    """All corrections of these mails, each mail's in order."""
    return _by_subject(connection, Correction.kind, emails)


def opinions_of(connection: sa.Connection, looks: Sequence[str]) -> dict[str, list[Recorded]]:
    """All opinions of these second looks, each look's in order."""
    return _by_subject(connection, Opinion.kind, looks)


def _by_subject(connection: sa.Connection, kind: str, subjects: Sequence[str]) -> dict[str, list[Recorded]]:
    found: dict[str, list[Recorded]] = {}
    wanted = sa.select(facts).where(facts.c.kind == kind)
    for chunk in chunks(subjects):
        # Put in order here: told to, SQLite would go through all facts of the kind.
        rows = connection.execute(wanted.where(facts.c.subject.in_(chunk)))
        for row in sorted(rows, key=attrgetter("position")):
            found.setdefault(row.subject, []).append(_recorded(row))
    return found


def answered_since(connection: sa.Connection, ids: Sequence[str], position: int) -> bool:
    """Whether one of these mails or second looks was answered after `position`; none is until the transaction ends."""
    lock_counter(connection)
    later = sa.select(facts.c.position).where(_SAID, facts.c.position > position).limit(1)
    return any(connection.execute(later.where(facts.c.subject.in_(chunk))).first() for chunk in chunks(ids))


def answered(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Which of these mails and second looks have an answer, whatever it says."""
    found: set[str] = set()
    for chunk in chunks(ids):
        found |= set(connection.scalars(sa.select(facts.c.subject).where(_SAID, facts.c.subject.in_(chunk))))
    return found


def facts_about(connection: sa.Connection, subject: str) -> list[Recorded]:
    """All facts about one thing, in order."""
    rows = connection.execute(sa.select(facts).where(facts.c.subject == subject).order_by(facts.c.position))
    return [_recorded(row) for row in rows]


def subject_of_identity(connection: sa.Connection, prefix: str) -> str | None:
    """What a fact is about whose identity begins so; by range, so that the index serves on every database."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    wanted = sa.select(facts.c.subject).where(facts.c.identity >= prefix, facts.c.identity < after)
    return connection.execute(wanted.limit(1)).scalar()


def find_broken_link(connection: sa.Connection) -> int | None:
    """The first position that does not follow from the facts before it, None where the chain holds.

    The chain has no key: who may write the whole ledger can write a new one. Keep its head elsewhere (a backup
    names it) to notice that, too.
    """
    position, head = 0, ""
    every = sa.select(facts).order_by(facts.c.position)
    with connection.execute(every, execution_options={"yield_per": PAGE}) as rows:
        try:
            for row in rows.mappings():
                if row["position"] != position + 1 or row["digest"] != digest_after(head, dict(row)):
                    return position + 1
                position, head = position + 1, row["digest"]
        except (ValueError, AttributeError):
            # What stands there is not even a time, or not JSON.
            return position + 1
    counted = connection.execute(sa.select(counter.c.position, counter.c.head)).one()
    return None if counted == (position, head) else position + 1


def chunks(values: Sequence[str], size: int = 900) -> Iterator[Sequence[str]]:
    """`values` in runs that fit into one statement's parameters."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
