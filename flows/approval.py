"""What a person is asked before a promotion, and whether somebody is asked already.

A module of its own, so that the class has one identity however Prefect loads the flows.
"""

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.input import RunInput
from pydantic import Field


class Approval(RunInput):
    """The answer with which a suspended run of `judge_challenger` is resumed."""

    approved: bool = Field(description="Whether the challenger becomes champion; otherwise it is retired.")
    approver: str = Field(min_length=1, description="Who decides, for the record.")
    note: str = Field("", description="Why, for the record.")


def is_asked_already(flow_name: str, question: str) -> bool:
    """Whether a suspended run of that flow waits for the answer to the same question."""
    paused = FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=[StateType.PAUSED])))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])), flow_run_filter=paused
        )
    return any(_waits_for(run, question) for run in runs)


def _waits_for(run: FlowRun, question: str) -> bool:
    return run.state is not None and run.state.state_details.pause_key == question
