"""Departments, the versioned set of them, and what each kind of change means for old lessons."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import ClassVar

from triage_cl.domain.errors import BadInput, UnknownDepartment


@dataclass(frozen=True, slots=True)
class Department:
    """A triage outcome with a stable id and a name that may change; a team of the department `parent`, if any."""

    id: str
    name: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class DepartmentAdded:
    """A department that did not exist, or a team of the department `parent`."""

    kind: ClassVar[str] = "department-added"
    id: str
    name: str
    parent: str | None = field(default=None, metadata={"optional": True})


@dataclass(frozen=True, slots=True)
class DepartmentRenamed:
    """A new name for the same department; changes no score."""

    kind: ClassVar[str] = "department-renamed"
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DepartmentMoved:
    """`id`, with its teams, is a team of `under` from now on, or of none: lessons of its departments mean others."""

    kind: ClassVar[str] = "department-moved"
    id: str
    under: str | None


@dataclass(frozen=True, slots=True)
class DepartmentMerged:
    """Everything of `id` is `into`'s from now on; equals training on relabelled history."""

    kind: ClassVar[str] = "department-merged"
    id: str
    into: str


@dataclass(frozen=True, slots=True)
class DepartmentSplit:
    """`id` ends and its mail goes to `parts`; its old lessons no longer count, for nobody knows whose they are."""

    kind: ClassVar[str] = "department-split"
    id: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DepartmentRetired:
    """`id` is never concluded again and its lessons no longer count."""

    kind: ClassVar[str] = "department-retired"
    id: str


@dataclass(frozen=True, slots=True)
class DepartmentUndone:
    """The last change of `id` that took effect and was not undone is as if it had never been made."""

    kind: ClassVar[str] = "department-undone"
    id: str


AppliedChange = (
    DepartmentAdded | DepartmentRenamed | DepartmentMoved | DepartmentMerged | DepartmentSplit | DepartmentRetired
)
DepartmentChange = AppliedChange | DepartmentUndone

#: Changes that may end a department.
ENDING = (DepartmentMerged, DepartmentSplit, DepartmentRetired, DepartmentUndone)


def refolding(changes: Iterable[DepartmentChange]) -> list[bool]:
    """Of each change, given all from the first on: do old lessons mean something else under it?

    Then a learner must be folded again. An addition needs that only where its id was added before: no lesson is older
    than a new id, and what nobody was taught yet takes no part in lessons of the department above it.
    """
    known, found = set[str](), list[bool]()
    for change in changes:
        match change:
            case DepartmentAdded(id=id):
                found.append(id in known)
                known.add(id)
            case DepartmentRenamed():
                found.append(False)
            case _:
                found.append(True)
    return found


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The departments as they stand after some changes, and those that `ended` as they last stood.

    `lessons_of` maps every id that ever was to the department that its lessons teach, or None.
    """

    departments: Mapping[str, Department] = field(default_factory=dict)
    lessons_of: Mapping[str, str | None] = field(default_factory=dict)
    ended: Mapping[str, Department] = field(default_factory=dict)

    def apply(self, change: AppliedChange) -> "Taxonomy":
        """The taxonomy after `change`.

        Raises UnknownDepartment if the change speaks of a department that is not there, BadInput if it makes no sense.
        """
        match change:
            case DepartmentAdded(id=id, name=name, parent=parent):
                placed = self._with(Department(id, name, self._place(id, parent)))
                return replace(placed, lessons_of={**self.lessons_of, id: id})
            case DepartmentRenamed(id=id, name=name):
                return self._with(replace(self[id], name=name))
            case DepartmentMoved(id=id, under=under):
                return self._with(replace(self[id], parent=self._place(id, under)))
            case DepartmentMerged(id=id, into=into) if id == into:
                raise BadInput(f"{id!r} cannot be merged into itself.")
            case DepartmentMerged(id=id, into=into):
                return self._without(id, self[into].id)
            case DepartmentSplit(id=id, parts=parts) if id in parts:
                raise BadInput(f"{id!r} ends with the split and cannot be one of its own parts.")
            case DepartmentSplit(id=id, parts=parts):
                for part in parts:
                    self[part]
                return self._without(id, None)
            case DepartmentRetired(id=id):
                return self._without(id, None)

    def _with(self, department: Department) -> "Taxonomy":
        return replace(self, departments={**self.departments, department.id: department})

    def _place(self, id: str, parent: str | None) -> str | None:
        """`parent`, if `id` can be a team of it."""
        if parent is not None and id in (self[parent].id, *self.above(parent)):
            raise BadInput(f"{id!r} cannot be a team of {parent!r}: it would be above itself.")
        return parent

    def _without(self, id: str, heir: str | None) -> "Taxonomy":
        gone = self[id]
        if teams := self.teams(id):
            raise BadInput(f"{id!r} has teams: {', '.join(teams)}. Move or end them first.")
        return Taxonomy(
            {key: department for key, department in self.departments.items() if key != id},
            {key: heir if target == id else target for key, target in self.lessons_of.items()},
            {**self.ended, id: gone},
        )

    def __getitem__(self, id: str) -> Department:
        try:
            return self.departments[id]
        except KeyError:
            raise UnknownDepartment(f"It was asked for {id!r}.") from None

    def above(self, id: str) -> list[str]:
        """The departments that `id` is a team of, the nearest first; of one that ended: was, at its end."""
        found = list[str]()
        while (department := self.departments.get(id) or self.ended.get(id)) and department.parent is not None:
            id = department.parent
            found.append(id)
        return found

    def teams(self, id: str | None) -> list[str]:
        """The departments right under `id`; under None those that are nobody's team."""
        return [department.id for department in self.departments.values() if department.parent == id]

    def below(self, id: str) -> list[str]:
        """All teams of `id`, theirs, and so on."""
        return [each for team in self.teams(id) for each in (team, *self.below(team))]

    def agree(self, one: str | None, other: str | None) -> bool:
        """Whether two answers can both be right: they are the same, or one is a team of the other.

        Whoever says a department says of its teams only that it is one of them.
        """
        if one is None or other is None:
            return False
        return one == other or one in self.above(other) or other in self.above(one)

    def teaches(self, id: str) -> str | None:
        """The department that a lesson for `id` teaches today, None when it teaches nobody."""
        return self.lessons_of.get(id)

    def named(self, name_or_id: str) -> Department:
        """The department of that id or (case aside) that name; raises UnknownDepartment."""
        if name_or_id in self.departments:
            return self.departments[name_or_id]
        for department in self.departments.values():
            if department.name.casefold() == name_or_id.casefold():
                return department
        raise UnknownDepartment(f"It was asked for {name_or_id!r}.")

    def name_of(self, id: str | None) -> str:
        """The name that people know `id` by; the id itself when the department is gone, a dash for none."""
        if id is None:
            return "–"
        return self.departments[id].name if id in self.departments else id


def department_id(name: str) -> str:
    """A stable id for a new department of that name: its letters and digits, readable in a log."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()
    return "-".join(words)[:100] or "department"


def fold_taxonomy(changes: Iterable[DepartmentChange]) -> Taxonomy:
    """The taxonomy after `changes`, in order.

    A change that no longer makes sense, because somebody ended the department at the same moment, changes nothing. What
    was undone is left out, and the changes after it are applied as if it had never been there.
    """
    return _folded(standing_changes(changes))[0]


def standing_changes(changes: Iterable[DepartmentChange]) -> list[AppliedChange]:
    """Those of `changes` that took effect and are not undone, in order."""
    standing: list[AppliedChange] = []
    for change in changes:
        if not isinstance(change, DepartmentUndone):
            standing.append(change)
            continue
        standing = _folded(standing)[1]
        last = max((place for place, one in enumerate(standing) if one.id == change.id), default=None)
        if last is not None:
            del standing[last]
    return _folded(standing)[1]


def _folded(changes: Iterable[AppliedChange]) -> tuple[Taxonomy, list[AppliedChange]]:
    """The taxonomy after `changes`, and those that took effect."""
    taxonomy, effective = Taxonomy(), list[AppliedChange]()
    for change in changes:
        with suppress(BadInput):
            taxonomy = taxonomy.apply(change)
            effective.append(change)
    return taxonomy, effective
