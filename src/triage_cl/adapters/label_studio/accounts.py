"""Whose pseudonym it is: the one place where answers get their reviewers' names back."""

from triage_cl.adapters.label_studio.annotations import CHANNEL
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.privacy.keys import Keys


def names_of(connection: Connection, keys: Keys) -> dict[str, str]:
    """The e-mail address of everybody who has an account, by pseudonym."""
    with connection.asking() as client:
        return {keys.pseudonym(f"{CHANNEL}/{user.id}"): str(user.email) for user in client.users.list()}
