"""The invented organisation: its departments, what people write to it about, and what happens to it.

The organisation itself is data: `phrases/organisation.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

from triage_cl.domain.departments import Department
from triage_cl.synthesis.phrasebook import read_phrase_file

_WINTER = {10: 1.3, 11: 1.8, 12: 2.0, 1: 2.0, 2: 1.7, 3: 1.2}
_SUMMER = {4: 1.3, 5: 1.6, 6: 1.6, 7: 1.6, 8: 1.4}
_NEW_YEAR = {11: 1.6, 12: 2.0, 1: 1.8}
_MONTH_END_DAYS = (1, 2, 3, 28, 29, 30, 31)


@dataclass(frozen=True, slots=True)
class Topic:
    """Something people write about. `weight` is its usual share of mail, relative to the others'."""

    id: str
    department: str
    writer: str
    weight: float
    season: str = ""
    launch: bool = False

    def weight_at(self, at: datetime, launch_at: datetime) -> float:
        """Its share at that time: by season, by day of the month, and whether the new product is out."""
        return self.weight * _seasonal(self.season, at) * (_excitement(at - launch_at) if self.launch else 1.0)


def _seasonal(season: str, at: datetime) -> float:
    match season:
        case "month-end":
            return 2.0 if at.day in _MONTH_END_DAYS else 0.85
        case "winter":
            return _WINTER.get(at.month, 0.5)
        case "summer":
            return _SUMMER.get(at.month, 0.8)
        case "new-year":
            return _NEW_YEAR.get(at.month, 0.8)
    return 1.0


def _excitement(since_launch: timedelta) -> float:
    """Nothing before the launch, half as much again on the first day, settling over some weeks."""
    days = since_launch / timedelta(days=1)
    return 0.0 if days < 0 else 0.9 + 0.6 / (1 + days / 5)


@dataclass(frozen=True, slots=True)
class Writers:
    """A kind of people who write: shares of languages, people per mail, and how unequal (exponent of Zipf's law)."""

    languages: Mapping[str, float]
    share: float
    steep: float


@dataclass(frozen=True, slots=True)
class Organisation:
    """A plausible company. The department with the id `split_department` becomes `parts` one day.

    Topics name a department, or a part of the one that is split. `mistaken_for` says, by id, which departments
    get each other's mail by mistake.
    """

    name: str
    domain: str
    departments: tuple[Department, ...]
    split_department: str
    parts: tuple[Department, ...]
    mistaken_for: Mapping[str, tuple[str, ...]]
    topics: Mapping[str, Topic]
    writers: Mapping[str, Writers]


@cache
def organisation() -> Organisation:
    """The organisation of the demo."""
    data = read_phrase_file("organisation")
    whole, parts = data["departments"], data["split"]["parts"]
    return Organisation(
        name=data["name"],
        domain=data["domain"],
        departments=_departments(whole),
        split_department=data["split"]["department"],
        parts=_departments(parts),
        mistaken_for={row["id"]: tuple(row["mistaken_for"]) for row in chain(whole, parts)},
        topics={id: Topic(id, **row) for id, row in data["topics"].items()},
        writers={kind: Writers(**row) for kind, row in data["writers"].items()},
    )


def _departments(rows: list[dict[str, Any]]) -> tuple[Department, ...]:
    return tuple(Department(row["id"], row["name"]) for row in rows)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens when: the launch of a product, and some days later the split of a department."""

    organisation: Organisation
    launch_at: datetime
    split_at: datetime

    @classmethod
    def over(cls, organisation: Organisation, starts_at: datetime, length: timedelta) -> "Story":
        """The launch after one half, the split after five eighths."""
        return cls(organisation, starts_at + length / 2, starts_at + length * 5 / 8)

    def responsible(self, id: str, at: datetime) -> tuple[Department, ...]:
        """Who does the work of that department, or part of one, at that time: the parts, where it has been split."""
        company = self.organisation
        if at < self.split_at:
            id = company.split_department if id in {part.id for part in company.parts} else id
        elif id == company.split_department:
            return company.parts
        return tuple(one for one in (*company.departments, *company.parts) if one.id == id)

    def mistaken_at(self, id: str, at: datetime) -> tuple[Department, ...]:
        """Who may get, at that time, the mail of that department (or part of one) by mistake."""
        (right,) = self.responsible(id, at)
        others = chain.from_iterable(self.responsible(other, at) for other in self.organisation.mistaken_for[right.id])
        return tuple(other for other in others if other != right)

    def changes(self) -> tuple[dict[str, object], ...]:
        """The changes of departments in order, as plain data."""
        parts = [{"id": part.id, "name": part.name} for part in self.organisation.parts]
        split = {"at": archive_time(self.split_at), "change": "split", "department": self.organisation.split_department}
        return ({**split, "parts": parts},)


def archive_time(at: datetime) -> str:
    """A UTC time as mail archives write it, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
