"""Webhooks of a real Label Studio, and what happens where they are lost, wrong or late."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from feedback.catching_up import CatchingUp
from feedback.hearing import Ear
from feedback.projects import WEBHOOK_ACTIONS, WEBHOOK_HEADER, WEBHOOK_PATH
from feedback.receiver import MOST_BYTES, Receiver, build, create_api
from feedback.simulation import InLabelStudio, simulate
from tests.builders import NOON
from tests.label_studio_server import RunningLabelStudio
from tests.office import Office, an_office, department_of
from tests.review_projects import ReviewProject, chosen, review_project
from tests.review_screens import add_departments, an_app, got, our_projects
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.reviews import LabelStudioReviews
from triage_cl.adapters.processes import free_port
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import App
from triage_cl.domain.corrections import Correction
from triage_cl.domain.errors import LedgerUnavailable
from triage_cl.domain.review import ReviewGroups
from triage_cl.settings import load_settings
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import Reconciled, reconcile
from triage_cl.usecases.review import publish

SECRET = "correct horse"


def utcnow() -> datetime:
    return datetime.now(UTC)


def wait_until(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """What `holds` gives once that is something."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)
    return found


class Idle(CatchingUp):
    """Counts who wakes it, and does nothing."""

    def __init__(self) -> None:
        self.woken: list[bool] = []
        self.last_at = self.trouble = None

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def wake(self, sweep: bool = False) -> None:
        self.woken.append(sweep)


@dataclass
class Post:
    """An office whose receiver listens on loopback."""

    office: Office
    receiver: Receiver
    url: str

    @property
    def ledger(self) -> Ledger:
        return self.office.ledger

    @property
    def woken(self) -> list[bool]:
        assert isinstance(self.receiver.catching_up, Idle)
        return self.receiver.catching_up.woken

    def send(self, event: object, secret: str = SECRET) -> httpx.Response:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return httpx.post(f"{self.url}{WEBHOOK_PATH}", content=body, headers={WEBHOOK_HEADER: secret}, trust_env=False)

    def corrections(self) -> list[Correction]:
        facts = [recorded.fact for recorded in self.ledger.facts(kinds=[Correction.kind])]
        return [fact for fact in facts if isinstance(fact, Correction)]

    def lessons(self) -> dict[str, str]:
        head = self.ledger.position()
        return {one.email_id: one.department for one in lessons_between(self.ledger, 0, head, head)}


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    """The receiver behind its real server."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_api(receiver), port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def office(sqlite_ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(sqlite_ledger, tmp_path, share=1.0)


@pytest.fixture
def post(sqlite_ledger: Ledger, tmp_path: Path) -> Iterator[Post]:
    office = an_office(sqlite_ledger, tmp_path, share=1.0)
    receiver = Receiver(SECRET, Ear(office.ledger, office.keys, utcnow), Idle())
    with listening(receiver) as url:
        yield Post(office, receiver, url)


def an_event(
    action: str, annotation: int, mail: str, department: str | None, minute: int = 0, **more: Any
) -> dict[str, Any]:
    """A webhook's body."""
    told = {
        "id": annotation,
        "updated_at": f"2025-03-04T12:{minute:02}:00.000001Z",
        "was_cancelled": False,
        "result": chosen(department),
        "completed_by": {"id": 7},
    }
    shown = {"email_id": mail, "suggestion": "Billing, 87 % sure", "department": "Billing"}
    return {"action": action, "annotation": told | more, "task": {"id": 1, "data": shown}, "project": {"id": 1}}


def created(annotation: int, mail: str, department: str | None, minute: int = 0, **more: Any) -> dict[str, Any]:
    return an_event("ANNOTATION_CREATED", annotation, mail, department, minute, **more)


def updated(annotation: int, mail: str, department: str | None, minute: int = 0, **more: Any) -> dict[str, Any]:
    return an_event("ANNOTATION_UPDATED", annotation, mail, department, minute, **more)


def deleted(*annotations: int) -> dict[str, Any]:
    return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": id} for id in annotations]}


@pytest.fixture
def mail(post: Post) -> str:
    return post.office.triage(1)[0].email_id


def test_an_answer_is_in_the_ledger_when_its_webhook_is_answered(post: Post, mail: str) -> None:
    assert post.send(created(5, mail, "legal")).json() == {"corrections": 1, "settled": True}
    assert post.lessons() == {mail: "legal"}


def test_a_webhook_that_comes_twice_is_one_correction(post: Post, mail: str) -> None:
    post.send(created(5, mail, "legal"))
    assert post.send(created(5, mail, "legal")).json() == {"corrections": 0, "settled": True}
    assert len(post.corrections()) == 1


def test_a_changed_answer_is_another_correction_and_an_unchanged_one_none(post: Post, mail: str) -> None:
    post.send(created(5, mail, "legal"))
    post.send(updated(5, mail, "legal", 1))
    post.send(updated(5, mail, "support", 2))
    assert [one.department for one in post.corrections()] == ["legal", "support"]


def test_an_older_state_that_comes_late_is_left_to_reconciliation(post: Post, mail: str) -> None:
    post.send(updated(5, mail, "support", 2))
    assert post.send(created(5, mail, "legal", 1)).json() == {"corrections": 0, "settled": False}
    assert post.lessons() == {mail: "support"}
    assert post.woken == [False]


def test_a_skip_is_recorded_and_never_overrules_somebody_elses_answer(post: Post, mail: str) -> None:
    assert post.send(created(5, mail, None, was_cancelled=True)).json() == {"corrections": 1, "settled": True}
    post.send(created(6, mail, "legal", 1))
    assert post.send(created(7, mail, None, 2, was_cancelled=True)).json() == {"corrections": 0, "settled": False}
    assert post.lessons() == {mail: "legal"}


def test_a_deleted_answer_is_withdrawn(post: Post, mail: str) -> None:
    post.send(created(5, mail, "legal"))
    assert post.send(deleted(5)).json()["corrections"] == 1
    assert post.send(deleted(5)).json()["corrections"] == 0
    assert post.lessons() == {}
    assert post.woken == [False, False]


def test_whose_answer_holds_after_a_deletion_is_looked_up_where_others_answered_too(post: Post, mail: str) -> None:
    post.send(created(5, mail, "legal"))
    post.send(created(6, mail, "support", 1))
    assert post.send(deleted(6)).json()["settled"] is False
    assert post.woken == [False]


def test_a_deletion_of_what_nobody_knows_changes_nothing(post: Post, mail: str) -> None:
    assert post.send(deleted(99)).json() == {"corrections": 0, "settled": False}


def test_answers_that_come_in_a_list_are_recorded_one_by_one(post: Post) -> None:
    mails = [decision.email_id for decision in post.office.triage(2)]
    events = [created(number, one, "legal") for number, one in enumerate(mails, 1)]
    event = {"action": "ANNOTATIONS_CREATED"} | {key: [one[key] for one in events] for key in ("annotation", "task")}
    assert post.send(event).json() == {"corrections": len(mails), "settled": True}


def test_deleted_tasks_are_looked_for(post: Post) -> None:
    assert post.send({"action": "TASKS_DELETED", "tasks": [{"id": 5}]}).json()["settled"] is False
    assert post.woken == [True]


def test_what_a_webhook_and_a_query_tell_has_one_identity_whoever_changed_it(post: Post, mail: str) -> None:
    post.send(created(5, mail, "legal", updated_by=None))
    assert post.send(created(5, mail, "legal", updated_by=7, completed_by=7)).json()["corrections"] == 0


def test_an_unknown_department_teaches_nobody(post: Post, mail: str) -> None:
    assert post.send(created(5, mail, "nobody's")).json() == {"corrections": 0, "settled": True}
    assert post.corrections() == []


@pytest.mark.parametrize("secret", ["", "wrong", "correct horses", "naïve"])
def test_a_webhook_without_the_secret_is_refused_and_says_nothing(post: Post, mail: str, secret: str) -> None:
    headers = {WEBHOOK_HEADER.encode(): secret.encode()}
    body = json.dumps(created(5, mail, "legal")).encode()
    answer = httpx.post(f"{post.url}{WEBHOOK_PATH}", content=body, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert post.corrections() == []


BODIES: list[object] = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    [],
    "text",
    {"action": "ANNOTATION_CREATED"},
    {"action": "ANNOTATION_CREATED", "annotation": [], "task": "x"},
    {"action": "ANNOTATION_CREATED", "annotation": {"id": "x"}, "task": {"data": {"email_id": 5}}},
    {"action": "ANNOTATIONS_CREATED", "annotation": [{}], "task": []},
    created(5, "mail", "legal", updated_at="yesterday"),
    created(5, "mail", "legal", updated_at="2025-03-04T12:00:00"),
    created(5, "mail", "legal", result="x"),
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_cannot_be_read_is_refused_in_one_sentence(post: Post, body: object) -> None:
    answer = post.send(body)
    assert answer.status_code == 422
    assert "zinnoberrot" not in answer.text
    assert "Traceback" not in answer.text
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": None},
        {"action": ["x"]},
        {"action": "PROJECT_UPDATED"},
        {"action": "ANNOTATIONS_DELETED"},
        {"action": "ANNOTATIONS_DELETED", "annotations": [5, {"id": "5"}, {}]},
        created(5, "nobody knows this mail", "legal"),
        created(5, "mail", "legal", result=[{"from_name": "department", "value": 5}, {"value": {}}]),
    ],
)
def test_an_event_that_means_nothing_to_us_changes_nothing(post: Post, body: object) -> None:
    answer = post.send(body)
    assert (answer.status_code, answer.json()["corrections"]) == (200, 0)
    assert post.corrections() == []


def test_a_body_that_never_ends_is_not_read_to_its_end(post: Post) -> None:
    answer = post.send(b" " * (MOST_BYTES + 1))
    assert answer.status_code == 413


def test_a_ledger_that_is_down_is_said_to_be_so_and_looked_up_later(
    post: Post, mail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise LedgerUnavailable("It reports: gone.")

    monkeypatch.setattr(post.ledger, "append_answers", down)
    answer = post.send(created(5, mail, "legal"))
    assert (answer.status_code, answer.json()["error"][:10]) == (503, "The ledger")
    assert post.woken == [False]


def test_health_tells_of_the_last_webhook(post: Post, mail: str) -> None:
    assert httpx.get(f"{post.url}/health", trust_env=False).json()["webhook_at"] is None
    post.send(created(5, mail, "legal"))
    told = httpx.get(f"{post.url}/health", trust_env=False).json()
    assert datetime.fromisoformat(told["webhook_at"]) <= utcnow()
    assert (told["status"], told["trouble"]) == ("up", None)


@dataclass
class Staff:
    """Everything real: Label Studio, its webhooks, the receiver, and reconciliation behind it."""

    office: Office
    project: ReviewProject
    post: Post

    def queue(self) -> LabelStudioReviews:
        return LabelStudioReviews(self.project.connection, self.office.ledger, self.office.keys)

    def ask(self, mails: int = 1) -> dict[str, int]:
        """Mails that are given to reviewers, and their tasks."""
        self.office.triage(mails)
        publish(self.office.ledger, self.queue(), NOON, ReviewGroups(others=self.project.group))
        return {email: task.id for email, task in self.project.tasks().items()}

    def reconcile(self) -> Reconciled:
        queue = self.queue()
        queue.look_for_deleted()
        return reconcile(self.office.ledger, queue, utcnow())

    def departments(self) -> list[str | None]:
        return [one.department for one in self.post.corrections()]


@pytest.fixture
def project(label_studio: RunningLabelStudio) -> Iterator[ReviewProject]:
    with review_project(label_studio) as project:
        yield project


@pytest.fixture
def staff(office: Office, project: ReviewProject, label_studio: RunningLabelStudio) -> Iterator[Staff]:
    def queue() -> LabelStudioReviews:
        return LabelStudioReviews(project.connection, office.ledger, office.keys)

    receiver = Receiver(SECRET, Ear(office.ledger, office.keys, utcnow), CatchingUp(office.ledger, queue, utcnow))
    with listening(receiver) as url:
        project.client.webhooks.create(
            url=f"{url}{WEBHOOK_PATH}",
            project=project.id,
            send_payload=True,
            send_for_all_actions=False,
            is_active=True,
            headers={WEBHOOK_HEADER: SECRET},
            actions=WEBHOOK_ACTIONS,
        )
        yield Staff(office, project, Post(office, receiver, url))


@pytest.mark.integration
def test_by_webhook_and_by_query_the_same_answer_is_one_correction(staff: Staff) -> None:
    [task, *_] = staff.ask().values()
    annotation = staff.project.answer(task, "legal")
    assert staff.departments() == ["legal"]
    assert staff.reconcile().corrections == 0
    staff.project.change(annotation, "support", "personal-data")
    assert staff.departments() == ["legal", "support"]
    assert staff.reconcile().corrections == 0
    staff.project.change(annotation, "support", "personal-data")
    assert staff.reconcile().corrections == 0
    staff.project.withdraw(annotation)
    assert staff.departments() == ["legal", "support", None]
    assert staff.reconcile().corrections == 0
    staff.project.skip(task)
    assert staff.reconcile().corrections == 0
    assert staff.departments() == ["legal", "support", None]


@pytest.mark.integration
def test_a_click_that_turns_predictions_into_answers_is_heard(staff: Staff) -> None:
    staff.office.answer(staff.office.triage(20, first=100))
    before = len(staff.departments())
    suggested = [d for d in staff.office.triage(3) if not d.blind]
    publish(staff.office.ledger, staff.queue(), NOON, ReviewGroups(others=staff.project.group))
    tasks = staff.project.tasks()
    selected = {"all": False, "included": [tasks[one.email_id].id for one in suggested]}
    staff.project.client.actions.create(
        id="predictions_to_annotations", project=staff.project.id, selected_items=selected
    )
    assert len(staff.departments()) == before + len(suggested)
    assert staff.reconcile().corrections == 0


@pytest.mark.integration
def test_a_deleted_task_withdraws_its_answer_soon(staff: Staff) -> None:
    [(email, task), *_] = staff.ask().items()
    staff.project.answer(task, "legal")
    staff.project.client.actions.create(
        id="delete_tasks", project=staff.project.id, selected_items={"all": False, "included": [task]}
    )
    wait_until(lambda: staff.departments() == ["legal", None])
    assert email not in staff.post.lessons()


@pytest.mark.integration
def test_of_two_answers_the_older_holds_soon_after_the_newer_was_deleted(staff: Staff) -> None:
    [(email, task), *_] = staff.ask().items()
    staff.project.answer(task, "legal")
    newer = staff.project.answer(task, "support")
    staff.project.withdraw(newer)
    wait_until(lambda: staff.post.lessons() == {email: "legal"})
    assert staff.departments()[-1] == "legal"


@pytest.mark.integration
def test_what_was_said_while_the_receiver_was_down_is_recorded_when_it_is_back(
    office: Office, project: ReviewProject
) -> None:
    queue = LabelStudioReviews(project.connection, office.ledger, office.keys)
    office.triage(1)
    publish(office.ledger, queue, NOON, ReviewGroups(others=project.group))
    [(email, task), *_] = project.tasks().items()
    project.answer(task.id, "legal")
    receiver = Receiver(
        SECRET, Ear(office.ledger, office.keys, utcnow), CatchingUp(office.ledger, lambda: queue, utcnow)
    )
    with listening(receiver) as url:
        post = Post(office, receiver, url)
        wait_until(lambda: post.lessons() == {email: "legal"})
        wait_until(lambda: httpx.get(f"{url}/health", trust_env=False).json()["reconciled_at"])


@pytest.mark.integration
def test_many_answers_are_as_many_lessons(staff: Staff) -> None:
    tasks = staff.ask(12)
    truth = {email: department_of(email) for email in tasks}
    screen = InLabelStudio(staff.project.connection, staff.office.ledger, truth, 0.01)
    assert simulate(screen, rate=1_000) == (len(tasks), len(tasks))
    assert staff.post.lessons() == truth
    staff.reconcile()
    assert len(staff.post.corrections()) == len(tasks)


@pytest.mark.integration
def test_a_simulated_reviewer_leaves_what_it_does_not_know(staff: Staff) -> None:
    tasks = staff.ask(2)
    known = {email: department_of(email) for email in list(tasks)[:2]}
    screen = InLabelStudio(staff.project.connection, staff.office.ledger, known, 0.01)
    assert simulate(screen, rate=1_000) == (len(tasks), 2)
    origins = [one.annotations[0]["result"][0]["origin"] for one in staff.project.tasks().values() if one.annotations]
    assert origins == ["manual", "manual"]


@pytest.mark.integration
def test_the_screens_are_kept_in_step_with_the_departments(
    label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str
) -> None:
    with an_app(label_studio, tmp_path, sqlite_url) as app:
        add_departments(app, "Billing")
        receiver = build(app, keeps_screens=True)
        with listening(receiver):
            [project] = wait_until(lambda: our_projects(label_studio))
            add_departments(app, "Sales")

            def shows_it() -> bool:
                receiver.catching_up.wake()
                return 'alias="sales"' in got(label_studio, f"/api/projects/{project}/")["label_config"]

            wait_until(shows_it)


def test_label_studio_down_is_said_and_tried_again(office: Office) -> None:
    queue = LabelStudioReviews(Connection(f"http://127.0.0.1:{free_port()}", "x"), office.ledger, office.keys)
    prepared: list[int] = []
    catching_up = CatchingUp(office.ledger, lambda: queue, utcnow, lambda: prepared.append(1))
    with closing(queue), listening(Receiver(SECRET, Ear(office.ledger, office.keys, utcnow), catching_up)) as url:

        def trouble() -> str | None:
            told: str | None = httpx.get(f"{url}/health", trust_env=False).json()["trouble"]
            return told

        assert wait_until(trouble).startswith("Label Studio cannot be reached")
        catching_up.wake()
        wait_until(lambda: len(prepared) > 1)


def test_the_receiver_of_an_installation_asks_for_its_own_secret(tmp_path: Path) -> None:
    app = App(load_settings(home=tmp_path))
    with closing(app):
        receiver = build(app)
        assert receiver.proves(app.access.webhook_secret)
        assert not receiver.proves("")
