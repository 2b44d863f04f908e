"""`POST /emails`: mail in, decisions out."""

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from triage_cl.api.door import Visit
from triage_cl.api.parts import CLOSED, KEY, Using, problems
from triage_cl.api.problems import problem, told
from triage_cl.api.reading import LINES, OBJECT, RAW, count_mails, read
from triage_cl.api.shapes import DecisionMade, shown
from triage_cl.api.storing import Decided, Result
from triage_cl.bootstrap import utcnow
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.emails import Unreadable

router = APIRouter(tags=["mail"], dependencies=[KEY])

_ARCHIVE_LINE = {
    "id": "a-17",
    "received_at": "2026-03-02T09:12:00Z",
    "sender": "customer@example.com",
    "subject": "Invoice 12",
    "body": "I was charged twice.",
}
_RAW = (
    "From: customer@example.com\r\nSubject: Invoice 12\r\nMessage-ID: <1@example.com>\r\n\r\nI was charged twice.\r\n"
)
_BODIES: dict[str, Any] = {
    RAW: {"schema": {"type": "string", "format": "binary"}, "example": _RAW},
    OBJECT: {
        "schema": {"type": "object", "description": "One line of the mail archive format."},
        "examples": {"parts": {"value": _ARCHIVE_LINE}, "raw": {"value": {"raw": _RAW}}},
    },
    LINES: {
        "schema": {"type": "string", "description": "The mail archive format, a mail a line."},
        "example": "".join(json.dumps(_ARCHIVE_LINE | {"id": id}) + "\n" for id in ("a-17", "a-18")),
    },
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The decision, durable. For a batch: a line for each mail in the same order, an object with "
        "`error` where one could not be decided.",
        "model": DecisionMade,
        "content": {
            LINES: {
                "schema": {"type": "string"},
                "example": '{"email_id": "9f2c…", "department": "billing", …}\n'
                '{"error": "not JSON", "quarantined": true, "mail": 2}\n',
            }
        },
    },
    **problems(
        _409="The mail was imported with its answer; it has no decision.",
        _413="The body, or the number of mails, is larger than ever fits.",
        _415="No mail comes in this content type.",
        _422="This is no mail: the reason. It is in quarantine.",
        _429="More mail is waiting than can be decided soon; come back after `Retry-After` seconds.",
    ),
}


@router.post(
    "/emails",
    response_model=None,
    responses=CLOSED | _ANSWERS,
    openapi_extra={"requestBody": {"required": True, "content": _BODIES}},
)
async def decide(request: Request, parts: Using) -> Response:
    """Decide one mail, or a batch: answered when the decisions are durable. The same mail twice has one decision."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BODIES:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {', '.join(_BODIES)}, not {kind or 'nothing'}.")
    parts.desk.check_open()
    loop = asyncio.get_running_loop()
    with parts.door.visit() as visit:
        body = await _body(request, visit)
        visit.bring(count_mails(kind, body))
        found = await loop.run_in_executor(parts.readers, read, kind, body, parts.app.keys, utcnow())
        results = await asyncio.wrap_future(parts.desk.decide(found))
    taxonomy = parts.desk.served.taxonomy
    return _lines(results, taxonomy) if kind == LINES else _one(results[0], taxonomy)


async def _body(request: Request, visit: Visit) -> bytes:
    pieces = []
    async for piece in request.stream():
        visit.carry(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def _one(result: Result, taxonomy: Taxonomy) -> Response:
    match result:
        case Decided():
            return Response(_dumped(_told(result, taxonomy)), media_type=OBJECT)
        case Unreadable(reason=reason):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The mail cannot be read: {reason}.")
    return told(result)


def _lines(results: Sequence[Result], taxonomy: Taxonomy) -> Response:
    lines = []
    for number, result in enumerate(results, 1):
        decided = isinstance(result, Decided)
        lines.append(_dumped(_told(result, taxonomy) | ({} if decided else {"mail": number})) + "\n")
    return Response("".join(lines), media_type=LINES)


def _told(result: Result, taxonomy: Taxonomy) -> dict[str, Any]:
    match result:
        case Decided(decision=decision, repeated=repeated):
            return shown(decision, taxonomy) | {"repeated": repeated}
        case Unreadable(reason=reason):
            return {"error": reason, "quarantined": True}
    return {"error": str(result), "quarantined": False}


def _dumped(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False)
