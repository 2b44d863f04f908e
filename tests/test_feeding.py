"""The invented mail of `triage up --demo`: departments for an empty ledger, lessons to begin with, ever new mail."""

from itertools import islice
from pathlib import Path

import pytest

from tests.builders import NOON
from tests.service_process import eventually, running_service
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.cli.feeding import NEW, TAUGHT, Service, invented, open_departments, open_the_office
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentAdded, DepartmentRetired
from triage_cl.domain.errors import BadInput
from triage_cl.synthesis.organisation import organisation
from triage_cl.usecases.learn import taxonomy_at


def test_an_empty_ledger_gets_the_invented_departments_once(sqlite_ledger: Ledger) -> None:
    open_departments(sqlite_ledger, NOON)
    position = sqlite_ledger.position()
    open_departments(sqlite_ledger, NOON)
    assert {*taxonomy_at(sqlite_ledger).departments} == {one.id for one in organisation().departments}
    assert sqlite_ledger.position() == position


def test_a_demo_may_change_its_departments(sqlite_ledger: Ledger) -> None:
    open_departments(sqlite_ledger, NOON)
    sqlite_ledger.append([DepartmentRetired("it"), DepartmentAdded("fax", "Fax")], NOON)
    open_departments(sqlite_ledger, NOON)
    assert "it" not in taxonomy_at(sqlite_ledger).departments


def test_a_ledger_with_departments_of_its_own_is_no_demos(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.append([DepartmentAdded("fax", "Fax")], NOON)
    with pytest.raises(BadInput, match="departments of its own"):
        open_departments(sqlite_ledger, NOON)
    assert {*taxonomy_at(sqlite_ledger).departments} == {"fax"}


def test_invented_mail_never_repeats_itself_and_knows_its_department() -> None:
    names = {one.name for one in organisation().departments}
    first, other = list(islice(invented(1), 300)), list(islice(invented(2), 300))
    assert len({line["id"] for line in [*first, *other]}) == 600
    assert {line["department"] for line in first} <= names
    assert [line["body"] for line in first] != [line["body"] for line in other]


def test_an_office_opens_with_lessons_and_with_mail_that_waits(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    open_departments(sqlite_ledger, NOON)
    url = sqlite_ledger.engine.url.render_as_string(hide_password=False)
    with running_service(tmp_path / "home", url) as running:
        open_the_office(Service(running.client), invented(1))
        eventually(lambda: running.health()["lessons"] == TAUGHT)
    corrections = [r.fact for r in sqlite_ledger.facts(kinds=[Correction.kind])]
    decisions = [decision for _, decision in sqlite_ledger.feed(0, 1_000)]
    assert (len(corrections), len(decisions)) == (TAUGHT, TAUGHT + NEW)
    # Whoever comes after the lessons is decided by somebody who has learned something.
    assert sum(one.confidence for one in decisions[-50:]) > 2 * sum(one.confidence for one in decisions[:50])
