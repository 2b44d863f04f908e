"""Before anything is served: the limit that retraining needs, and the end of runs whose process is gone."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

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
        _end_runs(str(deployment.flow_name), _was_served)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(LIMIT, 1)
        if not runs_of(retrain_challenger.name, AT_WORK):
            # A server that was restarted forgets who held the limit, and would never free it.
            client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(active_slots=0))


def end_other_rehearsals(own: UUID, flow_names: Iterable[str]) -> None:
    """End what an earlier rehearsal left running: there is one at a time, and its flows are no deployment's."""
    for flow_name in flow_names:
        _end_runs(flow_name, lambda run: run.deployment_id is None and run.id != own)


def _was_served(run: FlowRun) -> bool:
    """Not one of a worker, which may be alive, and no part of a rehearsal."""
    return run.deployment_id is not None and run.work_pool_name is None


def _end_runs(flow_name: str, is_dead: Callable[[FlowRun], bool]) -> None:
    with get_client(sync_client=True) as client:
        for run in filter(is_dead, runs_of(flow_name, AT_WORK)):
            ended: State[None] = Crashed(message="Its process ended.")
            client.set_flow_run_state(run.id, ended, force=True)
