"""How a program is doing, and since when: a pure reading of what one look after the other found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from triage_cl.adapters.supervision.program import Program
from triage_cl.adapters.supervision.supervisor import Sight

#: What the supervisor calls a program that has a process.
ALIVE = {"STARTING", "RUNNING"}

#: How long after a failure what runs once is tried again.
RETRY_DELAY = timedelta(seconds=5)


class Health(StrEnum):
    """What can be said of a program."""

    WAITING = "waiting"
    """Others have to be well first."""
    STARTING = "starting"
    WELL = "well"
    SILENT = "silent"
    """It runs, was well, and does not answer any more."""
    ENDED = "ended"
    """It ended by itself and is started again soon."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A program's health since a time, the process it has, and how many it had."""

    health: Health
    since: datetime
    pid: int = 0
    runs: int = 0
    exit_status: int = 0
    first_well: datetime | None = None

    @property
    def well(self) -> bool:
        """Whether it does what it is for."""
        return self.health is Health.WELL

    @property
    def begun(self) -> bool:
        """Whether it was ever started."""
        return self.health is not Health.WAITING

    @property
    def restarts(self) -> int:
        """How often it was brought back."""
        return max(0, self.runs - 1)

    def begin(self, at: datetime) -> "Condition":
        """It has just been started."""
        return replace(self, health=Health.STARTING, since=at)

    def seen(self, program: Program, sight: Sight, answers: bool, at: datetime) -> "Condition":
        """What it is after a look at `at`; `answers` is whether its health page says that it is well."""
        health = self._health(program, sight, answers) if self.begun else Health.WAITING
        anew = sight.pid not in (0, self.pid)
        return replace(
            self,
            health=health,
            since=self.since if health is self.health and not anew else at,
            pid=sight.pid or self.pid,
            runs=self.runs + anew,
            exit_status=sight.exit_status,
            first_well=self.first_well or (at if health is Health.WELL else None),
        )

    def _health(self, program: Program, sight: Sight, answers: bool) -> Health:
        if program.once:
            done = self.well or (sight.state == "EXITED" and sight.exit_status == 0)
            return Health.WELL if done else self._awaited(sight)
        # Without pages of its own, others tell of it, and they may still tell of the process before this one.
        well = sight.state in ALIVE if program.url else sight.state == "RUNNING"
        return Health.WELL if well and (answers or not program.health) else self._awaited(sight)

    def _awaited(self, sight: Sight) -> Health:
        """It is not well: it has ended, or is on its way, or has been well in this very process."""
        if sight.state not in ALIVE:
            return Health.ENDED
        return (
            Health.SILENT if self.health in (Health.WELL, Health.SILENT) and sight.pid == self.pid else Health.STARTING
        )


def due(programs: Sequence[Program], conditions: Mapping[str, Condition], at: datetime) -> list[Program]:
    """Those to start at `at`: each that has not begun, and whose forerunners are well or not among them.

    One that runs once and failed is due again after a while; the others are brought back by the supervisor.
    """
    return [program for program in programs if _is_due(program, conditions, at)]


def _is_due(program: Program, conditions: Mapping[str, Condition], at: datetime) -> bool:
    condition = conditions[program.name]
    if program.once and condition.health is Health.ENDED:
        return at >= condition.since + RETRY_DELAY
    return not condition.begun and all(conditions[name].well for name in program.after if name in conditions)
