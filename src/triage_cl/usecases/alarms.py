"""What an operator should be told at once, and since when it is so: pure rules over what was seen."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from triage_cl.domain.drift import DriftVerdict
from triage_cl.usecases.overview import Overview

#: What the names of the cursors begin with by which answers are fetched; what follows is the project.
RECONCILING = "label-studio:"


class State(StrEnum):
    """How a part of the deployment is."""

    UP = "up"
    SLOW = "slow"
    REFUSED = "refused"
    """It is there and does not accept our key."""
    DOWN = "down"
    UNSEEN = "not seen"
    """It has never answered: perhaps it is not part of this deployment."""
    UNUSED = "not used"
    """The settings do without it."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a part is, since when, and what was seen, in words."""

    name: str
    state: State
    since: datetime
    detail: str = ""


class Severity(StrEnum):
    """How bad an alarm is: whether something stands still, or should be looked at."""

    ALARM = "alarm"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something wrong, since when, and what to do about it."""

    severity: Severity
    what: str
    since: datetime | None
    advice: str


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is an alarm.

    A part's state must have lasted for `grace`, so that one slow answer is no alarm; `answers` is how long a review
    task may wait, `delivery` how long a decision may before its subscriber has it; `reviews` says whether answers are
    fetched from a review screen.
    """

    answers: timedelta
    reviews: bool
    grace: timedelta = timedelta(seconds=10)
    unpublished: timedelta = timedelta(minutes=10)
    reconciliation: timedelta = timedelta(minutes=5)
    delivery: timedelta = timedelta(minutes=1)
    drift: timedelta = timedelta(days=7)


#: The parts of a deployment, and what is so while one of them is not there.
LEDGER, REVIEWS, RECEIVER, SERVICE = "Ledger", "Label Studio", "Receiver", "Service"
PREFECT, MLFLOW, EVIDENTLY = "Prefect", "MLflow", "Evidently"
WITHOUT = {
    LEDGER: "Nothing is decided or recorded; this page shows what was known last.",
    REVIEWS: "Mail is decided all the same; answers are fetched when it is back.",
    RECEIVER: "Answers are fetched by reconciliation, within minutes in place of a second.",
    SERVICE: "Mail that comes over HTTP is not decided.",
    PREFECT: "Nothing runs by the clock: no publishing, reconciliation, drift report, retraining or judgement.",
    MLFLOW: "Versions and aliases are in the ledger all the same.",
    EVIDENTLY: "Its reports can be read here all the same.",
}


def find_alarms(parts: Iterable[Health], overview: Overview | None, limits: Limits, at: datetime) -> Sequence[Alarm]:
    """Everything that is wrong at `at`: what stands still first, then what began first."""
    found = [*of_parts(parts, limits, at), *(of_ledger(overview, limits, at) if overview else ())]
    return sorted(found, key=lambda alarm: (alarm.severity, alarm.since or at))


def of_parts(parts: Iterable[Health], limits: Limits, at: datetime) -> Iterator[Alarm]:
    """Parts that are down, slow or refuse our key."""
    for part in parts:
        if at - part.since < limits.grace:
            continue
        match part.state:
            case State.DOWN:
                yield Alarm(Severity.ALARM, f"{part.name} does not answer", part.since, WITHOUT.get(part.name, ""))
            case State.REFUSED:
                advice = f"{WITHOUT.get(part.name, '')} Give the right key in the settings, then restart."
                yield Alarm(Severity.ALARM, f"{part.name} refuses the key", part.since, advice.strip())
            case State.SLOW:
                yield Alarm(Severity.WARNING, f"{part.name} is slow", part.since, part.detail)


def of_ledger(overview: Overview, limits: Limits, at: datetime) -> Iterator[Alarm]:
    """What the ledger tells of reviews, readers and drift."""
    yield from _of_reviews(overview, limits, at)
    yield from _of_readers(overview, limits, at)
    if overview.drift is not None and at - overview.drift.at < limits.drift:
        verdict = overview.drift.fact
        if isinstance(verdict, DriftVerdict) and verdict.verdict != "quiet":
            yield Alarm(Severity.WARNING, f"Drift: {verdict.verdict}", overview.drift.at, "; ".join(verdict.reasons))


def _of_reviews(overview: Overview, limits: Limits, at: datetime) -> Iterator[Alarm]:
    backlog = overview.backlog
    if backlog.oldest_at is not None and at - backlog.oldest_at > limits.answers:
        days = limits.answers.total_seconds() / 86_400
        advice = f"Answers measure for {days:g} days. Ask reviewers to answer, or lower the share that is reviewed."
        yield Alarm(Severity.WARNING, "Review tasks wait too long", backlog.oldest_at, advice)
    if backlog.waiting_since is not None and at - backlog.waiting_since > limits.unpublished:
        what = f"{backlog.unpublished:,} drawn {_mails(backlog.unpublished)} not offered to reviewers"
        advice = "The flow publish-reviews offers them; so does the command triage review publish."
        yield Alarm(Severity.ALARM, what, backlog.waiting_since, advice)


def _mails(count: int) -> str:
    return "mail was" if count == 1 else "mails were"


def _of_readers(overview: Overview, limits: Limits, at: datetime) -> Iterator[Alarm]:
    fetched = [moved for name, moved in overview.cursors.items() if name.startswith(RECONCILING)]
    if limits.reviews and (not fetched or at - max(fetched) > limits.reconciliation):
        advice = "The receiver and the flow reconcile-feedback fetch them; so does the command triage reconcile."
        yield Alarm(Severity.ALARM, "Answers are not fetched", max(fetched, default=None), advice)
    for subscriber in overview.subscribers:
        if subscriber.waiting_since is not None and at - subscriber.waiting_since > limits.delivery:
            what = f"{subscriber.name} is {subscriber.behind:,} decisions behind"
            advice = "Nothing is lost: they are sent in their order once it takes them."
            yield Alarm(Severity.ALARM, what, subscriber.waiting_since, advice)
