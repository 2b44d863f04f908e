"""`triage serve`: the HTTP service."""

import logging
import signal
import socket
from typing import Annotated
from urllib.parse import urlsplit

import typer

from triage_cl.cli.output import console

APPLICATION = "triage_cl.api.application:create_app"
PORT = 8700
#: How long requests under way may take when the service is told to end.
FAREWELL_SECONDS = 45


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; by default that of the setting service_url.")
    ] = None,
) -> None:
    """Decide mail over HTTP until Ctrl-C."""
    import uvicorn

    from triage_cl.bootstrap import bootstrap

    app = bootstrap()
    key = "in the setting api_key" if app.settings.api_key else f"in {app.home / 'access'}"
    app.keys, app.access  # noqa: B018  (what is wrong with them is told before anything starts)
    listener = listen(host, port if port is not None else urlsplit(app.settings.service_url).port or PORT)
    bound = listener.getsockname()
    shown = f"[{host}]" if ":" in host else host
    console(stderr=True).print(f"Serving on http://{shown}:{bound[1]}; its key is {key}.")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    # Uvicorn ends in good order and then raises the signal again for whoever was there before; that it was told to
    # end is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    uvicorn.Server(config).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises BadInput, with what to do, where the port is taken."""
    from triage_cl.domain.errors import BadInput

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2_048)
    except OSError as error:
        raise BadInput(
            f"Nothing can listen on port {port} of {host} ({error.strerror}); choose another one with --port."
        ) from None
