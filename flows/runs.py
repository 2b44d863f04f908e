"""What Prefect knows of the runs of a flow."""

from collections.abc import Sequence

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort


def runs_of(flow_name: str, states: Sequence[StateType] = (), limit: int = 200) -> list[FlowRun]:
    """Runs of the flow in one of these states (none given: in any), those that started last first."""
    wanted = FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=list(states)))) if states else None
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])),
            flow_run_filter=wanted,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=limit,
        )
