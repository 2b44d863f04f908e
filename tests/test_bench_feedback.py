"""Answers by webhook under load: nothing that was acknowledged is lost. What the benchmark measures is no test."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedback.answer_bench import running_receiver
from feedback.answer_learning import positions_after
from feedback.answer_load import AnswerLoad
from feedback.busy_office import BusyOffice
from feedback.hearing import SAID
from tests.service_process import eventually
from triage_cl.bootstrap import App
from triage_cl.cli.main import app as command
from triage_cl.settings import load_settings

AT_ONCE = 500


def an_app(home: Path) -> App:
    return App(load_settings(home=home, database_url="", registry="folder"))


@pytest.mark.integration
def test_the_benchmark_loses_no_answer_and_the_served_model_learns_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    size = [
        "--mails",
        "400",
        "--lessons",
        "50",
        "--answers",
        "60",
        "--reviewers",
        "10",
        "--rate",
        "10",
        "--seconds",
        "2",
    ]
    done = CliRunner().invoke(command, ["bench", "feedback", *size, "--json", str(tmp_path / "told.json")])
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["in_flight"] == 10
    assert [(told[name]["answers"], told[name]["failed"], told[name]["lost"]) for name in ("closed", "open")] == [
        (60, 0, 0),
        (20, 0, 0),
    ]
    for name in ("reply_ms", "learned_ms"):
        assert 0 < told["closed"][name]["p50"] <= told["closed"][name]["p99"] <= told["closed"][name]["max"]
    assert told["calibration"].keys() == {"cpu_loops_per_second", "fsyncs_per_second"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.mark.integration
def test_of_a_burst_of_answers_none_is_lost_that_was_acknowledged_when_the_receiver_was_killed(tmp_path: Path) -> None:
    with closing(an_app(tmp_path)) as app, running_receiver(app) as (url, process), ThreadPoolExecutor(1) as pool:
        work = BusyOffice(app, 2 * AT_ONCE + 100, 50).webhooks(AT_ONCE, 2 * AT_ONCE)
        before = app.ledger.position()
        sending = pool.submit(AnswerLoad(url, app.access.webhook_secret).closed, work)
        # So many are there only where some reviewers have sent their second answer: the first one was acknowledged.
        eventually(lambda: app.ledger.position() >= before + AT_ONCE + 50)
        os.killpg(process.pid, signal.SIGKILL)
        sent = sending.result()
        recorded = positions_after(app.ledger, before)
    acknowledged = [one.webhook.answer_id for one in sent if one.taken]
    assert len(acknowledged) >= 50
    assert len(acknowledged) < len(sent)
    assert set(acknowledged) <= recorded.keys()


def test_the_webhooks_of_an_office_are_first_answers_and_later_changes_of_them(tmp_path: Path) -> None:
    with closing(an_app(tmp_path)) as app:
        work = BusyOffice(app, 200, 20).webhooks(5, 150)
    assert [len(webhooks) for webhooks in work] == [30] * 5
    webhooks = [webhook for one in work for webhook in one]
    assert 1 <= sum(webhook.changes for webhook in webhooks) <= 40
    assert len({webhook.answer_id for webhook in webhooks}) == len(webhooks)
    events = [json.loads(webhook.body) for webhook in webhooks]
    assert {event["action"] for event in events} == SAID
    assert len({event["task"]["data"]["email_id"] for event in events}) == sum(not one.changes for one in webhooks)
