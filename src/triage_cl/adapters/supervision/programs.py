"""The table of programs that `triage up` runs, and the environment that they share."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from triage_cl.adapters.processes import prefect_environment
from triage_cl.adapters.supervision.program import LOOPBACK, Program, is_local, port_of
from triage_cl.domain.errors import BadInput
from triage_cl.settings import Settings

#: Programs, and steps, that are spoken of elsewhere.
LABEL_STUDIO, MLFLOW, CHAMPION, PROJECTS = "label-studio", "mlflow", "champion", "projects"


def everything(settings: Settings, demo: bool = False) -> list[Program]:
    """Every program of a deployment with these settings, wherever it runs; those that others need first."""
    return [
        _label_studio(settings),
        _prefect(settings),
        *([_mlflow(settings)] if settings.registry == "mlflow" else []),
        _evidently(settings),
        _flows(settings),
        _service(settings),
        _receiver(settings),
        *([_console(settings)] if settings.console_url else []),
        *([_feeder()] if demo else []),
    ]


def programs(settings: Settings, demo: bool = False) -> list[Program]:
    """Those to be run here: what a setting places on another machine is somebody else's to run."""
    ours = [program for program in everything(settings, demo) if not program.url or is_local(program.url)]
    return [program for program in ours if program.name != MLFLOW or not _is_server(settings.mlflow_uri)]


def steps(settings: Settings, champion: bool = False) -> list[Program]:
    """What has to be done once before, or as soon as, the programs run; `champion` says that there is one already."""
    return [*([] if champion else [_champion()]), *([_projects()] if settings.reviews == "label-studio" else [])]


def chosen(table: Sequence[Program], only: Collection[str] = (), without: Collection[str] = ()) -> list[Program]:
    """Those of the table to run; raises BadInput for a name that it does not have, and where none is left."""
    known = [program.name for program in table]
    unknown = sorted({*only, *without} - {*known})
    if unknown:
        raise BadInput(f"No program is called {', '.join(unknown)}; there are {', '.join(known)}.")
    kept = [program for program in table if (not only or program.name in only) and program.name not in without]
    if not kept:
        raise BadInput("No program is left to run.")
    return kept


def environment(settings: Settings, root: Path) -> dict[str, str]:
    """What all of them are told: the settings, where the applications are, and to tell nobody about it."""
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), *LOOPBACK]))
    return (
        dict(os.environ)
        | prefect_environment(settings.home, settings.prefect_api_url)
        | settings.environment()
        | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # By the environment, for it may hold a password; a command can be seen by everybody on the machine.
            "MLFLOW_BACKEND_STORE_URI": settings.mlflow_uri,
            # Eight more processes, for evaluations that we do not ask MLflow for.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "no_proxy": direct,
            "NO_PROXY": direct,
        }
    )


def _is_server(uri: str) -> bool:
    """Whether MLflow is reached through a server, which is there already, rather than by its database."""
    return uri.startswith("http")


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: no module is ever taken from the working directory.
    return (sys.executable, "-P", "-m", module, *arguments)


def _listening(url: str) -> tuple[str, ...]:
    return ("--host", "127.0.0.1", "--port", str(port_of(url)))


def _label_studio(settings: Settings) -> Program:
    url = settings.label_studio_url.rstrip("/")
    command = _python("triage_cl.cli.label_studio", str(port_of(url)))
    return Program(LABEL_STUDIO, "where staff review mail", command, url, f"{url}/health", backend=True)


def _prefect(settings: Settings) -> Program:
    api = settings.prefect_api_url.rstrip("/")
    url = api.removesuffix("/api")
    command = _python("prefect", "server", "start", *_listening(url))
    return Program("prefect", "what runs when, and how it ended", command, url, f"{api}/health", backend=True)


def _mlflow(settings: Settings) -> Program:
    url = (settings.mlflow_uri if _is_server(settings.mlflow_uri) else settings.mlflow_url).rstrip("/")
    artifacts = ("--no-serve-artifacts", "--default-artifact-root", str(settings.home / "mlflow-artifacts"))
    command = _python("mlflow", "server", *_listening(url), "--workers", "1", *artifacts)
    # Both make the tables of an empty store, and only one of them may.
    return Program(MLFLOW, "model versions", command, url, f"{url}/health", after=(CHAMPION,), backend=True)


def _evidently(settings: Settings) -> Program:
    url = settings.evidently_url.rstrip("/")
    command = _python("evidently.cli", "ui", *_listening(url), "--workspace", str(settings.home / "evidently"))
    return Program("evidently", "drift over time", command, url, f"{url}/api/version", backend=True)


def _flows(settings: Settings) -> Program:
    served = f"{settings.prefect_api_url.rstrip('/')}/deployments/name/reconcile-feedback/triage"
    return Program(
        "flows",
        "what runs by itself",
        _python("flows.serve", "--wait", "600"),
        health=served,
        says='"status":"READY"',
        after=("prefect", CHAMPION),
    )


def _service(settings: Settings) -> Program:
    url = settings.service_url.rstrip("/")
    command = _python("triage_cl.cli", "serve")
    return Program("service", "takes mail, gives decisions", command, url, f"{url}/health", after=(CHAMPION,))


def _receiver(settings: Settings) -> Program:
    url = settings.receiver_url.rstrip("/")
    command = _python("feedback.receiver")
    # It keeps the projects in step, too: not while they are being made.
    return Program("receiver", "hears of corrections", command, url, f"{url}/health", after=(CHAMPION, PROJECTS))


def _console(settings: Settings) -> Program:
    url = settings.console_url.rstrip("/")
    command = _python("dashboards.console")
    return Program("console", "how it is going", command, url, f"{url}/health", after=(CHAMPION,))


def _feeder() -> Program:
    return Program("feeder", "invented mail", _python("triage_cl.cli.feeding"), after=("service", PROJECTS))


def _champion() -> Program:
    command = _python("triage_cl.cli", "learn", "--json", os.devnull)
    return Program(CHAMPION, "the model that acts", command, once=True)


def _projects() -> Program:
    command = _python("triage_cl.cli", "review", "setup")
    return Program(PROJECTS, "the review screen, set up", command, after=(LABEL_STUDIO,), once=True)
