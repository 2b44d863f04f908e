"""The flows at a real Prefect server: what starts what, who waits for whom, what a person is asked."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.deployments import run_deployment
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import Running

from flows.approval import Approval
from flows.deployments import all_deployments
from flows.drift import EVENT, RESOURCE
from flows.leftovers import prepare_server
from flows.retrain import LIMIT, retrain_challenger
from flows.runs import runs_of
from tests.builders import NOON, NOW, a_correction, an_admission
from triage_cl.adapters.processes import free_port, prefect_environment, start, start_prefect_server, stop, wait_healthy
from triage_cl.bootstrap import App, bootstrap
from triage_cl.domain.decisions import ShadowDecision
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.versions import CHALLENGER, CHAMPION, AliasMoved
from triage_cl.settings import load_settings
from triage_cl.usecases.retrain import LEAST_LESSONS, retrain, standing_at

ROOT = Path(__file__).parent.parent
RETRAIN, JUDGE, WATCH = "retrain-challenger", "judge-challenger", "watch-drift"

#: Stands in every planted mail, and may stand nowhere in what Prefect keeps.
SECRET = "zinnoberrot"

LATER = NOON + timedelta(days=35)
KEY = "17" * 32


#: A run in one of these goes no further by itself.
ENDED = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED, StateType.PAUSED}


@dataclass(frozen=True)
class Stage:
    """A Prefect server, the served flows, and the data folder that they work on."""

    home: Path
    url: str

    @property
    def settings(self) -> dict[str, str]:
        """What the processes are told."""
        return {"TRIAGE_HOME": str(self.home), "TRIAGE_APPROVAL": "true", "TRIAGE_KEY": KEY}

    def open(self) -> App:
        return bootstrap(load_settings(home=self.home, approval=True, key=KEY))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything started once; what it keeps grows from test to test."""
    home = tmp_path_factory.mktemp("flows")
    port = free_port()
    stage = Stage(home, f"http://127.0.0.1:{port}/api")
    server = start_prefect_server(home, port)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TRIAGE_KEY", KEY)
            open_office(stage)
        wait_healthy(stage.url, 180, server)
        environment = os.environ | prefect_environment(home, stage.url) | stage.settings
        served = start(
            [sys.executable, "-m", "flows.serve", "--no-schedules"], ROOT, environment, home / "logs" / "flows.log"
        )
        try:
            with temporary_settings({PREFECT_API_URL: stage.url, PREFECT_HOME: str(home / "prefect")}):
                wait_until(lambda: len(deployed()) == len(all_deployments()))
                yield stage
        finally:
            stop(served)
    finally:
        stop(server)


@pytest.fixture
def app(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The application over the same data folder as the served flows."""
    monkeypatch.setenv("TRIAGE_KEY", KEY)
    app = stage.open()
    yield app
    app.close()


def wait_until(holds: Callable[[], Any], seconds: float = 120) -> Any:
    """What `holds` gives once that is something."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.25)
    return found


def deployed() -> list[str]:
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/deployments/filter", json={}).json()
    return [deployment["name"] for deployment in found]


def open_office(stage: Stage) -> None:
    """Two departments, a champion, and the lessons that a challenger is made from."""
    app = stage.open()
    app.ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("sales", "Sales")], NOON)
    app.ensure_ready(NOON)
    lessons = plant(app, "lesson", LEAST_LESSONS, "billing", NOON)
    app.ledger.append([a_correction(id, ("billing", "sales")[n % 2]) for n, id in enumerate(lessons)], NOON)
    app.close()


def plant(app: App, name: str, mails: int, department: str, at: datetime, **decision: Any) -> list[str]:
    """Mails as the champion decided them, one a minute."""
    champion = standing_at(app.ledger).champion
    assert champion is not None
    ids = [f"{name}-{number}" for number in range(mails)]
    admissions = [
        an_admission(
            id,
            email={"body": f"{SECRET} {id} " * (1 + number % 7), "received_at": at + timedelta(minutes=number)},
            **{"version": champion.version, "department": department, "decided_at": at + timedelta(minutes=number)}
            | {"review_probability": 1.0, "draw": 0.5, "through": app.ledger.position()}
            | {field: make(id) if callable(make) else make for field, make in decision.items()},
        )
        for number, id in enumerate(ids)
    ]
    assert app.ledger.admit(admissions, NOW) == ids
    return ids


def plant_victory(app: App, at: datetime = NOON) -> tuple[str, str]:
    """A duel from `at` on that the challenger wins again and again; the versions of champion and challenger."""
    if standing_at(app.ledger).challenger is None:
        retrain(app.ledger, app.registry, app.settings.challenger, app.features_key, ["a test"], NOON)
    standing = standing_at(app.ledger)
    champion, challenger = standing.champion, standing.challenger
    assert champion is not None
    assert challenger is not None
    entrant = challenger.entrant

    def disagrees(id: str) -> tuple[ShadowDecision, ...]:
        return (ShadowDecision(id, entrant, "sales", 0.9),)

    ids = plant(app, f"dispute-{uuid4()}", 300, "billing", at, disputed=True, disagreements=disagrees)
    app.ledger.append([a_correction(id, "sales", answered_at=at + timedelta(hours=1)) for id in ids], at)
    return champion.version, challenger.version


def the_run(flow: str, **parameters: Any) -> FlowRun:
    """A run that ended or waits for a person, of a deployment started with these parameters."""
    run = run_deployment(f"{flow}/triage", parameters=parameters, timeout=0)
    return ended(run.id)


def ended(run_id: Any) -> FlowRun:
    with get_client(sync_client=True) as client:
        wait_until(lambda: client.read_flow_run(run_id).state_type in ENDED)
        return client.read_flow_run(run_id)


def retrainings(at: datetime) -> list[FlowRun]:
    return [run for run in runs_of(RETRAIN) if run.parameters.get("at") == at.isoformat()]


def completed(at: datetime) -> list[FlowRun]:
    return [run for run in retrainings(at) if run.state_type is StateType.COMPLETED]


def ask_for_retraining(at: datetime, id: Any = None) -> None:
    payload = {"reason": f"drift at {at:%H:%M}", "at": at.isoformat()}
    emit_event(EVENT, resource={"prefect.resource.id": RESOURCE}, payload=payload, id=id or uuid4())


def artifacts() -> dict[str, str]:
    """The newest text of each key."""
    with get_client(sync_client=True) as client:
        asked = {"sort": ArtifactSort.CREATED_DESC.value, "limit": 200}
        found = client.request("POST", "/artifacts/filter", json=asked).json()
    return {one["key"]: str(one["data"]) for one in reversed(found)}


def moves(app: App, alias: str) -> list[AliasMoved]:
    facts = [recorded.fact for recorded in app.ledger.facts(kinds=[AliasMoved.kind])]
    return [fact for fact in facts if isinstance(fact, AliasMoved) and fact.alias == alias]


def resume(run: FlowRun, **answer: Any) -> FlowRun:
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run.id, run_input=answer)
    return ended(run.id)


def test_every_deployment_is_a_flow_of_ours_with_a_schedule_and_a_limit() -> None:
    described = {one.full_name: one for one in all_deployments()}
    assert sorted(described) == [
        f"{flow}/triage" for flow in ("forget-texts", JUDGE, "publish-reviews", "reconcile-feedback", RETRAIN, WATCH)
    ]
    assert all(one.schedules and one.concurrency_limit == 1 for one in described.values())
    assert [one.full_name for one in all_deployments() if one.triggers] == [f"{RETRAIN}/triage"]


def test_without_schedules_only_triggers_and_people_start_runs() -> None:
    assert [one.schedules for one in all_deployments(schedules=False)] == [[]] * 6
    assert [one.full_name for one in all_deployments(schedules=False) if one.triggers] == [f"{RETRAIN}/triage"]


@pytest.mark.integration
def test_serving_for_a_server_that_is_away_is_one_sentence() -> None:
    environment = os.environ | {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    outcome = subprocess.run(
        [sys.executable, "-m", "flows.serve", "--wait", "0.5"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 1
    assert len(outcome.stderr.splitlines()) == 1
    assert "Prefect server cannot be reached" in outcome.stderr


@pytest.mark.integration
def test_found_drift_starts_exactly_one_retraining_that_becomes_challenger(stage: Stage, app: App) -> None:
    before = plant(app, "before", 200, "billing", LATER - timedelta(days=14))
    after = plant(app, "after", 200, "billing", LATER - timedelta(days=2))
    app.ledger.append([a_correction(id, "billing") for id in before], LATER)
    app.ledger.append([a_correction(id, "sales") for id in after], LATER)

    watched = the_run(WATCH, at=LATER.isoformat())
    assert watched.state_name == "Completed"
    verdicts = [r.fact for r in app.ledger.facts(kinds=[DriftVerdict.kind]) if isinstance(r.fact, DriftVerdict)]
    assert verdicts[-1].verdict == "retrain"
    wait_until(lambda: completed(LATER))

    challenger = standing_at(app.ledger).challenger
    assert challenger is not None
    assert verdicts[-1].reasons[0] in challenger.reasons[0]
    assert app.registry.aliased(CHALLENGER) == challenger.version
    assert len(retrainings(LATER)) == 1
    assert verdicts[-1].reasons[0] in artifacts()["drift"]


@pytest.mark.integration
def test_the_same_event_twice_is_one_retraining_and_two_never_overlap(stage: Stage) -> None:
    first, second, id = LATER + timedelta(hours=1), LATER + timedelta(hours=2), uuid4()
    ask_for_retraining(first, id)
    ask_for_retraining(first, id)
    ask_for_retraining(second)
    wait_until(lambda: completed(first) and completed(second))
    assert len(retrainings(first)) == len(retrainings(second)) == 1
    (one,), (other,) = completed(first), completed(second)
    times = sorted((run.start_time, run.end_time) for run in (one, other) if run.start_time and run.end_time)
    assert len(times) == 2
    assert times[0][1] <= times[1][0]


@pytest.mark.integration
def test_an_approved_promotion_moves_the_champion_with_its_reasons(stage: Stage, app: App) -> None:
    champion, challenger = plant_victory(app)
    run = the_run(JUDGE, at=LATER.isoformat())
    assert run.state_name == "Suspended"
    assert standing_at(app.ledger).aliases[CHAMPION] == champion

    done = resume(run, approved=True, approver="Ada", note="as expected")
    assert done.state_name == "Completed"
    assert app.registry.aliased(CHAMPION) == challenger
    assert standing_at(app.ledger).aliases == {CHAMPION: challenger, CHALLENGER: champion}
    moved = moves(app, CHAMPION)[-1]
    assert moved.decided_by == "Ada"
    assert "e-value" in moved.reasons[0]
    assert moved.reasons[-1] == "approved by Ada: as expected"
    assert f"{challenger} against {champion}" in artifacts()["judgement"]


@pytest.mark.integration
def test_a_refused_promotion_retires_the_challenger_and_nobody_is_asked_twice(stage: Stage, app: App) -> None:
    # What was before the present champion's reign is no evidence.
    champion, challenger = plant_victory(app, at=LATER + timedelta(days=1))
    afterwards = LATER + timedelta(days=10)
    run = the_run(JUDGE, at=afterwards.isoformat())
    assert run.state_name == "Suspended"
    assert the_run(JUDGE, at=afterwards.isoformat()).state_name == "Completed"
    assert standing_at(app.ledger).aliases[CHAMPION] == champion

    assert resume(run, approved=False, approver="Grace").state_name == "Completed"
    assert standing_at(app.ledger).aliases == {CHAMPION: champion, CHALLENGER: None}
    assert (app.registry.aliased(CHAMPION), app.registry.aliased(CHALLENGER)) == (champion, None)
    retired = moves(app, CHALLENGER)[-1]
    assert (retired.previous, retired.reasons[0]) == (challenger, "refused by Grace")


@pytest.mark.integration
def test_a_missing_limit_fails_loudly(stage: Stage, app: App) -> None:
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(LIMIT)
    before = standing_at(app.ledger).versions.keys()
    try:
        with pytest.raises(Exception, match=LIMIT):
            retrain_challenger.fn(at=LATER)
    finally:
        prepare_server([])
    assert standing_at(app.ledger).versions.keys() == before


@pytest.mark.integration
def test_a_run_whose_process_is_gone_is_ended_and_holds_nothing(stage: Stage) -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{RETRAIN}/triage")
        dead = client.create_flow_run_from_deployment(deployment.id, state=Running())
        client.increment_concurrency_slots_with_lease([LIMIT], 1, "concurrency", lease_duration=300)
        prepare_server(all_deployments(schedules=False))
        assert client.read_flow_run(dead.id).state_type is StateType.CRASHED
        assert client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 0


def an_archive(path: Path, days: int, starts_at: datetime) -> Path:
    """Six mails a day for two departments that the ledger knows by name."""
    times = [starts_at + timedelta(hours=4 * number) for number in range(6 * days)]
    lines = [
        {"id": f"a-{number}", "received_at": at.isoformat(), "sender": "a@example.org", "subject": "invoice"}
        | {"body": f"{SECRET} {number}", "department": ("Billing", "Sales")[number % 2]}
        for number, at in enumerate(times)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def rehearsal_of(stage: Stage, archive: Path) -> "subprocess.Popen[bytes]":
    environment = os.environ | prefect_environment(stage.home, stage.url) | stage.settings
    command = [sys.executable, "-m", "flows.rehearsal", "--mail", str(archive)]
    return start(command, ROOT, environment, archive.with_suffix(".log"), follow=True)


@pytest.mark.integration
def test_a_rehearsal_that_is_killed_goes_on_and_really_retrains(stage: Stage, app: App, tmp_path: Path) -> None:
    starts_at = LATER.replace(hour=0) + timedelta(days=30)
    archive = an_archive(tmp_path / "mail.jsonl", 4, starts_at)
    killed = rehearsal_of(stage, archive)
    assert killed.stdout is not None
    assert json.loads(killed.stdout.readline())["round"] == 1
    stop(killed, 0)

    whole = rehearsal_of(stage, archive)
    assert whole.stdout is not None
    told = [json.loads(line) for line in whole.stdout]
    assert whole.wait() == 0, archive.with_suffix(".log").read_text()
    stop(whole)
    assert told[0]["round"] in (1, 2, 3)
    assert [line["round"] for line in told][-2:] == [3, 4]
    decided = [item.decision.decided_at for item in app.ledger.decisions(starts_at)]
    assert decided == [starts_at + timedelta(hours=4 * number) for number in range(24)]
    assert len(completed(starts_at + timedelta(days=2))) == 1
    looks = [r.at for r in app.ledger.facts(kinds=[DriftVerdict.kind]) if r.at > starts_at]
    assert {starts_at + timedelta(days=day) for day in (2, 3, 4)} == set(looks)


@pytest.mark.integration
def test_no_text_of_any_mail_is_in_what_prefect_keeps(stage: Stage, app: App) -> None:
    run = the_run(RETRAIN, at=(LATER + timedelta(days=1)).isoformat(), reason="a test")
    assert run.state_name == "Completed"
    challenger = standing_at(app.ledger).challenger
    assert challenger is not None
    shown = artifacts()["retraining"]
    assert f"**{challenger.version}**" in shown
    assert f"`{challenger.fingerprint}`" in shown
    assert "- a test" in shown
    kept = [path for path in (stage.home / "prefect").rglob("*") if path.is_file()]
    kept += list((stage.home / "logs").iterdir())
    assert any(path.name == "prefect.db" for path in kept)
    assert [path.name for path in kept if SECRET.encode() in path.read_bytes()] == []
    assert any(SECRET.encode() in path.read_bytes() for path in stage.home.glob("ledger.db*"))


def test_an_approval_names_who_decided() -> None:
    with pytest.raises(ValueError, match="approver"):
        Approval(approved=True, approver="")
