"""Who had a mail when: most go to the right department at once, some by a detour, a few never arrive there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from triage_cl.domain.departments import Department
from triage_cl.domain.emails import Handover
from triage_cl.synthesis.organisation import Story

_DETOURS = 0.15
_SECOND_DETOURS = 0.15
_WRONG_FOR_EVER = 0.02
_MEDIAN_HOURS = 14.0


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a mail ended, by name, and the way there (empty where it was right at once)."""

    department: str
    history: tuple[Handover, ...] = ()


def route(rng: Random, story: Story, department: str, received_at: datetime) -> Routing:
    """The way of a mail to `department` (the id of a department, or of a part of one).

    No way leads across the split: every name in it exists at both ends.
    """
    (right,) = story.responsible(department, received_at)
    wrong = story.mistaken_at(department, received_at)
    chance = rng.random()
    if chance < _WRONG_FOR_EVER:
        return Routing(rng.choice(wrong).name)
    if chance < _WRONG_FOR_EVER + _DETOURS:
        history = _detour(rng, right, wrong, received_at)
        if not received_at < story.split_at <= history[-1].at:
            return Routing(right.name, history)
    return Routing(right.name)


def _detour(
    rng: Random, right: Department, wrong: tuple[Department, ...], received_at: datetime
) -> tuple[Handover, ...]:
    stations = rng.sample(wrong, min(len(wrong), 1 + (rng.random() < _SECOND_DETOURS)))
    at = received_at + timedelta(seconds=rng.randrange(20, 1800))
    history = []
    for station in (*stations, right):
        history.append(Handover(at, station.name))
        at += timedelta(seconds=round(3600 * min(96.0, _MEDIAN_HOURS * rng.lognormvariate(0.0, 0.9))) + 60)
    return tuple(history)
