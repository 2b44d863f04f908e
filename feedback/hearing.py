"""What a webhook of Label Studio means: recorded at once where it tells alone what holds, else left to be looked up."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from triage_cl.adapters.label_studio.annotations import CHANNEL, answers_begin, read_answer
from triage_cl.adapters.label_studio.tasks import task_name
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.api.problems import PASSING
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.errors import BadInput
from triage_cl.domain.facts import Recorded
from triage_cl.domain.second_looks import LOOK, Opinion, mail_of
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.reconcile import settle
from triage_cl.usecases.review import Answer, Withdrawn

SAID = {"ANNOTATION_CREATED", "ANNOTATION_UPDATED"}
SAID_AT_ONCE = "ANNOTATIONS_CREATED"
DELETED = "ANNOTATIONS_DELETED"
TASKS_DELETED = "TASKS_DELETED"

#: A webhook's body.
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """How many corrections a webhook brought; `settled` says that nothing needs to be looked up."""

    corrections: int = 0
    settled: bool = True

    def __add__(self, other: "Heard") -> "Heard":
        return Heard(self.corrections + other.corrections, self.settled and other.settled)


NOTHING, LOOK_UP = Heard(), Heard(settled=False)

#: What became of something that was heard, or why it is not recorded.
Outcome = Heard | Exception


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, and the task that it was given to by the ledger's name, None where that is not told."""

    answer: Answer
    task: str | None

    @property
    def mail(self) -> str:
        """The mail that it is about, also where it was given at a second look."""
        return mail_of(self.answer.email_id)


@dataclass(frozen=True, slots=True)
class Gone:
    """An annotation that was deleted."""

    annotation: int


class Ear:
    """Records what webhooks tell, in their order; those that come together in as few transactions as may be."""

    def __init__(self, ledger: Ledger, keys: Keys, clock: Callable[[], datetime]) -> None:
        self._ledger, self._keys, self._clock = ledger, keys, clock
        self._lock = Lock()

    def hear(self, event: Event) -> Heard:
        """Record what an event tells; durable when this returns. Raises BadInput for one that cannot be read."""
        [outcome] = self.hear_all([event])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def hear_all(self, events: Sequence[Event]) -> list[Outcome]:
        """What became of each event, or what `hear` would raise; durable when this returns."""
        told = [self._read(event) for event in events]
        outcomes: list[list[Outcome]] = [[one] if isinstance(one, Exception) else [] for one in told]
        items = [(place, item) for place, one in enumerate(told) if not isinstance(one, Exception) for item in one]
        with self._lock:
            for group in _groups(items):
                results = self._hear_group([item for _, item in group])
                for (place, _), outcome in zip(group, results, strict=True):
                    outcomes[place].append(outcome)
        return [_sum([_at_least(event), *mine]) for event, mine in zip(events, outcomes, strict=True)]

    def _read(self, event: Event) -> list[Given | Gone] | Exception:
        action = str(event.get("action"))
        annotation, task = event.get("annotation"), event.get("task")
        try:
            if action in SAID:
                return [self._given(annotation, task)]
            if action == SAID_AT_ONCE:
                return [self._given(*pair) for pair in _pairs(annotation, task)]
        except Exception as error:  # of this event: the others are heard
            return error
        return [Gone(id) for id in _ids(event.get("annotations"))] if action == DELETED else []

    def _given(self, annotation: object, task: object) -> Given:
        row = task if isinstance(task, dict) else {}
        return Given(read_answer(annotation, row.get("data"), self._keys), _name_of(row))

    def _hear_group(self, items: Sequence[Given | Gone]) -> Sequence[Outcome]:
        try:
            return self._hear_items(items)
        except PASSING as error:
            return [error] * len(items)
        except Exception as error:  # whoever said it is told
            if len(items) == 1:
                return [error]
            # One of them spoils the transaction: each gets its own.
            return [outcome for item in items for outcome in self._hear_group([item])]

    def _hear_items(self, items: Sequence[Given | Gone]) -> list[Heard]:
        given = [item for item in items if isinstance(item, Given)]
        gone = [self._hear_deletion(item.annotation) for item in items if isinstance(item, Gone)]
        return gone or self._hear_answers(given)

    def _hear_answers(self, given: Sequence[Given]) -> list[Heard]:
        """Answers about as many mails, in one transaction."""
        tasks = self._ledger.tasks_of([one.answer.email_id for one in given])
        answers = [one.answer for one in given if _is_offered(one, tasks)]
        seen = self._ledger.position()
        earlier = self._earlier([one.email_id for one in answers])
        # Where nothing was heard before, the task may have been deleted before its answer was heard of.
        archived = self._ledger.archived([mail for mail, said in earlier.items() if not said])
        newest = [one for one in answers if is_newest(one, earlier[one.email_id]) and one.email_id not in archived]
        heard = dict.fromkeys((one.answer_id for one in answers), LOOK_UP)
        heard |= self._settle(newest, seen)
        for one in newest:
            if one.department is None and earlier[one.email_id]:
                heard[one.answer_id] += LOOK_UP
        return [heard.get(one.answer.answer_id, NOTHING) for one in given]

    def _settle(self, answers: Sequence[Answer], seen: int) -> dict[str, Heard]:
        """What became of answers about as many mails, by their ids."""
        if not answers:
            return {}
        found = settle(self._ledger, answers, self._clock(), seen)
        ids = [one.answer_id for one in answers]
        recorded = set(ids) if found.corrections == len(ids) else self._recorded(seen)
        return {id: Heard(int(id in recorded), settled=not found.overtaken) for id in ids}

    def _recorded(self, seen: int) -> set[str]:
        """The answers that were recorded after a position."""
        facts = (one.fact for one in self._ledger.facts(after=seen, kinds=[Correction.kind, Opinion.kind]))
        return {fact.answer_id for fact in facts if isinstance(fact, Correction | Opinion)}

    def _hear_deletion(self, annotation: int) -> Heard:
        """An annotation is gone: withdrawn at once if nobody else answered, and looked up in any case.

        Label Studio does not say whose it was, and another one, which says the same, may stand.
        """
        begin = answers_begin(annotation)
        seen = self._ledger.position()
        names = (self._ledger.mail_answered_as(f"{way}:{begin}") for way in (Source.REVIEW, Source.VOLUNTEER, LOOK))
        email = next((name for name in names if name is not None), None)
        if email is not None and self._ledger.archived([email]):
            return NOTHING
        if email is None or any(not one.answer_id.startswith(begin) for one in self._earlier([email])[email]):
            return LOOK_UP
        found = settle(self._ledger, [Withdrawn(email, CHANNEL, self._clock())], self._clock(), seen)
        return Heard(found.corrections) + LOOK_UP

    def _earlier(self, emails: Sequence[str]) -> dict[str, list[Correction | Opinion]]:
        """What was heard before about each of these mails and second looks."""
        recorded = self._ledger.corrections_of(emails)
        looked = self._ledger.opinions_of([email for email in emails if not recorded.get(email)])
        return {email: _heard_of([*recorded.get(email, ()), *looked.get(email, ())]) for email in emails}


def _heard_of(recorded: Iterable[Recorded]) -> list[Correction | Opinion]:
    answers = (one.fact for one in recorded)
    said = (fact for fact in answers if isinstance(fact, Correction | Opinion))
    return [one for one in said if one.answer_id.startswith(f"{CHANNEL}:")]


def _name_of(task: Mapping[str, Any]) -> str | None:
    project, number = task.get("project"), task.get("id")
    return task_name(project, number) if isinstance(project, int) and isinstance(number, int) else None


def is_newest(answer: Answer, earlier: Sequence[Correction | Opinion]) -> bool:
    """Whether an answer overrules those that were recorded: it is later, and a skip overrules no other annotation."""
    own = answer.answer_id.rpartition(":")[0] + ":"
    alone = all(one.answer_id.startswith(own) for one in earlier)
    later = all(one.answered_at <= answer.answered_at for one in earlier)
    return later and (alone or answer.department is not None)


def _is_offered(given: Given, tasks: Mapping[str, str]) -> bool:
    """Whether its task is not another one about a mail that became a task: somebody imported or copied it."""
    known = tasks.get(given.answer.email_id)
    return known is None or given.task is None or known == given.task


def _groups(items: Iterable[tuple[int, Given | Gone]]) -> Iterator[list[tuple[int, Given | Gone]]]:
    """Runs of answers about as many mails; a deletion is alone, for it may be that of an answer before it."""
    group: list[tuple[int, Given | Gone]] = []
    mails: set[str] = set()
    for place, item in items:
        mail = item.mail if isinstance(item, Given) else None
        if group and (mail is None or not mails or mail in mails):
            yield group
            group, mails = [], set()
        group.append((place, item))
        mails |= {mail} if mail is not None else set()
    if group:
        yield group


def _at_least(event: Event) -> Heard:
    return LOOK_UP if event.get("action") == TASKS_DELETED else NOTHING


def _sum(outcomes: Sequence[Outcome]) -> Outcome:
    """All of them together; the first error, if there is one."""
    errors = (one for one in outcomes if isinstance(one, Exception))
    return next(errors, None) or sum((one for one in outcomes if isinstance(one, Heard)), NOTHING)


def _pairs(annotations: object, tasks: object) -> list[tuple[object, object]]:
    """Annotations with their tasks, which come as two lists of the same order."""
    if not isinstance(annotations, list) or not isinstance(tasks, list) or len(annotations) != len(tasks):
        raise BadInput("Annotations came without their tasks.")
    return list(zip(annotations, tasks, strict=True))


def _ids(rows: object) -> list[int]:
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [id for id in ids if isinstance(id, int)]
