"""Start the programs in their order, and look after them until told to stop."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

from triage_cl.adapters.supervision.condition import Condition, Health, due
from triage_cl.adapters.supervision.program import Program
from triage_cl.adapters.supervision.supervisor import Supervisor

Conditions = Mapping[str, Condition]

#: Seconds between two looks: while something is not well, and when all is.
LOOK_SECONDS, CALM_SECONDS = 0.5, 3.0

#: How long a health page may take, seconds.
ANSWER_SECONDS = 3


def conduct(
    supervisor: Supervisor, programs: Sequence[Program], show: Callable[[Conditions], None], ends: Event
) -> None:
    """Start each program when its turn comes and show what every look finds, until `ends` is set.

    Raises SupervisorGone when there is nothing to look after any more.
    """
    conditions = {program.name: Condition(Health.WAITING, _now()) for program in programs}
    with ThreadPoolExecutor(len(programs)) as pool:
        while not ends.is_set():
            for program in due(programs, conditions, _now()):
                supervisor.begin(program)
                conditions[program.name] = conditions[program.name].begin(_now())
            sights, answers = supervisor.sights(), list(pool.map(_answers, programs))
            for program, answer in zip(programs, answers, strict=True):
                name = program.name
                conditions[name] = conditions[name].seen(program, sights[name], answer, _now())
            show(conditions)
            ends.wait(CALM_SECONDS if all(one.well for one in conditions.values()) else LOOK_SECONDS)


def _answers(program: Program) -> bool:
    return bool(program.health) and is_well(program.health, program.says)


def is_well(health: str, says: str = "") -> bool:
    """Whether that page answers 200 and has that text in it; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(health, timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200) and says in answer.read().decode(errors="replace")
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
        return False


def _now() -> datetime:
    return datetime.now(UTC)
