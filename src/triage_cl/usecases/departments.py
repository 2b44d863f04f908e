"""Change departments: checked against those that exist, then recorded together or not at all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, count

from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentRenamed,
    Taxonomy,
    department_id,
)
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.learn import CHANGES, taxonomy_at
from triage_cl.usecases.ledger import Ledger


def change_departments(ledger: Ledger, changes: Sequence[DepartmentChange], at: datetime) -> Taxonomy:
    """The departments after `changes`, recorded; raises UnknownDepartment or BadInput and records nothing."""
    taxonomy = taxonomy_at(ledger)
    for change in changes:
        if isinstance(change, DepartmentAdded) and change.id in taxonomy.lessons_of:
            raise BadInput(f"A department with the id {change.id!r} exists or existed.")
        if isinstance(change, DepartmentAdded | DepartmentRenamed):
            _check_name(taxonomy, change.id, change.name)
        taxonomy = taxonomy.apply(change)
    ledger.append(changes, at)
    return taxonomy


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
