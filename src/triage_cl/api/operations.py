"""What an operator, a load balancer and Prometheus ask: departments, health, readiness, metrics."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from triage_cl.api.desk_thread import Served
from triage_cl.api.parts import CLOSED, KEY, Parts, Using, problems
from triage_cl.api.problems import problem
from triage_cl.api.shapes import Departments, Health, Ready
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.triage import Desk

router = APIRouter(tags=["operation"])

#: How long health waits for the desk, seconds.
PATIENCE = 1.0


@router.get("/departments", response_model=Departments, dependencies=[KEY], responses=CLOSED)
async def departments(parts: Using) -> dict[str, Any]:
    """The departments as they stand."""
    parts.desk.check_open()
    known = parts.desk.served.taxonomy.departments.values()
    return {"departments": [{"id": one.id, "name": one.name} for one in sorted(known, key=lambda one: one.id)]}


@router.get("/health", response_model=Health)
async def health(parts: Using) -> dict[str, Any]:
    """The process lives, and what it serves; needs no key."""
    served, fingerprint = await _served(parts)
    desk = parts.desk
    trouble = desk.trouble
    return {
        "status": "ok" if trouble is None else "trouble",
        "trouble": None if trouble is None else str(trouble),
        "trouble_since": desk.trouble_since,
        "version": served.version,
        "seen": served.seen,
        "through": served.through,
        "as_of": served.as_of,
        "lessons": served.lessons,
        "fingerprint": fingerprint,
        "waiting_mails": parts.door.mails,
        "subscribers": [delivery.shown() for delivery in parts.deliveries],
    }


async def _served(parts: Parts) -> tuple[Served, str | None]:
    """What the desk serves with and the fingerprint at just these positions; without it while the desk is busy."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(parts.desk.ask(_fingerprinted)), PATIENCE)
    except (TriageError, TimeoutError):
        return parts.desk.served, None


def _fingerprinted(desk: Desk) -> tuple[Served, str]:
    return Served.by(desk), desk.learners[desk.champion.entrant].fingerprint()


@router.get("/ready", response_model=Ready, responses=problems(_503="Mail cannot be decided now, and why."))
def ready(parts: Using) -> Any:
    """Whether the ledger answers and a champion decides; needs no key."""
    if parts.desk.stuck:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The desk has not moved for a while.")
    parts.desk.check_open()
    parts.app.ledger.position()
    return {"ready": True}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[KEY],
    responses=problems(_401="The key is missing or wrong.")
    | {200: {"content": {"text/plain": {"example": "triage_waiting_mails 0.0\n"}}}},
)
async def metrics(parts: Using) -> Response:
    """What the service counts, in Prometheus' text format."""
    measures, served = parts.measures, parts.desk.served
    now: dict[Any, Callable[[], float]] = {
        measures.waiting: lambda: parts.door.mails,
        measures.seen: lambda: served.seen,
        measures.through: lambda: served.through,
        measures.as_of: lambda: served.as_of,
        measures.trouble: lambda: parts.desk.trouble is not None,
    }
    for gauge, value in now.items():
        gauge.set(value())
    for delivery in parts.deliveries:
        measures.behind.labels(delivery.name).set(delivery.behind)
        measures.failing.labels(delivery.name).set(delivery.failures)
    return Response(measures.shown(), media_type=CONTENT_TYPE_LATEST)
