"""Feedback under faults: lost, doubled and late webhooks, killed processes; and checks that find what is wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from feedback.chaos import feedback_under, offer, report
from feedback.chaos_board import Boards
from feedback.chaos_day import Faults
from feedback.chaos_double import DoubleBoard, on_the_double
from feedback.chaos_label_studio import in_label_studio
from feedback.chaos_office import Ask, Office, Question, open_office
from feedback.chaos_wire import Wire
from feedback.double import chosen
from feedback.hearing import Ear
from tests.builders import NOON, NOW, a_correction, a_version, an_admission, an_alias_move
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.server import executable
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import utcnow
from triage_cl.domain.corrections import Correction, Lesson, Origin, Source
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.errors import BadInput, ReviewScreenUnavailable
from triage_cl.usecases.chaos import lessons_by_mail
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.verify import verify_lessons

ROOT = Path(__file__).parents[1]
#: So much is done on the double, and in a real Label Studio.
ACTS, FEW = 150, 24
ROUGH = Faults(drop=0.1, duplicate=0.1, reorder=True, kills=10)


def test_under_drops_doubles_disorder_and_kills_the_answers_are_those_of_label_studio(tmp_path: Path) -> None:
    told = report(feedback_under(ROUGH, 1, ACTS, tmp_path))
    assert (told["found"], told["holds"], told["kills"], told["acts"]) == ([], True, 10, ACTS)
    assert all(told[name] for name in ("dropped", "duplicated", "reordered", "corrections", "lessons"))


def test_the_same_seed_loses_the_same_webhooks_and_ends_with_the_same_lessons(tmp_path: Path) -> None:
    once, again = (report(feedback_under(ROUGH, 2, ACTS, tmp_path / name)) for name in ("once", "again"))
    told = ("sent", "dropped", "duplicated", "reordered", "lessons", "fingerprint")
    assert [once[name] for name in told] == [again[name] for name in told]


def test_where_nobody_reconciles_lost_answers_are_found_to_be_lost(tmp_path: Path) -> None:
    outcome = feedback_under(Faults(drop=0.3, reconciles=False), 1, ACTS, tmp_path)
    assert any("is lost" in one.what for one in outcome.found)
    assert any("another fingerprint" in one.what for one in outcome.found)


def test_when_every_webhook_is_lost_every_answer_is_found(tmp_path: Path) -> None:
    outcome = feedback_under(Faults(drop=1.0), 1, ACTS, tmp_path)
    assert (outcome.found, outcome.counts.dropped) == ((), outcome.counts.sent)


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boards]:
    """Boards in a Label Studio of chaos' own."""
    if not executable(ROOT).exists():
        pytest.skip("Label Studio is not installed (make label-studio)")
    with in_label_studio(ROOT, tmp_path_factory.mktemp("chaos") / "server") as boards:
        yield boards


@pytest.mark.integration
def test_a_real_label_studio_that_is_ended_and_started_again_loses_nothing(boards: Boards, tmp_path: Path) -> None:
    told = report(feedback_under(replace(ROUGH, kills=3), 1, FEW, tmp_path, boards))
    assert (told["found"], told["holds"], told["kills"], told["acts"]) == ([], True, 3, FEW)
    assert (told["label_studio_killed"], told["label_studio_stopped"]) in [(0, 1), (1, 0)]
    assert all(told[name] for name in ("sent", "dropped", "reordered", "corrections", "lessons"))


@pytest.mark.integration
def test_where_nobody_reconciles_answers_to_a_real_label_studio_are_found_to_be_lost(
    boards: Boards, tmp_path: Path
) -> None:
    outcome = feedback_under(Faults(drop=0.5, reconciles=False), 1, FEW, tmp_path, boards)
    assert any("is lost" in one.what for one in outcome.found)
    assert any("another fingerprint" in one.what for one in outcome.found)


def test_without_a_label_studio_the_command_says_what_to_do(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        with (
            pytest.raises(BadInput, match="`make label-studio` does it, and --double does without it"),
            in_label_studio(root, tmp_path / str(root is None)),
        ):
            pass


def test_a_label_studio_that_does_not_start_is_told_in_one_sentence(tmp_path: Path) -> None:
    broken = executable(tmp_path / "checkout")
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\necho out of memory\nexit 3\n")
    broken.chmod(0o755)
    with (
        pytest.raises(ReviewScreenUnavailable, match="did not start; it said last: 'out of memory'"),
        in_label_studio(tmp_path / "checkout", tmp_path / "server"),
    ):
        pass


def test_more_kills_than_acts_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at least as many acts"):
        feedback_under(Faults(kills=3), 1, 2, tmp_path)


def test_the_command_tells_what_it_found_and_touches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "triage_cl.cli", "chaos", "feedback", "--double", "--acts", "40", "--kills", "2"]
    done = subprocess.run([*command, "--json", "-"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["holds"], told["found"], told["kills"], done.stderr) == (True, [], 2, "")


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[tuple[Office, DoubleBoard, str]]:
    """An office whose mail is offered on the double, and one of its departments."""
    office, departments = open_office(tmp_path, 1, 3)
    with on_the_double(office) as board:
        assert isinstance(board, DoubleBoard)
        offer(office, board)
        yield office, board, departments[0]
    office.close()


def taught_by_reviewers(office: Office) -> dict[str, Lesson]:
    return {id: one for id, one in lessons_by_mail(office.ledger).items() if one.source is not Source.IMPORT}


def sweep(office: Office, ask: Ask) -> None:
    queue = office.queue(Connection("http://label-studio.test", "", Wire(ask)))
    queue.look_for_deleted()
    reconcile(office.ledger, queue, utcnow())


def test_an_answer_that_is_heard_of_after_its_task_was_found_deleted_teaches_nobody(
    offered: tuple[Office, DoubleBoard, str],
) -> None:
    office, board, department = offered
    board.submit("mail-00000", 0, chosen([department]))
    [event] = board.webhooks()
    board.delete_task("mail-00000")
    sweep(office, board.ask)
    assert Ear(office.ledger, office.keys, utcnow).hear(event).corrections == 0
    assert taught_by_reviewers(office) == {}


def test_an_answer_that_is_heard_of_while_its_task_is_found_deleted_is_withdrawn(
    offered: tuple[Office, DoubleBoard, str],
) -> None:
    office, board, department = offered
    board.submit("mail-00000", 0, chosen([department]))
    [event] = board.webhooks()
    board.delete_task("mail-00000")
    ear = Ear(office.ledger, office.keys, utcnow)

    def ask(question: Question) -> tuple[int, object] | None:
        ear.hear(event)
        return board.ask(question)

    sweep(office, ask)
    assert taught_by_reviewers(office) == {}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (a_correction("nobody's", "billing"), "never decided"),
        (a_correction("drawn", "billing", source=Source.VOLUNTEER), "marked volunteer"),
        (a_correction("aside", "billing"), "marked review"),
        (a_correction("drawn", "billing", blind=True, origin=Origin.ACCEPTED), "no suggestion was shown"),
        (a_correction("drawn", "billing", reviewer="hashed-ensemble@0-0"), "nobody answered"),
        (a_correction("drawn", "billing", reviewer=""), "nobody answered"),
        (a_correction("drawn", "billing", source=Source.IMPORT), "an import"),
    ],
)
def test_a_lesson_that_no_explicit_answer_stands_for_is_found(ledger: Ledger, answer: Correction, wrong: str) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), a_version(), an_alias_move()], NOON)
    ledger.admit([an_admission("drawn", draw=0.1), an_admission("aside", draw=0.9)], NOW)
    ledger.append([answer], NOON)
    checked = verify_lessons(ledger)
    assert not checked.holds
    assert any(wrong in one.what for one in checked.found)


def test_explicit_answers_of_every_source_are_proved(ledger: Ledger) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), a_version(), an_alias_move()], NOON)
    ledger.admit([an_admission("drawn", draw=0.1), an_admission("aside", draw=0.9)], NOW)
    volunteered = a_correction("aside", "billing", source=Source.VOLUNTEER)
    imported = a_correction("drawn", "billing", source=Source.IMPORT, origin=Origin.SCRATCH, reviewer="archive")
    reviewed = a_correction("drawn", "billing")
    ledger.append([imported, reviewed, volunteered, a_correction("gone", None)], NOON)
    checked = verify_lessons(ledger)
    assert (checked.found, checked.checked) == ((), 2)
