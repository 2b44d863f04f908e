"""What is deployed at the Prefect server, and how the last runs ended."""

from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from flows.deployments import all_deployments
from flows.runs import runs_of


def status_of_all(runs: int) -> list[dict[str, Any]]:
    """Every deployment: whether it is there and its schedules run, and its last `runs` runs, newest first."""
    return [
        {"deployment": one.full_name, "state": _state(one.full_name)}
        | {"runs": [_told(run) for run in runs_of(str(one.flow_name), limit=runs)]}
        for one in all_deployments()
    ]


def _state(full_name: str) -> str:
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(full_name)
        except ObjectNotFound:
            return "not deployed"
    if found.paused:
        return "paused"
    return "on schedule" if found.schedules else "without a schedule"


def _told(run: FlowRun) -> dict[str, str | None]:
    moment = run.start_time or run.expected_start_time
    return {"name": run.name, "at": moment.isoformat() if moment else None, "state": run.state_name}
