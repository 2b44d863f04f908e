"""The application that `triage serve` runs: routes over one desk."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

import triage_cl
from triage_cl.adapters.refolding import BackgroundRefold
from triage_cl.api import corrections, decisions, emails, operations, problems
from triage_cl.api.delivery import Delivery
from triage_cl.api.desk_thread import DeskThread
from triage_cl.api.door import Door
from triage_cl.api.guard import Guard
from triage_cl.api.measures import Measures
from triage_cl.api.parts import READERS, Parts
from triage_cl.api.warming import warm
from triage_cl.bootstrap import App, bootstrap, utcnow
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.triage import Desk

#: How long the desk may take to decide what waits when the service ends.
FAREWELL_SECONDS = 40.0

DESCRIPTION = """Decides e-mail and learns from corrections.

Every route but `/health`, `/ready` and this description needs `Authorization: Bearer KEY`.
An error is one object, `{"error": "…"}`. A 2xx is sent when what it promises is durable.
"""


def create_app(app: App | None = None) -> FastAPI:
    """The HTTP service over an application (None: that of the settings in force); its threads live with its lifespan.

    Raises BadSettings for secrets or subscribers that cannot be used.
    """
    parts = build(app or bootstrap())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.desk.start()
        try:
            yield
        finally:
            await run_in_threadpool(shut, parts)

    api = FastAPI(
        title="triage_cl",
        version=triage_cl.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    api.state.parts = parts
    for part in (emails, decisions, corrections, operations):
        api.include_router(part.router)
    problems.plug_into(api)
    api.add_middleware(Guard, key=parts.app.access.api_key, measures=parts.measures)
    return api


def build(app: App) -> Parts:
    """The parts of a service, none of them started."""
    measures = Measures()
    deliveries = [
        Delivery(url, app.access.signing_secret, lambda: app.ledger, lambda: desk.served.taxonomy, utcnow)
        for url in app.settings.subscribers
    ]

    refold = BackgroundRefold(Checkpoints(app.home / "snapshots" / "checkpoints"))

    def open_desk() -> Desk:
        app.ensure_ready(utcnow())
        # Before the first mail, so that a new subscriber gets that one's decision.
        for delivery in deliveries:
            delivery.begin()
        opened = app.desk()
        opened.refold = refold
        opened.refresh()
        warm(opened, utcnow())
        return opened

    desk = DeskThread(open_desk, lambda opened: keep(app, opened), app.settings.group, utcnow, measures)
    door = Door(app.settings.waiting_mails, lambda: desk.rate)
    return Parts(app, desk, door, measures, deliveries, ThreadPoolExecutor(READERS, "reader"))


def keep(app: App, desk: Desk) -> None:
    """Save the learners' snapshots; they are a cache, so a full disk is no reason to stop."""
    try:
        for learner in desk.learners.values():
            app.snapshots.save(learner)
    except OSError as error:
        problems.LOG.warning("no snapshot is kept: %s", error.strerror)


def shut(parts: Parts) -> None:
    """Decide what waits, then end the threads."""
    parts.desk.stop(FAREWELL_SECONDS)
    for delivery in parts.deliveries:
        delivery.stop(5.0)
    parts.readers.shutdown()
    parts.app.close()
