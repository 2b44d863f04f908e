"""An office with a history, and what its reviewers answer next, as Label Studio's webhooks tell it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from feedback.double import PROJECT, Event, LabelStudioDouble, Row, chosen
from feedback.projects import guidelines
from feedback.screen import label_config
from triage_cl.adapters.label_studio.annotations import Annotation, answer_id
from triage_cl.adapters.label_studio.tasks import BODY, DEPARTMENT, task_name, task_row
from triage_cl.adapters.lesson_ledger import fill
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.corrections import Correction
from triage_cl.domain.review import ReviewGroups
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.review import BATCH, task_of

GROUPS = ReviewGroups()
SEED = 0
#: The part of webhooks that tell of a changed answer.
EDITS = 0.1


@dataclass(frozen=True, slots=True)
class Webhook:
    """The body that Label Studio sends, and the answer in it; `changes` says that there was another one before."""

    answer_id: str
    body: bytes = field(repr=False)
    changes: bool = False


class BusyOffice:
    """`mails` mails, decided, of which `lessons` are answered and the others lie open before reviewers."""

    def __init__(self, app: App, mails: int, lessons: int) -> None:
        now = utcnow()
        waiting = fill(app.ledger, lessons, app.keys, SEED, waiting=mails - lessons)
        app.ensure_ready(now)
        self._double = LabelStudioDouble(GROUPS.others, now)
        self._departments = sorted({answer.department for answer in waiting if answer.department})
        self._shown = _project(app)
        self._answers = iter(_offered(app, self._double, waiting, now))
        self._random = Random(SEED)  # noqa: S311  (repeatable, nothing secret)

    def webhooks(self, reviewers: int, count: int) -> list[list[Webhook]]:
        """The next `count` webhooks, each reviewer's in order; fewer where no more mail is open."""
        shares = [len(range(reviewer, count, reviewers)) for reviewer in range(reviewers)]
        return [list(self._work(reviewer, share)) for reviewer, share in enumerate(shares, 1)]

    def _work(self, user: int, count: int) -> Iterator[Webhook]:
        own: list[Row] = []
        for _ in range(count):
            self._double.now += timedelta(microseconds=1)
            if own and self._random.random() < EDITS:
                annotation = self._random.choice(own)
                event = self._double.change(annotation, user, chosen([self._another(annotation)]), self._double.now)
                yield self._webhook(event, changes=True)
            elif (found := next(self._answers, None)) is not None:
                task, department = found
                event = self._double.submit(task, user, chosen([department]), self._double.now)
                own += self._double.tasks[task]["annotations"]
                yield self._webhook(event)

    def _another(self, annotation: Row) -> str:
        said = annotation["result"][0]["value"]["choices"]
        return self._random.choice([one for one in self._departments if one not in said])

    def _webhook(self, event: Event, changes: bool = False) -> Webhook:
        told = {**event, "project": event["project"] | self._shown}
        return Webhook(answer_id(Annotation.model_validate(event["annotation"])), json.dumps(told).encode(), changes)


def _project(app: App) -> Row:
    """What of the project makes a webhook large: the screen, its parts, the guidelines."""
    departments = list(taxonomy_at(app.ledger).departments.values())
    parts = {one.id: {"value": one.name, "alias": one.id, "hotkey": ""} for one in departments}
    control = {"type": "Choices", "to_name": [BODY], "labels": list(parts), "labels_attrs": parts}
    return {
        "label_config": label_config(departments),
        "parsed_label_config": {DEPARTMENT: control},
        "expert_instruction": guidelines(app.settings.console_url),
    }


def _offered(
    app: App, double: LabelStudioDouble, waiting: Sequence[Correction], at: datetime
) -> Iterator[tuple[int, str]]:
    """Tasks for the mails that wait, and the right department of each."""
    taxonomy, rest = taxonomy_at(app.ledger), iter(waiting)
    found: list[tuple[int, str]] = []
    while group := {answer.email_id: answer.department for answer in islice(rest, BATCH)}:
        decisions, emails = app.ledger.decisions_of(list(group)), app.ledger.emails(list(group))
        tasks = [task_of(decisions[id], emails[id], taxonomy, GROUPS, None) for id in group]
        rows = json.dumps([task_row(task) for task in tasks])
        _, told = double.answer("POST", f"api/projects/{PROJECT}/import", {}, rows)
        numbers = dict(zip(group, told["task_ids"], strict=True))
        app.ledger.published({id: task_name(PROJECT, number) for id, number in numbers.items()}, at)
        found += [(numbers[id], department) for id, department in group.items() if department is not None]
    return iter(found)
