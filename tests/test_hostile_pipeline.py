"""Hostile mail all the way: it is decided or has a reason in quarantine, and what is kept of it is bounded."""

from pathlib import Path

import pytest

from tests.builders import NOON
from tests.office import an_office
from triage_cl.adapters.hostile_mail import SCRIPTS, hostile_mail, mail_saying
from triage_cl.adapters.mail.limits import MAX_SUBJECT, MAX_TEXT
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.emails import Message
from triage_cl.usecases.ingest import ingest
from triage_cl.usecases.receive import receive

#: A placeholder may be longer than what it stands for: "[EMAIL]" for "a@b" at worst, each with what is between.
LONGEST = 2 * MAX_TEXT

NEVER_MAIL = {"empty": "empty", "no mail": "no mail header", "100,000 headers": "no mail header"}


@pytest.mark.timeout(120)
def test_every_hostile_message_has_a_decision_or_a_reason_in_quarantine(tmp_path: Path, sqlite_ledger: Ledger) -> None:
    office = an_office(sqlite_ledger, tmp_path)
    found = [parse_message(raw, name) for name, raw in hostile_mail()]
    result = ingest(office.desk, found, lambda: NOON, group=16)
    quarantined = {one.source: one.reason for one in found if not isinstance(one, Message)}
    assert quarantined.items() <= NEVER_MAIL.items()
    assert {"empty", "no mail"} <= quarantined.keys()
    assert (result.mails, result.quarantined) == (len(found), len(quarantined))
    assert result.decided == len(found) - len(quarantined)
    ids = [office.keys.identify(one.key) for one in found if isinstance(one, Message)]
    kept = sqlite_ledger.emails(ids)
    assert kept.keys() == sqlite_ledger.decisions_of(ids).keys() == set(ids)
    assert max(len(email.body) for email in kept.values()) <= LONGEST
    assert max(len(email.subject) for email in kept.values()) <= MAX_SUBJECT


@pytest.mark.parametrize("script", SCRIPTS)
def test_mail_in_any_script_is_kept_as_it_is_and_has_features(
    script: str, tmp_path: Path, sqlite_ledger: Ledger
) -> None:
    office = an_office(sqlite_ledger, tmp_path)
    office.desk.refresh()
    message = parse_message(mail_saying(SCRIPTS[script]), script)
    assert isinstance(message, Message)
    email = receive(message, office.keys, NOON)
    assert email.body == message.body
    assert SCRIPTS[script] in email.body
    [features] = office.desk.describe([email])
    assert features.indices.size > 5
