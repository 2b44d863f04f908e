"""Change departments: checked against those that exist, then recorded together or not at all."""

from collections.abc import Sequence
from datetime import datetime

from triage_cl.domain.departments import DepartmentAdded, DepartmentChange, Taxonomy
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Ledger


def change_departments(ledger: Ledger, changes: Sequence[DepartmentChange], at: datetime) -> Taxonomy:
    """The departments after `changes`, recorded; raises UnknownDepartment or BadInput and records nothing."""
    taxonomy = taxonomy_at(ledger)
    for change in changes:
        if isinstance(change, DepartmentAdded) and change.id in taxonomy.lessons_of:
            raise BadInput(f"A department with the id {change.id!r} exists or existed.")
        taxonomy = taxonomy.apply(change)
    ledger.append(changes, at)
    return taxonomy
