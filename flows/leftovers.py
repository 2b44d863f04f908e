"""Before anything is served: the limit that retraining needs, and the end of runs whose process is gone."""

from collections.abc import Sequence

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Crashed

from flows.retrain import LIMIT, retrain_challenger
from flows.runs import runs_of

AT_WORK = (StateType.PENDING, StateType.RUNNING)


def prepare_server(deployments: Sequence[RunnerDeployment]) -> None:
    """Make the limit and free what dead runs hold: served runs end with the process that serves, however it ends."""
    for deployment in deployments:
        _end_dead_runs(str(deployment.flow_name))
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(LIMIT, 1)
        if not runs_of(retrain_challenger.name, AT_WORK):
            # A server that was restarted forgets who held the limit, and would never free it.
            client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(active_slots=0))


def _end_dead_runs(flow_name: str) -> None:
    with get_client(sync_client=True) as client:
        for run in runs_of(flow_name, AT_WORK):
            if _was_served(run):
                ended: State[None] = Crashed(message="The process that served it ended.")
                client.set_flow_run_state(run.id, ended, force=True)


def _was_served(run: FlowRun) -> bool:
    """Not one of a worker, which may be alive, and no part of another flow."""
    return run.deployment_id is not None and run.work_pool_name is None
