"""Feedback under faults: webhooks lost, doubled and out of order, processes killed; and whether all promises hold.

Everything but the moment of a kill is told by the seed.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from random import Random

from feedback.chaos_board import Board, Boards, held
from feedback.chaos_day import Counts, Day, Faults
from feedback.chaos_double import on_the_double
from feedback.chaos_office import Office, open_office
from feedback.chaos_staff import Staff
from feedback.chaos_wire import Wire
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.tasks import numbers_by_project
from triage_cl.domain.corrections import Correction, Lesson
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.usecases.chaos import (
    differing_answers,
    differing_lessons,
    fingerprint_by_mail,
    lessons_by_mail,
    repeated_answers,
)
from triage_cl.usecases.review import publish
from triage_cl.usecases.verify import Finding, verify_lessons, verify_replay

#: So many acts to a mail.
ACTS_A_MAIL = 6

#: Tells of another act, of the calm day or the rough one.
Acted = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, of how much; what happened, and what the ledger has at the end."""

    checked: int
    found: tuple[Finding, ...]
    counts: Counts
    corrections: int
    lessons: Mapping[str, Lesson]
    fingerprint: str


def feedback_under(
    faults: Faults,
    seed: int,
    acts: int,
    folder: Path,
    boards: Boards = on_the_double,
    acted: Acted = lambda day: None,
) -> Outcome:
    """Both runs of the seed in `folder`, without faults and with them, and everything that must hold of them."""
    faults.check(acts)
    calm = _run(Faults(), seed, acts, folder / "calm", boards, acted, {})
    rough = _run(faults, seed, acts, folder / "rough", boards, acted, calm.lessons)
    found = [Finding(one.position, f"without faults: {one.what}") for one in calm.found]
    found += rough.found
    if rough.fingerprint != calm.fingerprint:
        found.append(Finding(0, "the lessons fold to another fingerprint than without faults"))
    checked = calm.checked + rough.checked + 1
    return Outcome(checked, tuple(found), rough.counts, rough.corrections, rough.lessons, rough.fingerprint)


def report(outcome: Outcome) -> dict[str, object]:
    """An outcome as the command tells it."""
    return {
        "holds": not outcome.found,
        "checked": outcome.checked,
        "found": [{"position": one.position, "what": one.what} for one in outcome.found],
        **asdict(outcome.counts),
        "corrections": outcome.corrections,
        "lessons": len(outcome.lessons),
        "fingerprint": outcome.fingerprint,
    }


def _run(
    faults: Faults,
    seed: int,
    acts: int,
    folder: Path,
    boards: Boards,
    acted: Acted,
    lessons: Mapping[str, Lesson],
) -> Outcome:
    folder.mkdir(parents=True)
    office, departments = open_office(folder, seed, max(1, acts // ACTS_A_MAIL))
    with boards(office) as board:
        offer(office, board)
        # Repeatable, and no secret: hence these generators.
        staff = Staff(board, departments, Random(f"{seed} reviewers"))  # noqa: S311
        day = Day(office, board, staff, faults, Random(f"{seed} faults"))  # noqa: S311
        try:
            told = day.pass_by(acts, lambda: acted(folder.name))
            troubles = [Finding(0, f"the receiving side said: {one}") for one in told]
            return _outcome(office, board, departments, day.counts, troubles, lessons)
        finally:
            day.process.kill()
            office.close()


def offer(office: Office, board: Board) -> None:
    """Give every mail of the office to reviewers."""
    connection = Connection(board.url, board.token, Wire(board.ask) if board.ask else None)
    with closing(office.queue(connection)) as queue:
        publish(office.ledger, queue, board.now)
    mails = office.ledger.standing_tasks()
    [numbers] = numbers_by_project(mails).values()
    board.tasks = {mails[name]: number for number, name in numbers.items()}
    office.close()


def _outcome(
    office: Office,
    board: Board,
    departments: list[str],
    counts: Counts,
    troubles: list[Finding],
    lessons: Mapping[str, Lesson],
) -> Outcome:
    ledger, key = office.ledger, office.keys.subkey("features")
    standing = held(board, departments, office.reviewer)
    learned = lessons_by_mail(ledger)
    proofs = [verify_replay(ledger, office.registry, office.snapshots, key), verify_lessons(ledger)]
    found = [*troubles, *differing_answers(ledger, standing), *repeated_answers(ledger)]
    found += differing_lessons(ledger, lessons) if lessons else ()
    found += chain.from_iterable(proof.found for proof in proofs)
    if (broken := ledger.broken_link()) is not None:
        found.append(Finding(broken, "the hash chain breaks here"))
    corrections = sum(1 for _ in ledger.facts(kinds=[Correction.kind]))
    checked = len(standing) + corrections + sum(proof.checked for proof in proofs)
    fingerprint = fingerprint_by_mail(ledger, DEFAULT_RECIPE, key)
    return Outcome(checked, tuple(found), counts, corrections, learned, fingerprint)
