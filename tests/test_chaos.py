"""Feedback under faults: lost, doubled and late webhooks, killed processes; and checks that find what is wrong."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from feedback.chaos import Faults, feedback_under, report
from feedback.chaos_office import Question, asking, open_office
from feedback.double import chosen
from feedback.hearing import Ear
from tests.builders import NOON, NOW, a_correction, a_version, an_admission, an_alias_move
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import utcnow
from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.chaos import lessons_by_mail
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.verify import verify_lessons

ACTS = 150
ROUGH = Faults(drop=0.1, duplicate=0.1, reorder=True, kills=10)


def test_under_drops_doubles_disorder_and_kills_the_answers_are_those_of_label_studio(tmp_path: Path) -> None:
    told = report(feedback_under(ROUGH, 1, ACTS, tmp_path))
    assert (told["found"], told["holds"], told["kills"], told["sent"]) == ([], True, 10, ACTS)
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
    assert (outcome.found, outcome.counts.dropped) == ((), ACTS)


def test_more_kills_than_acts_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at least as many acts"):
        feedback_under(Faults(kills=3), 1, 2, tmp_path)


def test_the_command_tells_what_it_found_and_touches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "triage_cl.cli", "chaos", "feedback", "--acts", "40", "--kills", "2"]
    done = subprocess.run([*command, "--json", "-"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["holds"], told["found"], told["kills"], done.stderr) == (True, [], 2, "")


def test_an_answer_that_is_heard_of_after_its_task_was_found_deleted_teaches_nobody(tmp_path: Path) -> None:
    office, double, departments = open_office(tmp_path, 1, 3)
    event = double.submit(1, 7, chosen([departments[0]]), double.now + timedelta(seconds=1))
    double.delete_task(1)
    queue = office.queue(asking(double))
    queue.look_for_deleted()
    reconcile(office.ledger, queue, utcnow())
    assert Ear(office.ledger, office.keys, utcnow).hear(event).corrections == 0
    assert lessons_by_mail(office.ledger) == {}
    office.close()


def test_an_answer_that_is_heard_of_while_its_task_is_found_deleted_is_withdrawn(tmp_path: Path) -> None:
    office, double, departments = open_office(tmp_path, 1, 3)
    event = double.submit(1, 7, chosen([departments[0]]), double.now + timedelta(seconds=1))
    double.delete_task(1)
    ear = Ear(office.ledger, office.keys, utcnow)

    def ask(question: Question) -> tuple[int, object] | None:
        ear.hear(event)
        return asking(double)(question)

    queue = office.queue(ask)
    queue.look_for_deleted()
    reconcile(office.ledger, queue, utcnow())
    assert lessons_by_mail(office.ledger) == {}
    office.close()


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
