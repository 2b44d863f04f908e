"""What an annotation says, in our words: the same answer whether a webhook or a query brings it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ValidationError

from triage_cl.adapters.label_studio.tasks import BLIND, DEPARTMENT, FLAGS, MARKS, NOT_MY_AREA, SPAM, UNSURE
from triage_cl.domain.errors import BadInput
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.review import Answer, Withdrawn

#: What the ids of these answers begin with.
CHANNEL = "label-studio"
#: Marks under which the chosen department teaches nothing.
NO_LESSON = frozenset({NOT_MY_AREA, SPAM})

User = Annotated[int | None, BeforeValidator(lambda told: told.get("id") if isinstance(told, Mapping) else told)]


class Annotation(BaseModel):
    """What of an annotation counts."""

    id: int
    updated_at: AwareDatetime
    was_cancelled: bool = False
    result: list[dict[str, Any]] = []
    completed_by: User = None
    updated_by: User = None


class Shown(BaseModel):
    """What a task shows about a mail."""

    email_id: str
    suggestion: str = UNSURE
    department: str = ""
    priority: str = ""

    @property
    def is_blind(self) -> bool:
        """Whether it is shown without a suggestion on purpose."""
        return self.suggestion == BLIND

    @property
    def suggested(self) -> str | None:
        """The name of the suggested department."""
        return None if self.suggestion in (BLIND, UNSURE) else self.department


class Task(BaseModel):
    """A task with all its annotations, at `updated_at`."""

    id: int
    updated_at: AwareDatetime
    data: Shown
    annotations: list[Annotation] = []


def read_task(told: Mapping[str, Any]) -> Task | None:
    """A task as Label Studio tells it, None for one that is not of our making."""
    try:
        return Task.model_validate(told)
    except ValidationError:
        return None


def read_answer(annotation: object, data: object, keys: Keys) -> Answer:
    """The answer that an annotation is, given to a task that shows `data`; BadInput where they cannot be read."""
    try:
        return answer_of(Annotation.model_validate(annotation), Shown.model_validate(data), keys)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        raise BadInput(f"An annotation cannot be read: {wrong}.") from None


def state_of(task: Task, keys: Keys) -> Answer | Withdrawn:
    """What holds for a task's mail: the newest annotation, a skip where there is nothing else, or nothing any more."""
    if not task.annotations:
        return Withdrawn(task.data.email_id, CHANNEL, task.updated_at)
    return answer_of(in_force(task.annotations), task.data, keys)


def overruled(task: Task, keys: Keys) -> list[Answer]:
    """What others say in a task beside the annotation that counts, in order of time; skips are nothing there."""
    last = in_force(task.annotations) if task.annotations else None
    others = [one for one in task.annotations if one is not last and not one.was_cancelled]
    return [answer_of(one, task.data, keys) for one in sorted(others, key=lambda one: (one.updated_at, one.id))]


def in_force(annotations: Sequence[Annotation]) -> Annotation:
    """The annotation of several that counts: the one that was changed last, skips only among themselves."""
    return max(annotations, key=lambda one: (not one.was_cancelled, one.updated_at, one.id))


def answer_of(annotation: Annotation, shown: Shown, keys: Keys) -> Answer:
    """The answer that an annotation is; its department is None for a skip, and where a mark says that it is no lesson.

    What names no single department is given as it is, for nobody to know: "" for nothing, "a, b" for two.
    """
    chosen = _choices(annotation, FLAGS)
    flags = tuple(mark for mark in MARKS if mark in chosen)
    teaches = not annotation.was_cancelled and not NO_LESSON & set(flags)
    return Answer(
        answer_id=answer_id(annotation),
        email_id=shown.email_id,
        department=", ".join(_choices(annotation, DEPARTMENT)) if teaches else None,
        suggestion=shown.suggested,
        blind=shown.is_blind,
        reviewer=keys.pseudonym(f"{CHANNEL}/{annotation.updated_by or annotation.completed_by}"),
        answered_at=annotation.updated_at,
        flags=flags,
    )


def answers_begin(annotation: int) -> str:
    """What the ids of all answers begin with that an annotation ever was."""
    return f"{CHANNEL}:{annotation}:"


def answer_id(annotation: Annotation) -> str:
    """The identity of an annotation as it is now; saving it again gives another."""
    said = json.dumps([annotation.result, annotation.was_cancelled], sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()[:8]
    # No colon in the last part: a withdrawal is named after what stands before it.
    return f"{answers_begin(annotation.id)}{annotation.updated_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{digest}"


def _choices(annotation: Annotation, control: str) -> list[str]:
    """What was chosen in a control of the screen."""
    values = [region.get("value") for region in annotation.result if region.get("from_name") == control]
    chosen = [value.get("choices") for value in values if isinstance(value, dict)]
    return [str(choice) for choices in chosen if isinstance(choices, list) for choice in choices]
