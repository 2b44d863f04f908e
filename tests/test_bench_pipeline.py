"""The benchmark of the pipeline runs, and loses nothing; what it measures is no test."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.test_ingest_processes import a_mailbox
from triage_cl.cli import bench_pipeline
from triage_cl.cli.main import app


@pytest.mark.integration
def test_the_benchmark_takes_the_mail_in_by_one_and_by_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "data"))
    for name, value in {"LESSONS": 50, "ROUNDS": 1, "ROUND_SECONDS": 0.01}.items():
        monkeypatch.setattr(bench_pipeline, name, value)
    path = a_mailbox(tmp_path, 40)
    result = CliRunner().invoke(
        app, ["bench", "pipeline", "--mail", str(path), "--json", str(tmp_path / "result.json")]
    )
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "result.json").read_text())
    assert (told["mails"], told["decided"], told["quarantined"], told["lost"]) == (40, 40, 0, 0)
    assert told["stages_us"].keys() == {"read", "parse", "redact", "describe", "decide", "store"}
    assert told["hostile_ms"].keys() >= {"10 MiB of text", "one word of 1 MiB", "100,000 distinct words", "empty"}
    assert min(told["mails_per_second_one_core"], told["two_process_ratio"], told["p99_ms"], told["peak_mib"]) > 0
    assert told["calibration"].keys() == {"cpu_loops_per_second", "fsyncs_per_second"}
    assert list((tmp_path / "data").iterdir()) == []
