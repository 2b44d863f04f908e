"""The simulated reviewer: it answers what an archive knows, at its pace, wherever mail is reviewed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from feedback import simulation
from feedback.simulation import Opened, simulate
from tests.conftest import find_free_port
from tests.label_studio_server import RunningLabelStudio
from tests.review_projects import review_project
from tests.test_cli import a_small_archive, assert_one_sentence, told, triage


class Screen:
    """Tasks in rounds; the reviewer knows the answer where it is True."""

    def __init__(self, *rounds: dict[str, bool]) -> None:
        self._rounds = iter(rounds)
        self.answered: list[str] = []

    def open_tasks(self) -> Mapping[str, Opened]:
        return {mail: self._opened(mail, known) for mail, known in next(self._rounds).items()}

    def _opened(self, mail: str, known: bool) -> Opened:
        def answer() -> bool:
            if known:
                self.answered.append(mail)
            return known

        return answer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    slept: list[float] = []
    monkeypatch.setattr(simulation.time, "sleep", slept.append)
    return slept


def test_it_goes_on_until_nothing_is_left_that_it_knows(pauses: list[float]) -> None:
    screen = Screen({"a": True, "b": False}, {"b": False, "c": True}, {"b": False})
    assert simulate(screen, rate=1_000) == (3, 2)
    assert screen.answered == ["a", "c"]


def test_it_answers_no_faster_than_it_is_told(pauses: list[float]) -> None:
    simulate(Screen({"a": True, "b": True, "c": False}, {}), rate=4)
    assert len(pauses) == 2
    assert all(0.2 < pause <= 0.25 for pause in pauses)


def test_when_it_follows_it_waits_for_more(pauses: list[float]) -> None:
    screen = Screen({"a": True}, {}, {}, {"b": True})
    with pytest.raises(StopIteration):
        simulate(screen, rate=1_000, follow=True)
    assert screen.answered == ["a", "b"]
    assert pauses.count(simulation.LOOK_SECONDS) == 2


def test_by_command_in_files(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", 9)
    everything = {"TRIAGE_REVIEW_SHARE": "1.0"}
    triage(tmp_path, "departments", "add", "Billing", "Support", "Legal")
    triage(tmp_path, "ingest", str(archive), settings=everything)
    asked = ("review", "--simulate", str(archive), "--rate", "1000", "--json", "-")
    assert told(triage(tmp_path, *asked, settings=everything)) == {"open": 9, "answered": 9}
    assert told(triage(tmp_path, *asked, settings=everything)) == {"open": 0, "answered": 0}
    assert told(triage(tmp_path, "reconcile", "--json", "-"))["corrections"] == 9


def test_the_terminal_sends_reviewers_to_label_studio(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    settings = {"TRIAGE_REVIEWS": "label-studio", "TRIAGE_LABEL_STUDIO_URL": url}
    assert_one_sentence(triage(tmp_path, "review", settings=settings), "Label Studio", url)


@pytest.mark.integration
def test_by_command_in_label_studio(tmp_path: Path, label_studio: RunningLabelStudio) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", 9)
    settings = {
        "TRIAGE_REVIEWS": "label-studio",
        "TRIAGE_REVIEW_SHARE": "1.0",
        "TRIAGE_LABEL_STUDIO_URL": label_studio.url,
        "TRIAGE_LABEL_STUDIO_TOKEN": label_studio.access.label_studio_token,
    }
    triage(tmp_path, "departments", "add", "Billing", "Support", "Legal")
    triage(tmp_path, "ingest", str(archive), settings=settings)
    with review_project(label_studio, "Mail") as project:
        assert told(triage(tmp_path, "review", "publish", "--json", "-", settings=settings)) == {"published": 9}
        simulated = triage(
            tmp_path, "review", "--simulate", str(archive), "--rate", "100", "--json", "-", settings=settings
        )
        assert told(simulated) == {"open": 9, "answered": 9}
        assert told(triage(tmp_path, "reconcile", "--json", "-", settings=settings))["corrections"] == 9
        assert len(project.tasks()) == 9
