"""Second looks as rows, what was said at them, and how much each reviewer answers in a day."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from triage_cl.adapters.sql.fact_rows import chunks
from triage_cl.adapters.sql.mail_rows import insert_new
from triage_cl.adapters.sql.schema import review_tasks, reviewer_days, second_looks
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook


def ask(connection: sa.Connection, looks: Sequence[SecondLook]) -> int:
    """Keep looks that are not there yet; how many are new."""
    rows = [asdict(look) | {"purpose": look.purpose.value} for look in looks]
    if not rows:
        return 0
    inserted = insert_new(connection, second_looks).returning(second_looks.c.id)
    return len(connection.scalars(inserted, rows).all())


def looks(connection: sa.Connection, ids: Sequence[str]) -> dict[str, SecondLook]:
    """The looks of these ids."""
    return _found(connection, second_looks.c.id, ids)


def looks_at(connection: sa.Connection, emails: Sequence[str]) -> dict[str, SecondLook]:
    """All looks at these mails, by their ids."""
    return _found(connection, second_looks.c.email_id, emails)


def looks_for(connection: sa.Connection, purposes: Sequence[Purpose]) -> list[SecondLook]:
    """All looks for these purposes."""
    wanted = sa.select(second_looks).where(second_looks.c.purpose.in_([purpose.value for purpose in purposes]))
    return [_look(row) for row in connection.execute(wanted)]


def _found(connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> dict[str, SecondLook]:
    found: dict[str, SecondLook] = {}
    for chunk in chunks(values):
        for row in connection.execute(sa.select(second_looks).where(column.in_(chunk))):
            found[row.id] = _look(row)
    return found


def unpublished(connection: sa.Connection, limit: int) -> list[SecondLook]:
    """Looks that no reviewer was given yet, most urgent first."""
    wanted = (
        sa.select(second_looks)
        .join(review_tasks, review_tasks.c.email_id == second_looks.c.id, isouter=True)
        .where(review_tasks.c.email_id.is_(None))
        .order_by(second_looks.c.priority, second_looks.c.id)
    )
    return [_look(row) for row in connection.execute(wanted.limit(limit))]


def _look(row: sa.Row[tuple[object, ...]]) -> SecondLook:
    values = dict(row._mapping)
    return SecondLook(**values | {"purpose": Purpose(values["purpose"]), "aim": tuple(values["aim"])})


def hold_back(
    connection: sa.Connection, answers: Sequence[Correction | Opinion], at: datetime, most: int
) -> list[Correction | Opinion]:
    """The same answers, those withheld that go beyond `most` lessons of a reviewer on the day of `at`."""
    given = _given_on(connection, {answer.reviewer for answer in answers if _is_lesson(answer)}, _day(at))
    held: list[Correction | Opinion] = []
    for answer in answers:
        if isinstance(answer, Correction) and _is_lesson(answer):
            given[answer.reviewer] += 1
            held.append(replace(answer, withheld=given[answer.reviewer] > most))
        else:
            held.append(answer)
    return held


def count_answers(connection: sa.Connection, answers: Sequence[object], at: datetime) -> None:
    """Count these answers for their reviewers on the day of `at`."""
    given = Counter(answer.reviewer for answer in answers if isinstance(answer, Correction) and _is_lesson(answer))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for reviewer, answered in sorted(given.items()):
        row = dialect.insert(reviewer_days).values(reviewer=reviewer, day=_day(at), answers=answered)
        more = {"answers": reviewer_days.c.answers + row.excluded.answers}
        connection.execute(row.on_conflict_do_update(index_elements=["reviewer", "day"], set_=more))


def answers_given(connection: sa.Connection, since: date) -> dict[str, int]:
    """How many lessons each reviewer gave on that day and later."""
    counted = sa.select(reviewer_days.c.reviewer, sa.func.sum(reviewer_days.c.answers))
    rows = connection.execute(counted.where(reviewer_days.c.day >= since).group_by(reviewer_days.c.reviewer))
    return {reviewer: int(answers) for reviewer, answers in rows.tuples()}


def _given_on(connection: sa.Connection, reviewers: set[str], day: date) -> Counter[str]:
    wanted = sa.select(reviewer_days.c.reviewer, reviewer_days.c.answers).where(reviewer_days.c.day == day)
    given: Counter[str] = Counter()
    for chunk in chunks(sorted(reviewers)):
        given.update(dict(connection.execute(wanted.where(reviewer_days.c.reviewer.in_(chunk))).tuples().all()))
    return given


def _is_lesson(answer: Correction | Opinion) -> bool:
    return isinstance(answer, Correction) and answer.department is not None and answer.source is not Source.IMPORT


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
