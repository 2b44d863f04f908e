"""The benchmark of daily summaries: every decision is counted, and fewer pages give the same."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from triage_cl.cli.main import app


def test_every_row_is_summarised_and_what_it_took_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    options = ["bench", "drift", "--rows", "10500", "--page", "1000", "--json", str(tmp_path / "told.json")]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["rows"] == 10_500
    assert 0 < told["answers"] < 1_000
    assert 0 < told["seconds"] <= told["with_generating_seconds"]
    assert told["sketch_bytes"] < 500_000
