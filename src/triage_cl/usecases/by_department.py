"""The departments apart: how much each was taught, and how often mail is rightly concluded to be its."""

from collections import Counter
from dataclasses import dataclass

from triage_cl.domain.departments import Department
from triage_cl.statistics.estimators import Interval
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Answered
from triage_cl.usecases.recount import accuracy_under, is_told, lately_decided


@dataclass(frozen=True, slots=True)
class DepartmentFigures:
    """A department's lessons; the last decisions for it, how many were answered, and the share that was right."""

    department: Department
    lessons: int
    decided: int
    answered: int
    accuracy: Interval | None


def figures_by_department(ledger: ConsoleLedger) -> dict[str, DepartmentFigures]:
    """Figures of every department that there is, by its id; what was a department's that was merged is its heir's."""
    taxonomy, lessons = taxonomy_at(ledger), Counter[str | None]()
    for named, count in ledger.lessons_by_department().items():
        lessons[taxonomy.teaches(named)] += count
    made: dict[str | None, list[Answered]] = {}
    for item in lately_decided(ledger):
        made.setdefault(taxonomy.teaches(item.decision.department or ""), []).append(item)
    return {
        id: DepartmentFigures(
            department,
            lessons[id],
            decided=len(made.get(id, ())),
            answered=sum(map(is_told, made.get(id, ()))),
            accuracy=accuracy_under(made.get(id, ()), taxonomy),
        )
        for id, department in taxonomy.departments.items()
    }
