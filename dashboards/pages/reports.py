"""Evidently's reports, as they were written: files by name in one folder, each alone with its own scripts."""

import re

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from triage_cl.bootstrap import App

NAME = re.compile(r"[\w-][\w.-]*\.html")

#: The report is one file with its scripts inside. In a sandbox it has no origin: it can read no cookie, ask no page.
POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes(app: App) -> APIRouter:
    """The route of the reports."""
    router = APIRouter()

    @router.get("/reports/{name}")
    def show(name: str) -> FileResponse:
        path = app.home / "reports" / name
        if not NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise HTTPException(404, "There is no report of that name.")
        return FileResponse(path, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})

    return router
