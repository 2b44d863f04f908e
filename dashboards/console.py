"""The console: one page to leave open on a screen, a page for each decision.

`python -m dashboards.console` serves it on loopback, at the port of `console_url`; `--host` and `--port` say otherwise.
"""

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as Refused

from dashboards.access import COOKIE, Door
from dashboards.observing import Observer
from dashboards.pages import answered, decisions, login, overview, receipts, reports, reviewers
from dashboards.pages.rendering import ASSETS, TEMPLATES, headers_for, page
from triage_cl.bootstrap import App, bootstrap, utcnow
from triage_cl.domain.errors import BadInput, TriageError
from triage_cl.privacy.receipt_links import PREFIX

#: What is shown to everybody; a receipt's link proves itself.
OPEN = {"/health", "/login", *(f"/static/{name}" for name in ASSETS)}

Next = Callable[[Request], Awaitable[Response]]


def create_console(app: App, clock: Callable[[], datetime] = utcnow) -> FastAPI:
    """The console over an application; it begins to look when it is started."""
    observer = Observer(app, clock)
    door = Door(app.access.api_key, app.keys.subkey("console"), clock)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        observer.start()
        yield
        observer.stop()

    console = FastAPI(title="triage console", lifespan=running, docs_url=None, redoc_url=None, openapi_url=None)
    console.state.observer = observer
    _guard(console, door)
    _told_errors(console)
    for routes in (
        overview.routes(observer),
        decisions.routes(observer),
        receipts.routes(observer),
        answered.routes(observer, app.receipt_links),
        reviewers.routes(observer),
        reports.routes(app),
        login.routes(door, secure=app.settings.console_url.startswith("https:")),
    ):
        console.include_router(routes)
    _open_routes(console)
    return console


def _guard(console: FastAPI, door: Door) -> None:
    """Nothing without a session, the key or a link; every answer with headers that keep a browser in bounds."""

    @console.middleware("http")
    async def guard(request: Request, proceed: Next) -> Response:
        path = request.url.path
        opened = path in OPEN or path.startswith(PREFIX)
        if opened or door.admits(request.cookies.get(COOKIE), request.headers.get("authorization")):
            answer = await proceed(request)
        else:
            answer = _refusal(request)
        for name, value in headers_for(path).items():
            answer.headers.setdefault(name, value)
        return answer


def _refusal(request: Request) -> Response:
    if request.method != "GET" or "authorization" in request.headers:
        return JSONResponse({"detail": "Show the API key as a bearer's token, or log in."}, 401)
    aim = quote(request.url.path, safe="/")
    return RedirectResponse("/login" if aim == "/" else f"/login?next={aim}", 303)


def _told_errors(console: FastAPI) -> None:
    """What goes wrong, in a sentence on a page."""

    @console.exception_handler(Refused)
    def refused(request: Request, error: HTTPException) -> Response:
        return page(request, "problem", error.status_code, why=error.detail)

    @console.exception_handler(RequestValidationError)
    def misunderstood(request: Request, _: RequestValidationError) -> Response:
        return page(request, "problem", 400, why="This address means nothing here.")

    @console.exception_handler(TriageError)
    def failed(request: Request, error: TriageError) -> Response:
        return page(request, "problem", 400 if isinstance(error, BadInput) else 503, why=str(error))

    @console.exception_handler(Exception)
    def broke(request: Request, _: Exception) -> Response:
        answer = page(request, "problem", 500, why="The console made a mistake; its log has more.")
        answer.headers.update(headers_for(request.url.path))
        return answer


def _open_routes(console: FastAPI) -> None:
    @console.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @console.get("/static/{name}")
    def static(name: str) -> Response:
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return FileResponse(TEMPLATES / name, media_type=ASSETS[name], headers=headers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the console until it is stopped; the exit status."""
    import uvicorn

    options = _options(arguments)
    try:
        app = bootstrap()
        console = create_console(app)
        port = options.port or urlsplit(app.settings.console_url).port or 80
    except (TriageError, ValueError) as error:
        sys.stderr.write(f"triage: {error}\n")
        return 1
    with closing(app):
        uvicorn.run(console, host=options.host, port=port, log_level="warning", access_log=False, server_header=False)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboards.console", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port, by default that of console_url")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
