"""The receipt of a mail's answers, and the list of today's corrections: what each of them did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from dashboards.observing import Observer
from dashboards.pages.rendering import page
from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import Decision
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.overview import MOST_FACTS, midnight
from triage_cl.usecases.receipt import RECENT, Fate, Reach, Receipt, Rules, Standing, rules_at, standings
from triage_cl.usecases.trace import Trace, answer_in, trace

#: How many corrections are on a page.
PAGE = 50

#: How answers came, by what stands before the first colon of their outside identity; other queues' are files.
WAYS = {
    "label-studio": "Label Studio",
    "look": "a second look",
    "api": "the HTTP service",
    "archive": "an archive",
}
QUEUE = "the file queue or the terminal"

Number = Annotated[int, Query(ge=0, lt=2**62)]


@dataclass(frozen=True, slots=True)
class Line:
    """An answer as it is told: how it counts, by which way it came, what became of it in the champion (None: unknown).

    `decision` and `email` are None where there is none, or no longer.
    """

    standing: Standing
    answer: Correction
    way: str
    fate: Fate | None
    decision: Decision | None
    email: Email | None


def routes(observer: Observer) -> APIRouter:
    """The receipts' routes."""
    router = APIRouter()

    @router.get("/decisions/{email_id}/receipt")
    def show_one(request: Request, email_id: str) -> Response:
        ledger = observer.ledger
        found = trace(ledger, email_id)
        if found is None:
            raise HTTPException(404, "There is no decision about a mail of that id.")
        return page(request, "receipt", now=observer.clock(), **told(observer, found))

    @router.get("/corrections")
    def show_list(request: Request, before: Number = 0) -> Response:
        ledger, now, position = observer.ledger, observer.clock(), observer.ledger.position()
        since = midnight(now)
        answers = ledger.answers(since, position - MOST_FACTS, before or position + 1, PAGE + 1)
        shown = answers[:PAGE]
        reach = observer.reach() if shown else ""
        rules = rules_at(ledger)
        return page(
            request,
            "corrections",
            now=now,
            since=since,
            taxonomy=rules.taxonomy,
            lines=lines_of(ledger, shown, rules, reach if isinstance(reach, Reach) else None),
            reach=reach if isinstance(reach, Reach) else None,
            loading=reach is None,
            why_not=reach if isinstance(reach, str) else "",
            newest=not before,
            older=f"/corrections?before={shown[-1].position}" if len(answers) > PAGE else None,
        )

    return router


def told(observer: Observer, found: Trace) -> dict[str, Any]:
    """What a receipt tells: every answer, newest first, and what the champion makes of the mail."""
    made = observer.receipt(found, found.email) if found.email and found.corrections else ""
    reach = made.reach if isinstance(made, Receipt) else None
    counted = standings(found.corrections, rules_at(observer.ledger))
    return {
        "trace": found,
        "taxonomy": found.taxonomy,
        "lines": [line_of(each, found.decision, found.email, reach) for each in reversed(counted)],
        "receipt": made if isinstance(made, Receipt) else None,
        "loading": made is None,
        "why_not": made if isinstance(made, str) else "",
        "looked_through": RECENT,
    }


def lines_of(ledger: ConsoleLedger, answers: Sequence[Recorded], rules: Rules, reach: Reach | None) -> list[Line]:
    """These answers, each as it counts among all of its mail's."""
    ids = list({answer_in(recorded).email_id for recorded in answers})
    decisions, emails = ledger.decisions_of(ids), ledger.emails(ids)
    counted = {
        standing.position: line_of(standing, decisions.get(email_id), emails.get(email_id), reach)
        for email_id, about in ledger.corrections_of(ids).items()
        for standing in standings(about, rules)
    }
    return [counted[recorded.position] for recorded in answers]


def line_of(standing: Standing, decision: Decision | None, email: Email | None, reach: Reach | None) -> Line:
    """An answer as it is told; nobody can tell what became of a lesson whose text is gone."""
    answer = answer_in(standing.answer)
    way = WAYS.get(answer.answer_id.partition(":")[0], QUEUE)
    return Line(standing, answer, way, reach.fate(standing) if reach and email else None, decision, email)
