"""What a webhook of Label Studio means: recorded at once where it tells alone what holds, else left to be looked up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from triage_cl.adapters.label_studio.annotations import CHANNEL, answers_begin, read_answer
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.errors import BadInput
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.reconcile import settle
from triage_cl.usecases.review import Answer, Withdrawn

SAID = {"ANNOTATION_CREATED", "ANNOTATION_UPDATED"}
SAID_AT_ONCE = "ANNOTATIONS_CREATED"
DELETED = "ANNOTATIONS_DELETED"
TASKS_DELETED = "TASKS_DELETED"


@dataclass(frozen=True, slots=True)
class Heard:
    """How many corrections a webhook brought; `settled` says that nothing needs to be looked up."""

    corrections: int = 0
    settled: bool = True

    def __add__(self, other: "Heard") -> "Heard":
        return Heard(self.corrections + other.corrections, self.settled and other.settled)


LOOK_UP = Heard(settled=False)


class Ear:
    """Records what webhooks tell, one after the other."""

    def __init__(self, ledger: Ledger, keys: Keys, clock: Callable[[], datetime]) -> None:
        self._ledger, self._keys, self._clock = ledger, keys, clock
        self._lock = Lock()

    def hear(self, event: Mapping[str, Any]) -> Heard:
        """Record what an event tells; durable when this returns. Raises BadInput for one that cannot be read."""
        action = str(event.get("action"))
        annotation, task = event.get("annotation"), event.get("task")
        with self._lock:
            if action in SAID:
                return self._hear_answer(annotation, task)
            if action == SAID_AT_ONCE:
                return _sum(self._hear_answer(*pair) for pair in _pairs(annotation, task))
            if action == DELETED:
                return _sum(self._hear_deletion(id) for id in _ids(event.get("annotations")))
        return LOOK_UP if action == TASKS_DELETED else Heard()

    def _hear_answer(self, annotation: object, task: object) -> Heard:
        answer = read_answer(annotation, task.get("data") if isinstance(task, dict) else None, self._keys)
        seen = self._ledger.position()
        earlier = self._earlier(answer.email_id)
        if not is_newest(answer, earlier):
            return LOOK_UP
        if not earlier and self._ledger.archived([answer.email_id]):
            # The task was deleted before its answer was heard of.
            return LOOK_UP
        heard = self._settle(answer, seen)
        return heard if answer.department is not None or not earlier else heard + LOOK_UP

    def _hear_deletion(self, annotation: int) -> Heard:
        """An annotation is gone: withdrawn at once if nobody else answered, and looked up in any case.

        Label Studio does not say whose it was, and another one, which says the same, may stand.
        """
        begin = answers_begin(annotation)
        seen = self._ledger.position()
        names = (self._ledger.mail_answered_as(f"{source}:{begin}") for source in (Source.REVIEW, Source.VOLUNTEER))
        email = next((name for name in names if name is not None), None)
        if email is not None and self._ledger.archived([email]):
            return Heard()
        if email is None or any(not one.answer_id.startswith(begin) for one in self._earlier(email)):
            return LOOK_UP
        return self._settle(Withdrawn(email, CHANNEL, self._clock()), seen) + LOOK_UP

    def _earlier(self, email: str) -> list[Correction]:
        recorded = (one.fact for one in self._ledger.corrections_of([email]).get(email, ()))
        corrections = (fact for fact in recorded if isinstance(fact, Correction))
        return [one for one in corrections if one.answer_id.startswith(f"{CHANNEL}:")]

    def _settle(self, item: Answer | Withdrawn, seen: int) -> Heard:
        found = settle(self._ledger, [item], self._clock(), seen)
        return Heard(found.corrections, settled=not found.overtaken)


def is_newest(answer: Answer, earlier: Sequence[Correction]) -> bool:
    """Whether an answer overrules those that were recorded: it is later, and a skip overrules no other annotation."""
    own = answer.answer_id.rpartition(":")[0] + ":"
    alone = all(one.answer_id.startswith(own) for one in earlier)
    later = all(one.answered_at <= answer.answered_at for one in earlier)
    return later and (alone or answer.department is not None)


def _sum(heard: Iterable[Heard]) -> Heard:
    return sum(heard, Heard())


def _pairs(annotations: object, tasks: object) -> list[tuple[object, object]]:
    """Annotations with their tasks, which come as two lists of the same order."""
    if not isinstance(annotations, list) or not isinstance(tasks, list) or len(annotations) != len(tasks):
        raise BadInput("Annotations came without their tasks.")
    return list(zip(annotations, tasks, strict=True))


def _ids(rows: object) -> list[int]:
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [id for id in ids if isinstance(id, int)]
