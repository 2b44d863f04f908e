"""Edits among new answers: the live learner stays what its two positions say."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from triage_cl.adapters.edit_load import EditLoad
from triage_cl.cli.main import app


def test_edits_count_while_new_answers_are_learned_and_every_check_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    done = CliRunner().invoke(
        app, ["bench", "edits", "--lessons", "300", "--edits", "20", "--json", str(tmp_path / "told.json")]
    )
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["lessons"], told["edits"], told["checks"], told["holds"]) == (300, 20, 6, True)
    assert 0 < told["recent_seconds"] < 60
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []


def test_a_learner_that_missed_an_edit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = EditLoad(tmp_path, 200)
    monkeypatch.setattr(load, "_look", lambda: _blind(load))
    measured = load.run(20, lambda done: None)
    assert measured.differing > 0
    load.close()


def _blind(load: EditLoad) -> object:
    """A follower that moves its positions and learns nothing."""
    load.learner.through = load.learner.as_of = load.ledger.position()
    return load.learner
