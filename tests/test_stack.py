"""The whole stack as an operator starts it and reviewers use it: one `triage up`, everything real, on loopback."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.running_stack import RunningStack, stack_settings, wait_until
from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.synthesis.stream import generate
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.verify import verify_replay

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

MAILS, ANSWERED, BATCH = 1_000, 100, 50
SCENARIO = generate(seed=3, days=20, mails_per_day=110)
OTHERS = ("Label Studio", "Prefect", "MLflow")
PROGRAMS = ("label-studio", "prefect", "mlflow", "evidently", "flows", "service", "receiver", "console")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything started once; what it keeps grows from test to test."""
    stack = RunningStack(stack_settings(tmp_path_factory.mktemp("stack") / "data"))
    with closing(bootstrap(stack.settings)) as app:
        app.ledger.append([DepartmentAdded(id, name) for id, name in SCENARIO.departments], utcnow())
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def truth(stack: RunningStack) -> dict[str, str]:
    """A thousand mails, all of them drawn and tasks by now: the id of each one's department."""
    with closing(bootstrap(stack.settings)) as app:
        known = names_ever(app.ledger)
    found: dict[str, str] = {}
    for begin in range(0, MAILS, BATCH):
        lines = list(SCENARIO.lines[begin : begin + BATCH])
        for decision, line in zip(stack.take(lines), lines, strict=True):
            found[decision["email_id"]] = known[str(line["department"]).casefold()]
    wait_until(lambda: stack.task_count() >= MAILS, 180, "every mail is a task")
    return found


def test_everything_answers_within_three_minutes(stack: RunningStack) -> None:
    assert {one["name"] for one in stack.told["programs"] if one["healthy"]} == set(PROGRAMS)
    assert stack.told["seconds"] <= 180


def test_a_thousand_drawn_mails_are_a_thousand_tasks(stack: RunningStack, truth: dict[str, str]) -> None:
    assert sorted(task["data"]["email_id"] for task in stack.tasks()) == sorted(truth)
    assert len(truth) == MAILS


def test_an_answer_is_in_the_served_model_within_a_second(stack: RunningStack, truth: dict[str, str]) -> None:
    delays, changed = [], 0
    for task in stack.tasks()[:ANSWERED]:
        email_id = task["data"]["email_id"]
        before = stack.now(email_id)
        stack.answer(task["id"], truth[email_id])
        # The webhook is part of Label Studio's request: by now it has arrived.
        position, recorded_at, correction = stack.corrections()[-1]
        assert correction.email_id == email_id

        def learned(email_id: str = email_id, position: int = position) -> dict[str, Any] | None:
            said = stack.now(email_id)
            return said if said["through"] >= position else None

        after = wait_until(learned, 10, "the answer is learned")
        delays.append((utcnow() - recorded_at).total_seconds())
        # Whoever knows one department is sure of it, whatever else of its mail comes.
        changed += after["probabilities"] != before["probabilities"] or len(after["probabilities"]) == 1
    assert sorted(delays)[int(0.99 * ANSWERED) - 1] <= 1.0
    assert changed == ANSWERED


def test_an_answer_whose_webhook_is_lost_is_found_by_reconciliation(stack: RunningStack, truth: dict[str, str]) -> None:
    with stack.without_webhooks():
        task = stack.tasks()[ANSWERED]
        email_id = task["data"]["email_id"]
        stack.answer(task["id"], truth[email_id])
        wait_until(lambda: email_id in {one.email_id for _, _, one in stack.corrections()}, 70, "it is recorded")


def test_each_answer_is_one_lesson_and_the_served_model_is_their_fold(
    stack: RunningStack, truth: dict[str, str]
) -> None:
    corrections = stack.corrections()
    answered = {correction.email_id: correction.department for _, _, correction in corrections}
    assert len(corrections) == len(answered) == ANSWERED + 1
    assert answered == {email_id: truth[email_id] for email_id in answered}
    with closing(bootstrap(stack.settings)) as app:
        desk = app.desk()
        desk.refresh()
        replayed = desk.learners[desk.champion.entrant]
        served = stack.ask("GET", "/health").json()
        assert (served["lessons"], served["fingerprint"]) == (ANSWERED + 1, replayed.fingerprint())
        assert verify_replay(app.ledger, app.registry, app.snapshots, app.features_key).holds


def test_mail_is_triaged_while_others_hang_and_all_catch_up(stack: RunningStack, truth: dict[str, str]) -> None:
    before = stack.task_count()
    with stack.frozen("label-studio", "prefect", "mlflow"):
        taken = stack.take(list(SCENARIO.lines[MAILS : MAILS + BATCH]))
        assert len({decision["email_id"] for decision in taken}) == BATCH
        wait_until(
            lambda: all(f"{name} does not answer" in stack.console() for name in OTHERS), 60, "the console says so"
        )
        assert "since" in stack.console()
    wait_until(lambda: not any(f"{name} does not answer" in stack.console() for name in OTHERS), 120, "all are back")
    wait_until(lambda: stack.task_count() == before + BATCH, 180, "the mail taken meanwhile is tasks")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_killed_comes_back_and_nothing_is_lost(
    stack: RunningStack, truth: dict[str, str], name: str
) -> None:
    before = stack.kept() if name != "label-studio" else None
    killed = wait_until(lambda: stack.process_of(name), 60, f"{name} runs")
    killed.kill()

    def is_back() -> bool:
        process = stack.process_of(name)
        return process is not None and process.pid != killed.pid and stack.is_well(name)

    wait_until(is_back, 150, f"{name} is back")
    assert before is None or stack.kept() == before


def test_a_second_start_finds_everything_as_it_was(stack: RunningStack, truth: dict[str, str]) -> None:
    before, secrets = stack.kept(), stack.access
    assert stack.stop() == []
    stack.start()
    assert stack.kept() == before
    assert stack.access == secrets
    assert (before["decided"], before["corrections"]) == (MAILS + BATCH, ANSWERED + 1)
    assert (len(before["users"]), len(before["projects"])) == (1, 1)
