"""The comparison of learners and the replay, on little: figures that hold together, not how good they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from triage_cl.adapters.learner_peers import OURS, PEERS, Peer
from triage_cl.adapters.learner_race import Mails, p99_seconds, race
from triage_cl.cli.main import app
from triage_cl.synthesis.labelled_mail import long_mail, short_mail

LABELS = ["a", "b"]
TEXTS = [{"subject": "one", "body": "invoice: 1 | paid\n"}, {"subject": "two", "body": "laptop broken"}]


def a_stream(mails: int) -> Mails:
    return Mails([TEXTS[number % 2] for number in range(mails)], [LABELS[number % 2] for number in range(mails)])


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    monkeypatch.setenv("TRIAGE_HOME", str(folder))
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, [*arguments, "--json", "told.json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


@pytest.mark.parametrize("peer", [*OURS, *PEERS], ids=lambda peer: peer.name)
def test_every_contestant_learns_what_is_easy(peer: Peer) -> None:
    assert peer.installed
    contestant = peer.make(LABELS)
    for _ in range(20):
        for text, label in zip(TEXTS, LABELS, strict=True):
            contestant.progress([text], [label])
    assert list(contestant.predict(TEXTS)) == LABELS


def test_the_slow_are_measured_on_what_they_could_do() -> None:
    timed = race([*OURS, *PEERS], a_stream(600), seconds=0.02)
    assert set(timed) == {peer.name for peer in [*OURS, *PEERS]}
    for one in timed.values():
        assert 0 < len(one.right) <= 600
        assert min(one.predict_per_second, one.predict_and_learn_per_second) > 0
    assert 0 < p99_seconds(a_stream(200)) < 1


def test_a_peer_that_is_not_installed_is_named() -> None:
    assert not Peer("nobody", PEERS[0].make, package="triage_no_such_package").installed


def test_generated_mail_is_as_long_as_mail_is() -> None:
    mails = long_mail(seed=3, mails=1_500)
    lengths = sorted(len(mail.body) for mail in mails)
    assert (len(mails), len({mail.label for mail in mails})) == (1_500, 20)
    assert 700 < lengths[750] < 1_000
    assert lengths[-15] > 4_000
    assert mails == long_mail(seed=3, mails=1_500)
    assert len(list(short_mail(seed=3, mails=70))) == 70


def test_a_replay_tells_its_speed_and_what_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(tmp_path, monkeypatch, "bench", "replay", "--lessons", "300")
    assert (told["lessons"], len(told["fingerprint"])) == (300, 64)
    assert told["lessons_per_second"] == pytest.approx(300 / told["seconds"], rel=0.05)
    assert set(told["calibration"]) == {"cpu_loops_per_second", "fsyncs_per_second"}
    again = run(tmp_path, monkeypatch, "bench", "replay", "--lessons", "300")
    assert again["fingerprint"] == told["fingerprint"]


def test_the_comparison_tells_rows_and_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage_cl.cli.bench_learner.SECONDS", 0.05)
    archive = tmp_path / "mail.jsonl"
    lines = [{"id": f"{n}", "body": f"{TEXTS[n % 2]['body']} {n}", "department": LABELS[n % 2]} for n in range(120)]
    archive.write_text("\n".join(json.dumps(line) for line in lines))
    told = run(tmp_path, monkeypatch, "bench", "learner", "--mail", str(archive))
    assert (told["mails"], told["classes"], told["not_installed"]) == (120, 2, [])
    assert [row["name"] for row in told["rows"]] == [peer.name for peer in [*OURS, *PEERS]]
    assert set(told["ratios"]) == {peer.name for peer in PEERS}
    assert all(ratio > 0 for ratios in told["ratios"].values() for ratio in ratios.values())
    assert set(told["ratios_of"].values()) <= {peer.name for peer in OURS}
    assert told["p99_ms"] > 0


def test_an_archive_without_answers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    archive = tmp_path / "mail.jsonl"
    archive.write_text('{"id": "1", "body": "hello"}')
    ran = CliRunner().invoke(app, ["bench", "learner", "--mail", str(archive)])
    assert ran.exit_code != 0
    assert "two departments" in str(ran.exception)
