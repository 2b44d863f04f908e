"""Encoders' vectors as rows: numbers of two bytes, beside the text that they were made of and gone with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from triage_cl.adapters.sql.fact_rows import chunks
from triage_cl.adapters.sql.schema import emails, payloads, vectors
from triage_cl.usecases.encode import Vector

#: Little-endian float16.
STORED = "<f2"


def row_of(email_id: str, month: int, encoder: str, vector: Vector) -> dict[str, Any]:
    """The row of a mail's vector by the encoder of this digest."""
    return {"email_id": email_id, "month": month, "encoder": encoder, "vector": vector.astype(STORED).tobytes()}


def read(connection: sa.Connection, ids: Sequence[str], encoder: str) -> dict[str, Vector]:
    """The vectors of these mails by the encoder of this digest, where there are any."""
    wanted = sa.select(vectors.c.email_id, vectors.c.vector).where(vectors.c.encoder == encoder)
    found: dict[str, Vector] = {}
    for chunk in chunks(ids):
        for row in connection.execute(wanted.where(vectors.c.email_id.in_(chunk))):
            found[row.email_id] = np.frombuffer(row.vector, STORED).astype(np.float32)
    return found


def months_of_texts(connection: sa.Connection, ids: Sequence[str]) -> Mapping[str, int]:
    """The month of each of these mails whose text is kept, which nobody erases before the transaction ends."""
    same = (emails.c.id == payloads.c.email_id) & (emails.c.month == payloads.c.month)
    wanted = sa.select(payloads.c.email_id, payloads.c.month).join(emails, same)
    locked = wanted.with_for_update(read=True, of=payloads)
    found: dict[str, int] = {}
    for chunk in chunks(ids):
        found.update(connection.execute(locked.where(emails.c.id.in_(chunk))).tuples().all())
    return found
