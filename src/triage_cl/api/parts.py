"""The parts of one running service, and how a route gets them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from triage_cl.api.delivery import Delivery
from triage_cl.api.desk_thread import DeskThread
from triage_cl.api.door import Door
from triage_cl.api.measures import Measures
from triage_cl.api.shapes import Problem
from triage_cl.bootstrap import App

#: How many requests' mails are read and redacted at once; more would only take turns with the desk.
READERS = 2


@dataclass
class Parts:
    """What the routes use."""

    app: App
    desk: DeskThread
    door: Door
    measures: Measures
    deliveries: list[Delivery]
    readers: ThreadPoolExecutor


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Using = Annotated[Parts, Depends(_parts)]

#: Tells OpenAPI how the routes are opened; the guard is what opens them.
KEY = Depends(HTTPBearer(auto_error=False, description="The service's key, `api_key` in `home/access`."))


def problems(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for OpenAPI: `_404="…"` and so on."""
    return {int(status[1:]): {"model": Problem, "description": reason} for status, reason in reasons.items()}


CLOSED = problems(_401="The key is missing or wrong.", _503="The ledger cannot be used now; try again.")
