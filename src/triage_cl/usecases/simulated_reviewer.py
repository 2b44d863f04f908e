"""A reviewer who knows an archive's truth and answers with its delays: for backtests, demos and tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from triage_cl.domain.emails import Message
from triage_cl.domain.second_looks import mail_of
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.review import Answer, ReviewTask

DEFAULT_DELAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer that will be given at `at`."""

    at: datetime
    department: str


def plan_answers(truth: Message, asked_at: datetime, delay: timedelta | None) -> list[Planned]:
    """What a reviewer will say about a mail and when.

    With a `history` its entries are the answers, at their times (but never before the question); without one the
    final department is the answer after `delay`. A delay of zero answers at once, finally, whatever the history;
    None stands for the history's times, or one day.
    """
    if truth.department is None:
        return []
    if delay == timedelta(0) or not truth.history:
        return [Planned(asked_at + (DEFAULT_DELAY if delay is None else delay), truth.department)]
    return [Planned(max(asked_at, entry.at), entry.department) for entry in truth.history]


class SimulatedReviewer:
    """Answers tasks as an archive would have, once its answers are due."""

    def __init__(self, archive: Iterable[Message], keys: Keys, delay: timedelta | None = None) -> None:
        self.truth: Mapping[str, Message] = {keys.identify(message.key): message for message in archive}
        self.delay = delay

    def answer(self, tasks: Sequence[ReviewTask], now: datetime) -> list[Answer]:
        """The answers due by `now` to `tasks`, in the order in which they are given."""
        answers = []
        for task in tasks:
            truth = self.truth.get(mail_of(task.email_id))
            if truth is None:
                continue
            asked_at = truth.received_at or task.received_at
            for number, planned in enumerate(plan_answers(truth, asked_at, self.delay)):
                if planned.at <= now:
                    answers.append(_answer(task, number, planned))
        return sorted(answers, key=lambda answer: (answer.answered_at, answer.answer_id))


def _answer(task: ReviewTask, number: int, planned: Planned) -> Answer:
    return Answer(
        answer_id=f"{task.email_id}:{number}",
        email_id=task.email_id,
        department=planned.department,
        suggestion=task.suggestion,
        blind=task.blind,
        reviewer="simulated",
        answered_at=planned.at,
    )
