"""The reviewers, by pseudonym: how far others agree with them, and what speaks against whom."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dashboards.observing import Observer
from dashboards.pages import charts
from dashboards.pages.rendering import page
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.reviewer_accounts import ReviewerAccount, StaffAccount


@dataclass(frozen=True, slots=True)
class Row:
    """A reviewer as the page draws them: agreement as a strip (None: nothing is known), evidence in percent."""

    account: ReviewerAccount
    strip: charts.Strip | None
    progress: float


def routes(observer: Observer) -> APIRouter:
    """The reviewers' route."""
    router = APIRouter()

    @router.get("/reviewers")
    def show(request: Request) -> Response:
        try:
            staff, why_not = observer.staff(), ""
        except TriageError as error:
            staff, why_not = None, str(error)
        return page(
            request,
            "reviewers",
            staff=staff,
            rows=rows_of(staff) if staff else (),
            loading=staff is None and not why_not,
            why_not=why_not,
            part=observer.app.settings.double_part,
            taxonomy=taxonomy_at(observer.ledger) if staff else None,
        )

    return router


def rows_of(staff: StaffAccount) -> list[Row]:
    """The reviewers in the order of the account."""
    return [
        Row(
            one,
            charts.strip_of_share(one.doubles.agreement) if one.doubles.agreement else None,
            charts.progress(one.e_value, staff.needed),
        )
        for one in staff.reviewers
    ]
