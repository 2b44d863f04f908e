"""`POST /corrections`: answers from systems with a review screen of their own."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from triage_cl.api.parts import CLOSED, KEY, Using, problems
from triage_cl.api.shapes import CorrectionGiven, CorrectionTaken
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.corrections import Correction
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.reconcile import correction_of, settle
from triage_cl.usecases.review import Answer

router = APIRouter(tags=["review"], dependencies=[KEY], responses=CLOSED)

#: What these answers' ids begin with.
CHANNEL = "api"


@router.post(
    "/corrections",
    response_model=CorrectionTaken,
    responses=problems(
        _404="No such mail was decided.",
        _409="This `answer_id` was given to another answer about this mail.",
        _413="The body is larger than an answer can be.",
        _422="No department has or had that name or id; or the request is not as described.",
    ),
)
def correct(parts: Using, given: CorrectionGiven) -> dict[str, Any]:
    """Record a reviewer's answer, once: answered when it is durable; the served model has learned it a moment later."""
    parts.desk.check_open()
    return record(parts.app, given, utcnow())


def record(app: App, given: CorrectionGiven, at: datetime) -> dict[str, Any]:
    """The answer recorded, or found to be there already; raises UnknownDepartment, or HTTPException (404, 409).

    A repetition changes nothing, even one that comes after a later answer.
    """
    decision = app.ledger.decisions_of([given.email_id]).get(given.email_id)
    if decision is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No such mail was decided.")
    answer = answer_of(app, given, at)
    correction = correction_of(answer, names_ever(app.ledger), decision.drawn)
    before = _recorded(app, correction)
    if before is not None and before.department != correction.department:
        raise HTTPException(HTTPStatus.CONFLICT, "This answer_id was given to another answer about this mail.")
    recorded = before is None and settle(app.ledger, [answer], at).corrections == 1
    return {"email_id": given.email_id, "department": correction.department, "recorded": recorded}


def answer_of(app: App, given: CorrectionGiven, at: datetime) -> Answer:
    """The answer as it is kept: its reviewer is a pseudonym, its time not in the future."""
    return Answer(
        answer_id=f"{CHANNEL}:{given.email_id}:{given.answer_id}",
        email_id=given.email_id,
        department=given.department,
        suggestion=given.suggestion,
        blind=given.suggestion is None,
        reviewer=app.keys.pseudonym(given.reviewer),
        answered_at=min(given.answered_at or at, at),
    )


def _recorded(app: App, correction: Correction) -> Correction | None:
    for recorded in app.ledger.corrections_of([correction.email_id]).get(correction.email_id, ()):
        if isinstance(recorded.fact, Correction) and recorded.fact.answer_id == correction.answer_id:
            return recorded.fact
    return None
