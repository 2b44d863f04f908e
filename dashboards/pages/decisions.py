"""The decisions: a list with filters and a search by id, and everything about one."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from dashboards.observing import Observer
from dashboards.pages.rendering import page
from triage_cl.domain.decisions import Action
from triage_cl.usecases.console_ledger import Listed, Listing
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.trace import Belief, Trace, answer_in, trace

#: How many decisions are on a page, and how many are looked through for them.
PAGE, REACH = 50, 20_000
#: How many departments' probabilities are told.
LIKELIEST = 6
#: A beginning of an id that is shorter than this names too many mails.
SHORTEST_ID = 4

#: Why a champion has no opinion.
NO_TEXT = "Without the text nothing can be concluded."

Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Query(ge=0, lt=2**62)]


def routes(observer: Observer) -> APIRouter:
    """The decisions' routes."""
    router = APIRouter()

    @router.get("/decisions")
    def show_list(
        request: Request, id: Text = "", department: Text = "", action: Text = "", drawn: Text = "", before: Number = 0
    ) -> Response:
        ledger = observer.ledger
        if len(wanted := id.strip()) >= SHORTEST_ID:
            found = ledger.named(wanted, PAGE) if wanted.isascii() and wanted.isprintable() else []
            if len(found) == 1:
                return RedirectResponse(f"/decisions/{found[0].decision.email_id}", 303)
            listing = None
        else:
            listing = listing_of(before or ledger.fed() + 1, department, action, drawn)
            found = ledger.listed(listing)
        chosen = {"department": department, "action": action, "drawn": drawn}
        return page(
            request,
            "decisions",
            now=observer.clock(),
            rows=found,
            emails=ledger.emails([row.decision.email_id for row in found]),
            answered=ledger.corrections_of([row.decision.email_id for row in found]),
            taxonomy=taxonomy_at(ledger),
            actions=[action.value for action in Action],
            chosen=chosen,
            sought=wanted,
            newest=not before,
            older=older(listing, found, chosen) if listing else None,
            looked_through=REACH,
        )

    @router.get("/decisions/{email_id}")
    def show_one(request: Request, email_id: str) -> Response:
        found = trace(observer.ledger, email_id)
        if found is None:
            raise HTTPException(404, "There is no decision about a mail of that id.")
        belief = observer.belief(found.email, found.decision.department) if found.email else NO_TEXT
        return page(request, "decision", now=observer.clock(), trace=found, **told(found, belief, observer))

    return router


def listing_of(before: int, department: str, action: str, drawn: str) -> Listing:
    """The page of decisions below a number; a filter that is empty or unknown filters nothing."""
    return Listing(
        before=before,
        reach=max(1, before - REACH),
        limit=PAGE,
        department=department or None,
        action=Action(action) if action in set(Action) else None,
        drawn={"yes": True, "no": False}.get(drawn),
    )


def older(listing: Listing, found: list[Listed], chosen: dict[str, str]) -> str | None:
    """The path of the next page; None where the ledger begins."""
    before = found[-1].number if len(found) == listing.limit else listing.reach
    kept = {name: value for name, value in chosen.items() if value}
    return f"/decisions?{urlencode({**kept, 'before': before})}" if before > 1 else None


def likeliest(belief: Belief, concluded: str | None) -> list[tuple[str, float]]:
    """The departments that the champion believes in most, and the one that was concluded."""
    return [row for place, row in enumerate(belief.probabilities) if place < LIKELIEST or row[0] == concluded]


def told(found: Trace, belief: Belief | str | None, observer: Observer) -> dict[str, Any]:
    """What the page of one decision tells beside what was stored."""
    return {
        "belief": belief if isinstance(belief, Belief) else None,
        "likeliest": likeliest(belief, found.decision.department) if isinstance(belief, Belief) else [],
        "why_not": belief if isinstance(belief, str) else None,
        "answers": [(recorded, answer_in(recorded)) for recorded in found.corrections],
        "settled": found.settled(observer.app.settings.answer_window),
    }
