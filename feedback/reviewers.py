"""Reviewers' accounts in Label Studio: invited by a link, or made through it."""

import secrets
from contextlib import closing
from dataclasses import dataclass, field

from feedback.projects import connect
from triage_cl.adapters.label_studio.connection import TIMEOUT_SECONDS, Connection
from triage_cl.bootstrap import App
from triage_cl.domain.errors import BadInput, ReviewScreenUnavailable


@dataclass(frozen=True, slots=True)
class Account:
    """A reviewer's account that was just made; the password is told once and kept nowhere."""

    email: str
    password: str = field(repr=False)


def invitation(app: App, fresh: bool = False) -> str:
    """The link through which whoever has it makes an account; a `fresh` one ends those told before."""
    with closing(connect(app)) as connection:
        return _invitation(connection, fresh)


def _invitation(connection: Connection, fresh: bool = False) -> str:
    with connection.asking() as client:
        told = client.organizations.reset_token() if fresh else client.organizations.invites.get_invite_link()
    return f"{connection.url}{told.invite_url}"


def members(app: App) -> list[str]:
    """Whoever has an account, by e-mail address."""
    with closing(connect(app)) as connection:
        return _members(connection)


def _members(connection: Connection) -> list[str]:
    with connection.asking() as client:
        return sorted(str(user.email) for user in client.users.list())


def add(app: App, email: str) -> Account:
    """A new account for `email`; raises BadInput where there is one or Label Studio takes no such address."""
    with closing(connect(app)) as connection:
        if email.casefold() in {known.casefold() for known in _members(connection)}:
            raise BadInput(f"{email} has an account already.")
        account = Account(email, secrets.token_urlsafe(12))
        _sign_up(_invitation(connection), account)
        return account


def _sign_up(link: str, account: Account) -> None:
    """Fill in the page behind an invitation: whom the API makes cannot log in (HumanSignal/label-studio 4061)."""
    import httpx

    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as visitor:
            visitor.get(link).raise_for_status()
            form = {"email": account.email, "password": account.password}
            proof = {"csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
            # A secure server takes a form only from its own page.
            answer = visitor.post(link, data=form | proof, headers={"Referer": link})
    except httpx.HTTPError as error:
        raise ReviewScreenUnavailable(f"{type(error).__name__} while signing up.") from None
    if not answer.is_redirect:
        raise BadInput(f"Label Studio makes no account for {account.email!r}.")
