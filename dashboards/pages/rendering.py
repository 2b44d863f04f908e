"""Templates to answers: everything escaped, everything under a policy that lets no page fetch or run anything else."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dashboards.pages import wording
from triage_cl.privacy.receipt_links import PREFIX

TEMPLATES = Path(__file__).parents[1] / "templates"
#: What a browser may fetch: the files that the pages are made of.
ASSETS = {"console.css": "text/css", "refresh.js": "text/javascript"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: a browser would then not say where a form was sent from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

#: Where a link is the key, no other page may learn of it.
LINKED = HEADERS | {"Referrer-Policy": "no-referrer"}


def headers_for(path: str) -> dict[str, str]:
    """The headers of every answer to a path."""
    return LINKED if path.startswith(PREFIX) else HEADERS


@cache
def environment() -> Environment:
    """The templates, where an unknown name is an error and a text is never markup."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update({name: getattr(wording, name) for name in wording.__all__})
    found.globals["linked"] = PREFIX
    found.globals["assets"] = {name: f"/static/{name}?{_digest(name)}" for name in ASSETS}
    return found


def _digest(asset: str) -> str:
    return hashlib.sha256((TEMPLATES / asset).read_bytes()).hexdigest()[:12]


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template with these values; `here` is the path that was asked for."""
    text = environment().get_template(f"{template}.html.jinja").render(here=request.url.path, **values)
    return HTMLResponse(text, status)
