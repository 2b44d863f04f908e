"""The page to leave open on a screen."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dashboards.observing import Observer
from dashboards.pages import charts
from dashboards.pages.rendering import page
from triage_cl.domain.drift import DriftVerdict
from triage_cl.settings import Settings
from triage_cl.usecases.alarms import EVIDENTLY, MLFLOW, PREFECT, RECONCILING, REVIEWS, Severity
from triage_cl.usecases.overview import Overview
from triage_cl.usecases.promote import Judged

#: How often the page renews itself, seconds.
REFRESH_SECONDS = 5


def routes(observer: Observer) -> APIRouter:
    """The overview's route."""
    router = APIRouter()

    @router.get("/")
    def show(request: Request) -> Response:
        at = observer.clock()
        alarms = observer.alarms(at)
        seen = observer.overview.seen
        return page(
            request,
            "overview",
            now=at,
            refresh=REFRESH_SECONDS,
            alarms=alarms,
            worst=alarms[0].severity.value if alarms else "fine",
            serious=sum(alarm.severity is Severity.ALARM for alarm in alarms),
            parts=observer.health.seen or (),
            unasked=observer.health.trouble,
            links=links(observer.app.settings),
            reviews=review_screen(observer.app.settings, seen.cursors if seen else ()),
            trouble=observer.overview.trouble,
            seen=seen,
            shown=shown(seen) if seen else {},
        )

    return router


def review_screen(settings: Settings, cursors: Iterable[str]) -> str:
    """Where mail is reviewed: the project, where there is one only, else the list of them."""
    base = settings.label_studio_url.rstrip("/")
    projects = [project for name in cursors if (project := name.removeprefix(RECONCILING)).isdecimal()]
    return f"{base}/projects/{projects[0]}" if len(projects) == 1 else base


def links(settings: Settings) -> dict[str, str]:
    """Where the other parts' own pages are."""
    reviews = {REVIEWS: settings.label_studio_url} if settings.reviews == "label-studio" else {}
    registry = {MLFLOW: settings.mlflow_url} if settings.registry == "mlflow" else {}
    return reviews | {PREFECT: pages_of(settings.prefect_api_url)} | registry | {EVIDENTLY: settings.evidently_url}


def pages_of(api_url: str) -> str:
    """The pages that belong to an API: those of the same server."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/').removesuffix('/api')}"


def shown(overview: Overview) -> dict[str, Any]:
    """What the page draws of an overview."""
    accuracy = overview.estimates.decided.accuracy
    duel = overview.estimates.duel
    drift = overview.drift
    return {
        "hours": charts.mail_by_hour(overview.hours),
        "days": charts.mail_by_day(overview.days),
        "automatic": charts.automatic_share(overview.days),
        "accuracy": charts.strip_of_share(accuracy) if accuracy else None,
        "duel": _duel(duel) if duel else None,
        "drift": drift.fact if drift is not None and isinstance(drift.fact, DriftVerdict) else None,
        "lately": sum(day.automatic for day in overview.days) / max(1, sum(day.mails for day in overview.days)),
    }


def _duel(judged: Judged) -> dict[str, Any]:
    strip, reach = charts.strip_of_gain(judged.evidence)
    needed = 1 / judged.rule.alpha
    return {
        "strip": strip,
        "reach": reach,
        "needed": needed,
        "progress": charts.progress(judged.evidence.e_value, needed),
    }
