"""Retrainings that really run, in their own process, at a moment of simulated time: started, awaited, recognised."""

import time
from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from flows.retrain import retrain_challenger
from flows.runs import runs_of
from triage_cl.domain.errors import OrchestratorUnavailable, TriageError

DEPLOYMENT = f"{retrain_challenger.name}/triage"

#: How long a deployment may take to be served, a retraining to end, and between two looks, in seconds.
SERVED_SECONDS = 120
RETRAINED_SECONDS = 900
LOOK_SECONDS = 0.5


def await_serving() -> None:
    """Return once the deployment is there; raises OrchestratorUnavailable if nobody serves it."""
    until = time.monotonic() + SERVED_SECONDS
    while not _is_served():
        if time.monotonic() > until:
            raise OrchestratorUnavailable(f"It knows no {DEPLOYMENT}; `triage flows serve` serves it.")
        time.sleep(LOOK_SECONDS)


def _is_served() -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return False
        return True


def retrain_on_schedule(at: datetime) -> None:
    """Start a retraining at `at`, as its schedule would, and wait for its end."""
    parameters = {"reason": "on schedule", "at": at.isoformat()}
    run_deployment(DEPLOYMENT, parameters=parameters, timeout=0)
    await_retraining(at)


def await_retraining(at: datetime) -> None:
    """Return once a retraining at `at` is completed; raises TriageError if it fails or does not come."""
    until = time.monotonic() + RETRAINED_SECONDS
    while not is_retrained(at):
        failed = [run for run in _retrainings(at) if run.state_type is StateType.FAILED]
        if failed:
            raise TriageError(f"The retraining {failed[0].name} failed; `triage flows status` shows its run.")
        if time.monotonic() > until:
            raise TriageError(f"No retraining ended within {RETRAINED_SECONDS} seconds; is `flows.serve` running?")
        time.sleep(LOOK_SECONDS)


def is_retrained(at: datetime) -> bool:
    """Whether a retraining at `at` is completed."""
    return any(run.state_type is StateType.COMPLETED for run in _retrainings(at))


def _retrainings(at: datetime) -> list[FlowRun]:
    asked = [(run, run.parameters.get("at")) for run in runs_of(retrain_challenger.name)]
    return [run for run, moment in asked if isinstance(moment, str) and datetime.fromisoformat(moment) == at]
