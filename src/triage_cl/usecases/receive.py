"""Turn a message as it arrived into an e-mail as it is kept: redacted, pseudonymous, with a keyed id."""

from datetime import datetime

from triage_cl.domain.emails import Email, Message
from triage_cl.privacy.keys import Keys
from triage_cl.privacy.pseudonyms import pseudonymous_sender
from triage_cl.privacy.redaction import REDACTION_VERSION, redact


def receive(message: Message, keys: Keys, arrived_at: datetime) -> Email:
    """The e-mail to keep; nothing unredacted of `message` is in it."""
    return Email(
        id=keys.identify(message.key),
        received_at=message.received_at or arrived_at,
        sender=pseudonymous_sender(keys, message.sender),
        subject=redact(message.subject),
        body=redact(message.body),
        thread=keys.pseudonym(message.thread) if message.thread else None,
        redaction=REDACTION_VERSION,
        metadata={redact(name): redact(value) for name, value in message.metadata.items()},
    )
