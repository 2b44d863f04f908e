"""Departments and their teams: what is concluded among them, and how they are called where both are listed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import fsum

from triage_cl.domain.decisions import Conclusion, conclude
from triage_cl.domain.departments import Department, Taxonomy


def masses(probabilities: Mapping[str, float], taxonomy: Taxonomy) -> dict[str, float]:
    """The probability of each department with all its teams, for those that have any part in `probabilities`."""
    parts: dict[str, list[float]] = {}
    for id, probability in probabilities.items():
        for each in (id, *taxonomy.above(id)):
            parts.setdefault(each, []).append(probability)
    # The exact sum: it must not depend on the order in which the departments were first taught.
    return {id: fsum(part) for id, part in parts.items()}


def conclude_within(probabilities: Mapping[str, float], taxonomy: Taxonomy, bar: float) -> Conclusion:
    """The likeliest department with its teams, or as far down among them as the probability allows.

    A team is concluded if its probability is at least `bar` and more than that of everything passed over on the way to
    it: its department without a known team, other teams and departments. The margin is the lead over the likeliest of
    these. Without teams this is `conclude`. (Silla and Freitas, Data Mining and Knowledge Discovery 2011: non-mandatory
    leaf node prediction, with a threshold.)
    """
    if not any(department.parent for department in taxonomy.departments.values()):
        return conclude(probabilities)
    total = masses(probabilities, taxonomy)
    level = {id: mass for id, mass in total.items() if not taxonomy.above(id)}
    concluded, passed = conclude(level), 0.0
    while (department := concluded.department) is not None:
        others = (mass for id, mass in level.items() if id != department)
        passed = max(passed, probabilities.get(department, 0.0), *others)
        level = {id: total[id] for id in taxonomy.teams(department) if id in total}
        found = conclude(level)
        if found.confidence < bar or found.confidence <= passed:
            break
        lead = min(found.margin, found.confidence - passed)
        concluded = Conclusion(found.department, found.confidence, lead)
    return concluded


def in_order(departments: Iterable[Department]) -> list[Department]:
    """Departments in the order given, each followed by its teams."""
    listed = list(departments)
    known = {department.id for department in listed}
    teams: dict[str | None, list[Department]] = {}
    for department in listed:
        teams.setdefault(department.parent if department.parent in known else None, []).append(department)

    def following(parent: str | None) -> list[Department]:
        return [each for one in teams.get(parent, []) for each in (one, *following(one.id))]

    return following(None)


def full_names(departments: Iterable[Department]) -> dict[str, str]:
    """What each department is called where departments and teams are listed together, by its id.

    A team bears the names of the departments above it, too; of a department with teams it is said that the team is not
    known. Names that come out the same have their id behind them.
    """
    listed = {department.id: department for department in departments}
    parents = {department.parent for department in listed.values()}
    called = {id: _full_name(department, listed, id in parents) for id, department in listed.items()}
    common = Counter(name.casefold() for name in called.values())
    return {id: name if common[name.casefold()] == 1 else f"{name} [{id}]" for id, name in called.items()}


def _full_name(department: Department, listed: Mapping[str, Department], has_teams: bool) -> str:
    names = [department.name]
    while department.parent is not None and department.parent in listed:
        department = listed[department.parent]
        names.insert(0, department.name)
    return ": ".join(names) + (" (team not known)" if has_teams else "")
