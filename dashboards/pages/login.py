"""In and out: the key in a form, a cookie back. A key in a URL would end in a log."""

from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from dashboards.access import COOKIE, SESSION, Door
from dashboards.pages.rendering import page

#: A form is no longer than this, bytes.
LONGEST_FORM = 4_096


def is_own_page(path: str) -> bool:
    """Whether this is a path of this console, so that a login can lead there."""
    parts = urlsplit(path)
    return path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and path.isprintable()


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that one of our own pages sent; 403 for another's, 413 for a long one."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        raise HTTPException(403, "This form was sent from another page.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            raise HTTPException(413, "This form is too long.")
    return dict(parse_qsl(body.decode("utf-8", "replace")))


Form = Annotated[dict[str, str], Depends(form)]


def routes(door: Door, secure: bool) -> APIRouter:
    """The login's routes; `secure` says that the console is reached by HTTPS only."""
    router = APIRouter()

    @router.get("/login")
    def show(request: Request) -> Response:
        return page(request, "login", wrong="", next=request.query_params.get("next", "/"))

    @router.post("/login")
    def enter(request: Request, told: Form) -> Response:
        aim = told.get("next", "/")
        if not door.opens(told.get("key", "").strip()):
            return page(request, "login", 403, wrong="This is not the key.", next=aim)
        answer = RedirectResponse(aim if is_own_page(aim) else "/", 303)
        age = int(SESSION.total_seconds())
        answer.set_cookie(COOKIE, door.session(), max_age=age, httponly=True, samesite="strict", secure=secure)
        return answer

    @router.post("/logout", dependencies=[Depends(form)])
    def leave() -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    return router
