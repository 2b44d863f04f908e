"""`GET /decisions`: what was decided, one mail's or all in order."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException

from triage_cl.api.parts import CLOSED, KEY, Using, problems
from triage_cl.api.shapes import DecisionAgain, Feed, shown
from triage_cl.domain.emails import Email
from triage_cl.domain.errors import LedgerUnavailable
from triage_cl.usecases.triage import Desk

router = APIRouter(tags=["mail"], dependencies=[KEY], responses=CLOSED)

MOST = 1_000
#: How long a question about today may wait for the desk, seconds.
PATIENCE = 30.0


@router.get("/decisions", response_model=Feed)
def feed(
    parts: Using,
    after: Annotated[int, Query(ge=0, le=2**62, description="The number that was `next` the last time.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many.")] = 100,
) -> dict[str, Any]:
    """Decisions in the order in which they were stored: whoever follows `next` misses none."""
    parts.desk.check_open()
    taxonomy = parts.desk.served.taxonomy
    found = parts.app.ledger.feed(after, limit)
    decisions = [shown(decision, taxonomy) | {"number": number} for number, decision in found]
    return {"decisions": decisions, "next": found[-1][0] if found else after}


@router.get(
    "/decisions/{email_id}",
    response_model=DecisionAgain,
    response_model_exclude_unset=True,
    responses=problems(_404="No such mail was decided.", _410="Its text is no longer kept."),
)
def decision(
    parts: Using,
    email_id: Annotated[str, Path(max_length=200)],
    now: Annotated[bool, Query(description="Also what the served model says at this moment.")] = False,
) -> dict[str, Any]:
    """What was decided about a mail."""
    parts.desk.check_open()
    decided = parts.app.ledger.decisions_of([email_id]).get(email_id)
    if decided is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No such mail was decided.")
    stored = shown(decided, parts.desk.served.taxonomy)
    return stored | {"now": _now(parts, email_id)} if now else stored


def _now(parts: Using, email_id: str) -> dict[str, Any]:
    email = parts.app.ledger.emails([email_id]).get(email_id)
    if email is None:
        raise HTTPException(HTTPStatus.GONE, "The text of this mail is no longer kept.")
    try:
        return parts.desk.ask(lambda desk: said_now(desk, email)).result(PATIENCE)
    except TimeoutError:
        raise LedgerUnavailable("It keeps the desk waiting.") from None


def said_now(desk: Desk, email: Email) -> dict[str, Any]:
    """What the desk's champion says about a mail; nothing is stored."""
    champion = desk.champion
    learner = desk.learners[champion.entrant]
    (probabilities,) = desk.probabilities(champion.entrant, desk.describe([email]))
    conclusion = desk.conclude(probabilities)
    return {
        "department": conclusion.department,
        "confidence": conclusion.confidence,
        "probabilities": dict(probabilities),
        "version": champion.version,
        "through": learner.through,
        "as_of": learner.as_of,
    }
