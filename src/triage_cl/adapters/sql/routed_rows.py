"""Mail that was routed elsewhere as rows: a lesson without a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from triage_cl.adapters.sql.fact_rows import append_facts, corrections_of, lock_counter
from triage_cl.adapters.sql.mail_rows import insert_new, text_rows
from triage_cl.adapters.sql.schema import emails, payloads
from triage_cl.domain.corrections import Correction
from triage_cl.usecases.ledger import Routed


@dataclass(frozen=True, slots=True)
class Rows:
    """A routed mail as rows, made before the transaction that stores them; their position is still missing."""

    answer: Correction
    email: dict[str, Any]
    payload: dict[str, Any]


def rows_of(routed: Sequence[Routed], month: int) -> dict[str, Rows]:
    """Each mail's rows by its id; of a mail that comes twice, the first.

    They lie in the month in which they are stored, as decided mail does: an archive of many years needs no more
    partitions than a day's mail.
    """
    first: dict[str, Routed] = {}
    for mail in routed:
        first.setdefault(mail.email.id, mail)
    return {id: Rows(mail.answer, *text_rows(mail.email, month)) for id, mail in first.items()}


def take(connection: sa.Connection, group: Mapping[str, Rows], at: datetime) -> list[str]:
    """The ids of the mails that had no answer, each with one now, and stored if it was not there.

    An answer that somebody gave, even one to skip the mail, is never overruled.
    """
    # Nobody can answer from here on until the transaction ends.
    position, _ = lock_counter(connection)
    answered = corrections_of(connection, list(group))
    new = {id: rows for id, rows in group.items() if id not in answered}
    if not new:
        return []
    wanted = [new[id].email | {"position": position} for id in sorted(new)]
    inserted = set(connection.scalars(insert_new(connection, emails).returning(emails.c.id), wanted))
    if inserted:
        connection.execute(sa.insert(payloads), [new[id].payload for id in inserted])
    append_facts(connection, [rows.answer for rows in new.values()], at)
    return list(new)
