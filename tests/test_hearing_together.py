"""Webhooks that come together are recorded together, and each is answered as if it had come alone."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from feedback.gathering import Gathering
from feedback.hearing import Ear, Heard
from tests.office import Office, an_office
from tests.test_receiver import an_event, created, deleted, updated, utcnow
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.errors import BadInput, LedgerUnavailable
from triage_cl.usecases.learn import lessons_between


@pytest.fixture
def office(ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(ledger, tmp_path, share=1.0)


@pytest.fixture
def mails(office: Office) -> list[str]:
    return [decision.email_id for decision in office.triage(6)]


@pytest.fixture
def ear(office: Office) -> Ear:
    return Ear(office.ledger, office.keys, utcnow)


def lessons(office: Office) -> dict[str, str]:
    head = office.ledger.position()
    return {one.email_id: one.department for one in lessons_between(office.ledger, 0, head, head)}


def test_answers_about_several_mails_are_one_transaction(office: Office, ear: Ear, mails: Sequence[str]) -> None:
    commits: list[bool] = []
    sa.event.listen(
        office.ledger.engine, "begin", lambda connection: commits.append("writes" in connection.get_execution_options())
    )
    heard = ear.hear_all([created(number, mail, "legal") for number, mail in enumerate(mails, 1)])
    assert heard == [Heard(1)] * len(mails)
    assert sum(commits) == 1
    assert lessons(office) == dict.fromkeys(mails, "legal")


def test_each_is_told_what_became_of_its_own(office: Office, ear: Ear, mails: Sequence[str]) -> None:
    one, two, three, four, *_ = mails
    ear.hear(updated(1, one, "support", 2))
    ear.hear(created(2, two, "legal"))
    heard = ear.hear_all(
        [
            created(1, one, "legal", 1),
            created(2, two, "legal"),
            created(3, three, "nobody's"),
            created(4, "no such mail", "legal"),
            {"action": "ANNOTATION_CREATED"},
            created(5, four, "legal"),
            {"action": "TASKS_DELETED", "tasks": [{"id": 5}]},
            {"action": "PROJECT_UPDATED"},
        ]
    )
    assert isinstance(heard.pop(4), BadInput)
    assert heard == [Heard(0, settled=False), Heard(), Heard(), Heard(), Heard(1), Heard(0, settled=False), Heard()]
    assert lessons(office) == {one: "support", two: "legal", four: "legal"}


def test_what_is_said_of_one_mail_keeps_its_order(office: Office, ear: Ear, mails: Sequence[str]) -> None:
    one, two, three, *_ = mails
    heard = ear.hear_all(
        [
            created(1, one, "legal"),
            created(2, two, "legal"),
            updated(1, one, "support", 1),
            created(3, three, "legal"),
            deleted(3),
            an_event("ANNOTATION_CREATED", 4, two, None, 2, was_cancelled=True),
        ]
    )
    assert [one.corrections for one in heard if isinstance(one, Heard)] == [1, 1, 1, 1, 1, 0]
    assert lessons(office) == {one: "support", two: "legal"}


def test_one_that_spoils_the_transaction_spoils_no_other(
    office: Office, ear: Ear, mails: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = office.ledger.append_answers

    def refuse(answers: Sequence[Correction], *more: Any) -> object:
        if any(answer.email_id == mails[1] for answer in answers):
            raise BadInput("The ledger refuses a value.")
        return record(answers, *more)

    monkeypatch.setattr(office.ledger, "append_answers", refuse)
    first, second, third = ear.hear_all([created(number, mail, "legal") for number, mail in enumerate(mails[:3])])
    assert (first, third) == (Heard(1), Heard(1))
    assert isinstance(second, BadInput)
    assert lessons(office) == {mails[0]: "legal", mails[2]: "legal"}


def test_a_ledger_that_is_down_is_tried_once_and_told_to_all(
    office: Office, ear: Ear, mails: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def down(answers: Sequence[Correction], *_: Any) -> None:
        tried.append(len(answers))
        raise LedgerUnavailable("It reports: gone.")

    monkeypatch.setattr(office.ledger, "append_answers", down)
    heard = ear.hear_all([created(number, mail, "legal") for number, mail in enumerate(mails)])
    assert all(isinstance(one, LedgerUnavailable) for one in heard)
    assert tried == [len(mails)]


def test_what_waits_while_a_group_is_recorded_is_the_next_group() -> None:
    groups: list[list[int]] = []

    async def all_at_once() -> list[int]:
        async with asyncio.TaskGroup() as office:
            first = office.create_task(gathering.add(0))
            await asyncio.sleep(0)
            others = [office.create_task(gathering.add(number)) for number in range(1, 10)]
        return [task.result() for task in [first, *others]]

    def record(items: Sequence[int]) -> list[int]:
        groups.append(list(items))
        return [10 * item for item in items]

    gathering = Gathering(record)
    assert asyncio.run(all_at_once()) == [10 * number for number in range(10)]
    assert [number for group in groups for number in group] == list(range(10))
    assert len(groups) <= 2


def test_each_sender_gets_its_own_error_and_nobody_waits_for_ever() -> None:
    def record(items: Sequence[int]) -> list[int | Exception]:
        if 7 in items:
            raise ValueError("all of them")
        return [BadInput("odd") if item % 2 else item for item in items]

    async def outcomes(*items: int) -> list[int | BaseException]:
        gathering = Gathering(record)
        return await asyncio.gather(*(gathering.add(item) for item in items), return_exceptions=True)

    even, odd = asyncio.run(outcomes(2, 3))
    assert (even, type(odd)) == (2, BadInput)
    assert [type(one) for one in asyncio.run(outcomes(7, 8))] == [ValueError, ValueError]
