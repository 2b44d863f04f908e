"""Every kind of ordered fact, and how it is written as plain data and read back.

Add a kind here and in the module that defines it, nowhere else. By the house's rule a field whose name ends in
`_at` is an aware UTC time; lists come back as tuples.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args

from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentChange
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.reviewers import ReviewerChange
from triage_cl.domain.second_looks import Opinion
from triage_cl.domain.versions import AliasMoved, Judgement, ModelVersion

Fact = (
    Correction
    | Opinion
    | DepartmentChange
    | ReviewerChange
    | ReviewPolicy
    | ModelVersion
    | AliasMoved
    | Judgement
    | DriftVerdict
)

KINDS: dict[str, type[Fact]] = {fact.kind: fact for fact in get_args(Fact)}

#: Kinds that change how mail is decided: a group decided under an older one is decided again.
GOVERNING = (
    *(change.kind for change in get_args(DepartmentChange)),
    ReviewPolicy.kind,
    AliasMoved.kind,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact in its place: position in commit order, and when it was recorded."""

    position: int
    at: datetime
    fact: Fact


def subject_of(fact: Fact) -> str:
    """What the fact is about: a mail, a department, a version, an alias."""
    return str(getattr(fact, "subject", None) or getattr(fact, "id", ""))


def identity_of(fact: Fact) -> str | None:
    """What makes two recordings the same fact, None where every recording is a fact of its own."""
    return getattr(fact, "identity", None)


def to_body(fact: Fact) -> dict[str, Any]:
    """The fact as JSON-ready data; a field marked `optional` is left out where it is None."""
    named = {field.name: getattr(fact, field.name) for field in fields(fact)}
    optional = {field.name for field in fields(fact) if field.metadata.get("optional")}
    return {name: _plain(value) for name, value in named.items() if value is not None or name not in optional}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def from_body(kind: str, body: dict[str, Any]) -> Fact:
    """The fact that `to_body` wrote; an unknown kind is a KeyError.

    A field that an older version did not write has its default.
    """
    cls = KINDS[kind]
    enums = {name: _enum(cls, name) for name in ("source", "origin", "purpose")}
    values = {field.name: body[field.name] for field in fields(cls) if field.name in body}
    return cls(**{name: _typed(name, value, enums.get(name)) for name, value in values.items()})


def _enum(cls: type[Fact], name: str) -> type[Enum] | None:
    annotation = cls.__annotations__.get(name)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Enum) else None


def _typed(name: str, value: Any, enum: type[Enum] | None) -> Any:
    if enum is not None:
        return enum(value)
    if name.endswith("_at") and isinstance(value, str):
        return datetime.fromisoformat(value)
    if isinstance(value, list):
        return tuple(_typed("", item, None) for item in value)
    return value
