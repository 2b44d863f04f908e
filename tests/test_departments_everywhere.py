"""Every change of departments and its undoing on a whole deployment: the demo's mail, and questions to ministries.

The questions are read where TRIAGE_DATA names the folder with `ukpq.jsonl.gz`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.builders import after
from tests.test_rehearsal import a_rehearsal, play
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.mail.archive import read_archive
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.emails import Email, Message
from triage_cl.learning.recipes import find_recipe
from triage_cl.synthesis.stream import generate
from triage_cl.usecases.backtest_outcome import readable
from triage_cl.usecases.departments import change_departments
from triage_cl.usecases.learn import lessons_between, taxonomy_at, teach, untaught
from triage_cl.usecases.triage import Desk
from triage_cl.usecases.verify import verify_lessons, verify_replay

#: How many mails are rehearsed, and of how many all probabilities are compared.
MAILS, COMPARED = 600, 200
#: Real mail, where there is any.
QUESTIONS = Path(os.environ.get("TRIAGE_DATA", "")) / "ukpq.jsonl.gz"


@dataclass
class Deployment:
    """A rehearsed ledger, the desk that decides over it, and its two largest departments."""

    desk: Desk
    registry: FolderRegistry
    mails: Sequence[Email]
    first: str
    second: str

    @property
    def ledger(self) -> Ledger:
        ledger = self.desk.ledger
        assert isinstance(ledger, Ledger)
        return ledger

    @property
    def fingerprint(self) -> str:
        return self.desk.learners[self.desk.champion.entrant].fingerprint()

    def change(self, *changes: DepartmentChange) -> None:
        """Change departments; whatever was promised of the ledger holds afterwards."""
        change_departments(self.ledger, changes, after(days=1_000))
        self.desk.refresh()
        key = self.desk.keys.subkey("features")
        assert verify_replay(self.ledger, self.registry, self.desk.snapshots, key).found == ()
        assert verify_lessons(self.ledger).found == ()

    def probabilities(self) -> list[Mapping[str, float]]:
        return self.desk.probabilities(self.desk.champion.entrant, self.desk.describe(self.mails))

    def concluded(self) -> set[str | None]:
        return {conclusion.department for conclusion in self.desk.conclusions(self.mails)}

    def relabelled(self, department: str, other: str) -> str:
        """The fingerprint of training on a history in which `department` was always called `other`."""
        head, champion = self.ledger.position(), self.desk.champion
        lessons = lessons_between(self.ledger, champion.start, head, head)
        told = [replace(one, department=other) if one.department == department else one for one in lessons]
        learner = untaught(self.ledger, find_recipe(champion.recipe), self.desk.keys.subkey("features"), champion.start)
        teach(self.ledger, learner, told)
        return learner.fingerprint()


def archive_of(name: str, folder: Path) -> list[Message]:
    """The first mails of an archive."""
    path = QUESTIONS
    if name == "demo":
        path = folder / "mail.jsonl"
        lines = generate(seed=3, days=12, mails_per_day=MAILS // 12).lines
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return readable(read_archive(path))[0][:MAILS]


@pytest.fixture(params=["demo", *(["ukpq"] if QUESTIONS.is_file() else [])])
def deployment(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Deployment:
    """Mail that was decided and reviewed day by day."""
    rehearsal = a_rehearsal(Ledger(sqlite_url), tmp_path, archive_of(request.param, tmp_path))
    play(rehearsal, rehearsal.remaining())
    desk = rehearsal.desk
    desk.refresh()
    ids = [decision.email_id for decision in desk.ledger.recent_decisions(COMPARED)]
    taught = desk.learners[desk.champion.entrant].taught
    first, second = sorted(taught, key=lambda id: -taught[id])[:2]
    return Deployment(
        desk, FolderRegistry(tmp_path / "registry"), list(desk.ledger.emails(ids).values()), first, second
    )


def test_every_change_holds_its_promise_and_is_undone_without_a_trace(deployment: Deployment) -> None:
    first, second = deployment.first, deployment.second
    fingerprint, probabilities = deployment.fingerprint, deployment.probabilities()
    assert {first, second} <= deployment.concluded()

    def undone(*ids: str) -> None:
        deployment.change(*(DepartmentUndone(id) for id in ids))
        assert deployment.fingerprint == fingerprint
        assert deployment.probabilities() == probabilities

    deployment.change(DepartmentAdded("orders", "Orders"))
    assert (deployment.fingerprint, deployment.probabilities()) == (fingerprint, probabilities)
    undone("orders")

    deployment.change(DepartmentRenamed(first, "Another name"))
    assert (deployment.fingerprint, deployment.probabilities()) == (fingerprint, probabilities)
    undone(first)

    as_if = deployment.relabelled(first, second)
    deployment.change(DepartmentMerged(first, second))
    assert deployment.fingerprint == as_if != fingerprint
    assert first not in deployment.concluded()
    undone(first)

    deployment.change(DepartmentRetired(first))
    assert all(first not in believed for believed in deployment.probabilities())
    assert first not in deployment.concluded()
    undone(first)

    deployment.change(DepartmentAdded("orders", "Orders"), DepartmentSplit(first, ("orders", second)))
    assert first not in deployment.concluded()
    head = deployment.ledger.position()
    assert first not in {one.department for one in lessons_between(deployment.ledger, 0, head, head)}
    undone(first, "orders")

    deployment.change(DepartmentMoved(first, second))
    assert taxonomy_at(deployment.ledger).above(first) == [second]
    undone(first)
