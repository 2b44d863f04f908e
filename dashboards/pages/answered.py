"""A mail's receipt for whoever has its link, without a key: no text, no name, and nothing before an answer counts."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from dashboards.observing import Observer
from dashboards.pages.receipts import told
from dashboards.pages.rendering import page
from triage_cl.domain.errors import TriageError
from triage_cl.domain.second_looks import Opinion, SecondLook
from triage_cl.privacy.receipt_links import PREFIX, ReceiptLinks
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.trace import trace

WRONG = "This link opens nothing; follow it from its review task once more."
LATER = "This cannot be told just now; try again in a minute."


def routes(observer: Observer, links: ReceiptLinks) -> APIRouter:
    """The route that the links lead to."""
    router = APIRouter()

    @router.get(PREFIX + "{email_id}/{token}")
    def show(request: Request, email_id: str, token: str) -> Response:
        # The ledger is asked about no mail that the link does not prove.
        found = _told(observer, email_id) if links.opens(email_id, token) else None
        if found is None:
            raise HTTPException(404, WRONG)
        return page(request, "answered", **found)

    return router


def _told(observer: Observer, id: str) -> dict[str, Any] | None:
    """What the page of a mail, or of a second look at one, tells; None where neither has this id."""
    try:
        ledger = observer.ledger
        look = ledger.looks([id]).get(id)
        found = trace(ledger, look.email_id if look else id)
        if found is None:
            return None
        answered = look is not None and _is_answered(ledger, look)
        if look is None or (answered and look.purpose.teaches):
            return {"compared": False, **told(observer, found)}
        # What somebody else answered before would sway whoever is asked now.
        return {"compared": answered, **told(observer, replace(found, corrections=()))}
    except TriageError:
        # Its own words are for operators.
        raise HTTPException(503, LATER) from None


def _is_answered(ledger: ConsoleLedger, look: SecondLook) -> bool:
    said = [one.fact for one in ledger.opinions_of([look.id]).get(look.id, ())]
    return bool(said) and isinstance(said[-1], Opinion) and said[-1].department is not None
