"""What goes in and out of the service, as JSON: for the description in OpenAPI, and for checking what comes in."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from triage_cl.domain.decisions import Action, Decision
from triage_cl.domain.departments import Taxonomy

_DECISION: dict[str, Any] = {
    "email_id": "9f2c4e01b7aa4c5d8e6f70123456789a",
    "department": "billing",
    "name": "Billing",
    "confidence": 0.94,
    "action": "auto",
    "version": "hashed-ensemble@2-2",
    "review_probability": 0.05,
    "drawn": False,
    "blind": False,
    "decided_at": "2026-03-02T09:12:00.120000Z",
    "through": 1204,
    "as_of": 1204,
}
_ID = Field(description="The mail's id: keyed, it tells nothing about the mail.", min_length=1, max_length=200)


class DecisionShown(BaseModel):
    """What was decided about a mail: made once, stored before it was answered, never changed."""

    email_id: Annotated[str, _ID]
    department: str | None = Field(description="The department's id; null: the champion abstains.")
    name: str | None = Field(description="What the department is called today.")
    confidence: float
    action: Action = Field(description="`auto`: route it; `suggest`: let a person confirm; `ask`: let a person decide.")
    version: str = Field(description="The model version that decided.")
    review_probability: float = Field(description="The chance with which this mail was drawn for review.")
    drawn: bool = Field(description="Whether a reviewer is asked.")
    blind: bool = Field(description="Whether that reviewer must not see the department first.")
    decided_at: datetime
    through: int = Field(description="The last lesson that the model had learned.")
    as_of: int = Field(description="The position up to which edits counted.")


class DecisionMade(DecisionShown):
    """The answer to a mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DECISION | {"repeated": False}]})
    repeated: bool = Field(description="Whether the mail was there before; then this is what was decided then.")


class DecisionNumbered(DecisionShown):
    """A decision in the feed."""

    number: int = Field(description="Its place: decisions are numbered in the order in which they were stored.")


class Feed(BaseModel):
    """Decisions in order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decisions": [_DECISION | {"number": 418}], "next": 418}]}
    )
    decisions: list[DecisionNumbered]
    next: int = Field(description="What to ask for as `after` the next time.")


class Now(BaseModel):
    """What the served model says about a mail at this moment; nothing of it is stored."""

    department: str | None
    confidence: float
    probabilities: dict[str, float] = Field(description="By the department's id.")
    version: str
    through: int
    as_of: int


class DecisionAgain(DecisionShown):
    """A stored decision, and on request what would be said today."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _DECISION,
                _DECISION
                | {
                    "now": {
                        "department": "sales",
                        "confidence": 0.71,
                        "probabilities": {"billing": 0.29, "sales": 0.71},
                        "version": "hashed-ensemble@2-2",
                        "through": 1310,
                        "as_of": 1310,
                    }
                },
            ]
        }
    )
    now: Now | None = None


class CorrectionGiven(BaseModel):
    """A reviewer's answer, from a system with a review screen of its own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "email_id": _DECISION["email_id"],
                    "department": "Sales",
                    "reviewer": "m.keller",
                    "answer_id": "ticket-5512-2",
                    "suggestion": "Billing",
                    "answered_at": "2026-03-02T10:40:00+01:00",
                }
            ]
        },
    )
    email_id: Annotated[str, _ID]
    department: str | None = Field(
        description="Its id or name; null: the reviewer skips the mail, or withdraws what was said before.",
        max_length=500,
    )
    reviewer: str = Field(description="Who answered; kept as a pseudonym.", min_length=1, max_length=500)
    answer_id: str = Field(
        description="Your name for this very answer: a repetition has the same, a changed answer has another one.",
        min_length=1,
        max_length=200,
    )
    suggestion: str | None = Field(
        None, description="The department that the reviewer saw; null: none.", max_length=500
    )
    answered_at: AwareDatetime | None = Field(None, description="When it was answered, with its offset; null: now.")


class CorrectionTaken(BaseModel):
    """The answer is durable."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email_id": _DECISION["email_id"], "department": "sales", "recorded": True}]}
    )
    email_id: str
    department: str | None = Field(description="The department's id.")
    recorded: bool = Field(description="False: this answer was there before, or changes nothing.")


class DepartmentShown(BaseModel):
    """A department."""

    id: str
    name: str


class Departments(BaseModel):
    """The departments as they stand."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"departments": [{"id": "billing", "name": "Billing"}]}]})
    departments: list[DepartmentShown]


class SubscriberShown(BaseModel):
    """How far a subscriber has come."""

    subscriber: str = Field(description="Its scheme, host and port, and a mark that tells URLs of one host apart.")
    behind: int = Field(description="Decisions that it has not taken yet.")
    error: str | None
    failing_since: datetime | None


class Health(BaseModel):
    """The process lives; what it serves."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "trouble": None,
                    "trouble_since": None,
                    "version": "hashed-ensemble@2-2",
                    "seen": 1312,
                    "through": 1310,
                    "as_of": 1310,
                    "lessons": 1297,
                    "fingerprint": "5f" * 32,
                    "waiting_mails": 0,
                    "subscribers": [],
                }
            ]
        }
    )
    status: str = Field(description="`ok`, or `trouble` while mail cannot be decided.")
    trouble: str | None
    trouble_since: datetime | None
    version: str | None = Field(description="The champion's model version.")
    seen: int = Field(description="The ledger's position that is taken in.")
    through: int
    as_of: int
    lessons: int
    fingerprint: str | None = Field(description="Of the champion at these positions; null: the desk is busy.")
    waiting_mails: int
    subscribers: list[SubscriberShown]


class Ready(BaseModel):
    """Mail is decided."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ready": True}]})
    ready: bool


class Problem(BaseModel):
    """Why not."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "The ledger's database cannot be reached or written."}]}
    )
    error: str


def shown(decision: Decision, taxonomy: Taxonomy) -> dict[str, Any]:
    """A decision as JSON-ready data."""
    department = decision.department
    return {
        "email_id": decision.email_id,
        "department": department,
        "name": None if department is None else taxonomy.name_of(department),
        "confidence": decision.confidence,
        "action": decision.action.value,
        "version": decision.version,
        "review_probability": decision.review_probability,
        "drawn": decision.drawn,
        "blind": decision.drawn and decision.blind,
        "decided_at": decision.decided_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "through": decision.through,
        "as_of": decision.as_of,
    }
