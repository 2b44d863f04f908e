"""Departments, the versioned set of them, and what each kind of change means for old lessons."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import ClassVar

from triage_cl.domain.errors import BadInput, UnknownDepartment


@dataclass(frozen=True, slots=True)
class Department:
    """A triage outcome with a stable id and a name that may change."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DepartmentAdded:
    """A department that did not exist."""

    kind: ClassVar[str] = "department-added"
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DepartmentRenamed:
    """A new name for the same department; changes no score."""

    kind: ClassVar[str] = "department-renamed"
    id: str
    name: str


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


AppliedChange = DepartmentAdded | DepartmentRenamed | DepartmentMerged | DepartmentSplit | DepartmentRetired
DepartmentChange = AppliedChange | DepartmentUndone

#: Changes under which old lessons mean something else, so that a learner must be folded again.
REFOLDING = (DepartmentMerged, DepartmentSplit, DepartmentRetired, DepartmentUndone)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The departments as they stand after some changes.

    `lessons_of` maps every id that ever was to the department that its lessons teach, or None.
    """

    departments: Mapping[str, Department] = field(default_factory=dict)
    lessons_of: Mapping[str, str | None] = field(default_factory=dict)

    def apply(self, change: AppliedChange) -> "Taxonomy":
        """The taxonomy after `change`.

        Raises UnknownDepartment if the change speaks of a department that is not there, BadInput if it makes no sense.
        """
        match change:
            case DepartmentAdded(id=id, name=name):
                return Taxonomy({**self.departments, id: Department(id, name)}, {**self.lessons_of, id: id})
            case DepartmentRenamed(id=id, name=name):
                return replace(self, departments={**self.departments, id: replace(self[id], name=name)})
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

    def _without(self, id: str, heir: str | None) -> "Taxonomy":
        gone = self[id].id
        return Taxonomy(
            {key: department for key, department in self.departments.items() if key != gone},
            {key: heir if target == gone else target for key, target in self.lessons_of.items()},
        )

    def __getitem__(self, id: str) -> Department:
        try:
            return self.departments[id]
        except KeyError:
            raise UnknownDepartment(f"It was asked for {id!r}.") from None

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
