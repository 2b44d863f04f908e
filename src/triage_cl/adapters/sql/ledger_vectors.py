"""The part of the ledger that keeps encoders' vectors of mails."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from triage_cl.adapters.sql import mail_rows, vector_rows
from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.adapters.sql.partitions import ensure_partitions
from triage_cl.adapters.sql.schema import vectors
from triage_cl.domain.emails import Email
from triage_cl.usecases.encode import Encoder, Encoders, Vector, text_to_encode


class LedgerVectors:
    """Vectors by mail and encoder: made once, then read."""

    engine: sa.Engine
    encoders: Encoders

    def encoder(self, kind: str) -> Encoder:
        """The encoder of this kind that makes vectors now; BadSettings where the settings name none."""
        return self.encoders.of(kind)

    def vectors(self, mails: Sequence[Email], kind: str) -> Mapping[str, Vector]:
        """The vector of each mail by the encoder of this kind: as it was stored, or else made now.

        What is made now of a mail that the ledger has is stored, so that every later reader gets the same bits.
        """
        encoder = self.encoders.of(kind)
        with reading(self.engine) as connection:
            found = vector_rows.read(connection, [mail.id for mail in mails], encoder.digest)
        missing = [mail for mail in mails if mail.id not in found]
        if missing:
            made = encoder.encode([text_to_encode(mail.subject, mail.body) for mail in missing])
            fresh = {mail.id: vector for mail, vector in zip(missing, made, strict=True)}
            found.update(fresh)
            found.update(self._kept(fresh, encoder.digest))
        return found

    def _kept(self, fresh: Mapping[str, Vector], encoder: str) -> Mapping[str, Vector]:
        """The vectors of those mails that the ledger has; where somebody else was faster, what he stored."""
        with reading(self.engine) as connection:
            if not mail_rows.known_ids(connection, list(fresh)):
                return {}
        with writing(self.engine) as connection:
            months = vector_rows.months_of_texts(connection, list(fresh))
            ensure_partitions(connection, set(months.values()))
            rows = [vector_rows.row_of(id, month, encoder, fresh[id]) for id, month in sorted(months.items())]
            if rows:
                connection.execute(mail_rows.insert_new(connection, vectors), rows)
            return vector_rows.read(connection, list(months), encoder)
