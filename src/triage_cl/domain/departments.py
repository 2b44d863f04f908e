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


DepartmentChange = DepartmentAdded | DepartmentRenamed | DepartmentMerged | DepartmentSplit | DepartmentRetired

#: Changes under which old lessons mean something else, so that a learner must be folded again.
REFOLDING = (DepartmentMerged, DepartmentSplit, DepartmentRetired)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The departments as they stand after some changes.

    `lessons_of` maps every id that ever was to the department that its lessons teach, or None.
    """

    departments: Mapping[str, Department] = field(default_factory=dict)
    lessons_of: Mapping[str, str | None] = field(default_factory=dict)

    def apply(self, change: DepartmentChange) -> "Taxonomy":
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

    A change that no longer makes sense, because somebody ended the department at the same moment, changes nothing.
    """
    taxonomy = Taxonomy()
    for change in changes:
        with suppress(BadInput):
            taxonomy = taxonomy.apply(change)
    return taxonomy
