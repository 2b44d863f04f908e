"""What a person is asked before a promotion, and whether somebody is asked already.

A module of its own, so that the class has one identity however Prefect loads the flows.
"""

import re

from prefect.client.schemas.objects import StateType
from prefect.input import RunInput
from pydantic import Field

from flows.runs import runs_of


class Approval(RunInput):
    """The answer with which a suspended run of `judge_challenger` is resumed."""

    approved: bool = Field(description="Whether the challenger becomes champion; otherwise it is retired.")
    approver: str = Field(min_length=1, description="Who decides, for the record.")
    note: str = Field(default="", description="Why, for the record.")


def key_of(question: str) -> str:
    """The question as Prefect can keep it: lowercase letters, digits and dashes."""
    return re.sub("[^a-z0-9]+", "-", question.lower())


def is_asked_already(flow_name: str, key: str) -> bool:
    """Whether a suspended run of that flow waits for the answer to the question with that key."""
    waiting = [run.state for run in runs_of(flow_name, [StateType.PAUSED])]
    return any(state is not None and state.state_details.pause_key == key for state in waiting)
