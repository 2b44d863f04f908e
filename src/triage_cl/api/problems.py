"""Errors as answers: one JSON shape with a sentence, never a traceback, and nothing personal in the log."""

import json
import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from triage_cl.domain.errors import (
    BadInput,
    LedgerNotMigrated,
    LedgerUnavailable,
    NoChampion,
    NoSpace,
    Overloaded,
    RegistryUnavailable,
    TriageError,
)

LOG = logging.getLogger("triage.service")

UNEXPECTED = "Something unexpected happened; the log of the service says where."


class Starting(TriageError):
    """The service is starting; try again in a moment."""


class Stopping(TriageError):
    """The service is stopping; try again in a moment."""


#: What passes by itself or when an operator acts; the request may be sent again as it is.
PASSING = (LedgerUnavailable, LedgerNotMigrated, NoSpace, NoChampion, RegistryUnavailable, Starting, Stopping)

RETRY_SECONDS = 5


class Full(Overloaded):
    """More mail is waiting than can be decided soon; try again later."""

    def __init__(self, detail: str = "", retry_seconds: int = RETRY_SECONDS) -> None:
        super().__init__(detail)
        self.retry_seconds = retry_seconds


class AnsweredElsewhere(TriageError):
    """The mail was imported with its answer; it is not decided."""


class TooLarge(BadInput):
    """The request is too large."""


def problem(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """The one shape of an error."""
    body = json.dumps({"error": sentence}, ensure_ascii=False)
    return Response(body, status, headers=dict(headers or {}), media_type="application/json")


def status_of(error: TriageError) -> int:
    """The status with which an error is told."""
    match error:
        case Overloaded():
            return HTTPStatus.TOO_MANY_REQUESTS
        case TooLarge():
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        case BadInput():
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case AnsweredElsewhere():
            return HTTPStatus.CONFLICT
        case _ if isinstance(error, PASSING):
            return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def told(error: TriageError) -> Response:
    """An error of ours as an answer; one that passes says after how many seconds to come back."""
    seconds = error.retry_seconds if isinstance(error, Full) else RETRY_SECONDS
    passes = isinstance(error, (Full, *PASSING))
    return problem(status_of(error), str(error), {"retry-after": str(seconds)} if passes else None)


def log_unexpected(error: BaseException) -> None:
    """Say what kind of error happened where; not its message, which may quote a mail."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    LOG.error("unexpected %s at %s", type(error).__name__, where)


def plug_into(api: Starlette) -> None:
    """Answer every error in the one shape."""

    async def ours(_: Request, error: Exception) -> Response:
        return told(error if isinstance(error, TriageError) else TriageError())

    async def refused(_: Request, error: Exception) -> Response:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(error))

    async def http(_: Request, error: Exception) -> Response:
        status, detail, headers = _of_http(error)
        return problem(status, detail, headers)

    api.add_exception_handler(TriageError, ours)
    api.add_exception_handler(RequestValidationError, refused)
    api.add_exception_handler(HTTPException, http)


def _sentence(error: Exception) -> str:
    """Which fields are wrong and why; what was sent is not repeated."""
    found: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    wrong = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in found)
    return f"The request cannot be used: {wrong}."


def _of_http(error: Exception) -> tuple[int, str, Mapping[str, str] | None]:
    if isinstance(error, HTTPException):
        return error.status_code, error.detail, error.headers
    return HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED, None
