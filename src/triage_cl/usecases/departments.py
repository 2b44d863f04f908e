"""Change departments: checked against those that exist, then recorded together or not at all."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count

from triage_cl.domain.corrections import Correction, effective_lessons
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentRenamed,
    DepartmentUndone,
    Taxonomy,
    department_id,
    fold_taxonomy,
    standing_changes,
)
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.learn import CHANGES, answers_in, taxonomy_at, trust_at
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.recount import Recount, recount


def change_departments(ledger: Ledger, changes: Sequence[DepartmentChange], at: datetime) -> Taxonomy:
    """The departments after `changes`, recorded; raises UnknownDepartment or BadInput and records nothing."""
    taxonomy = departments_after(ledger, changes)
    ledger.append(changes, at)
    return taxonomy


def departments_after(ledger: Ledger, changes: Sequence[DepartmentChange]) -> Taxonomy:
    """The departments as `changes` would leave them; raises UnknownDepartment or BadInput where they cannot be made."""
    history = changes_so_far(ledger)
    taxonomy = fold_taxonomy(history)
    for change in changes:
        if isinstance(change, DepartmentUndone):
            _check_undone(history, change)
            taxonomy = fold_taxonomy([*history, change])
            for department in taxonomy.departments.values():
                _check_name(taxonomy, department.id, department.name)
        else:
            if isinstance(change, DepartmentAdded) and change.id in taxonomy.lessons_of:
                raise BadInput(f"A department with the id {change.id!r} exists or existed.")
            if isinstance(change, DepartmentAdded | DepartmentRenamed):
                _check_name(taxonomy, change.id, change.name)
            taxonomy = taxonomy.apply(change)
        history.append(change)
    return taxonomy


def _check_undone(history: Sequence[DepartmentChange], change: DepartmentUndone) -> None:
    """Raise BadInput where there is nothing to undo, or where later changes make no sense without what is undone."""
    standing, left = standing_changes(history), standing_changes([*history, change])
    if all(one.id != change.id for one in standing):
        raise BadInput(f"There is no change of {change.id!r} left to undo.")
    lost = Counter(one.id for one in standing) - Counter(one.id for one in left) - Counter([change.id])
    if lost:
        raise BadInput(f"Later changes build on it: undo those of {', '.join(sorted(lost))} first.")


def changes_so_far(ledger: Ledger) -> list[DepartmentChange]:
    """All changes of departments, in order, those that were undone among them."""
    recorded = ledger.facts(kinds=CHANGES)
    return [each.fact for each in recorded if isinstance(each.fact, DepartmentChange)]


@dataclass(frozen=True, slots=True)
class Consequences:
    """What changes of departments do: to the departments, lessons, tasks that wait for an answer, and accuracy.

    `lessons` tells of each department whose lessons change how many it has before and after, `partial` of each whose
    teams change how many it has that may be theirs, too; `tasks` how many tasks suggest a department that means another
    one afterwards, or none; `accuracy` how the last decisions count.
    """

    departments: Taxonomy
    lessons: Mapping[str, tuple[int, int]]
    partial: Mapping[str, int]
    tasks: int
    accuracy: Recount


def consequences(ledger: Ledger, changes: Sequence[DepartmentChange]) -> Consequences:
    """What `changes` would do; nothing is recorded. Raises UnknownDepartment or BadInput where they cannot be made."""
    before, after = taxonomy_at(ledger), departments_after(ledger, changes)
    given = list(answers_in(ledger.facts(kinds=[Correction.kind])))
    lessons = effective_lessons(trust_at(ledger).counting(given))
    had = Counter(before.teaches(lesson.department) for lesson in lessons)
    has = Counter(after.teaches(lesson.department) for lesson in lessons)
    named = sorted(id for id in {*had, *has} if id is not None and had[id] != has[id])
    regrouped = (id for id in after.departments if set(before.below(id)) != set(after.below(id)))
    partial = {id: has[id] for id in regrouped if has[id]}
    waiting = set(ledger.standing_tasks().values()) - {correction.email_id for _, correction in given}
    decided = ledger.decisions_of(sorted(waiting)).values()
    suggested = [decision.department for decision in decided if decision.department is not None]
    moved = sum(before.teaches(department) != after.teaches(department) for department in suggested)
    changed = {id: (had[id], has[id]) for id in named}
    return Consequences(after, changed, partial, moved, recount(ledger, before, after))


def _check_name(taxonomy: Taxonomy, id: str, name: str) -> None:
    """Raise BadInput for a name that answers could not tell from another department's."""
    if not name.strip():
        raise BadInput("A department needs a name.")
    for other in taxonomy.departments.values():
        if other.id != id and name.casefold() in {other.id.casefold(), other.name.casefold()}:
            raise BadInput(f"{name!r} is the name or id of {other.id!r} already.")


def introduce(ledger: Ledger, names: Iterable[str], at: datetime) -> Mapping[str, str | None]:
    """What each name in an archive means today: a department's id, None where it ended without an heir.

    An archive does not tell when its departments began: one that nobody ever called so is added. A name that a
    department once had still means it.
    """
    asked = list(dict.fromkeys(names))
    known = names_ever(ledger)
    taken = set(taxonomy_at(ledger).lessons_of)
    new = []
    for name in asked:
        if name.casefold() not in known:
            id = known[name.casefold()] = unused_id(name, taken)
            taken.add(id)
            new.append(DepartmentAdded(id, name))
    ledger.append(new, at)
    taxonomy = taxonomy_at(ledger)
    return {name: taxonomy.teaches(known[name.casefold()]) for name in asked}


def names_ever(ledger: Ledger) -> dict[str, str]:
    """The id of the department that last bore each name, case folded; an id is a name too."""
    known: dict[str, str] = {}
    for recorded in ledger.facts(kinds=CHANGES):
        if isinstance(recorded.fact, DepartmentAdded | DepartmentRenamed):
            known.setdefault(recorded.fact.id.casefold(), recorded.fact.id)
            known[recorded.fact.name.casefold()] = recorded.fact.id
    return known


def unused_id(name: str, taken: Collection[str]) -> str:
    """An id for a new department of that name that no department has or had."""
    id = department_id(name)
    candidates = chain([id], (f"{id}-{number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)
