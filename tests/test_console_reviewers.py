"""The console's page of reviewers: pseudonyms, agreement, evidence, and nothing that waits for a slow count."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dashboards.asked import Asked
from tests.reviewed_twice import TwiceReviewed, swapping
from tests.test_console import BEARER, an_app, opened, until, words
from triage_cl.bootstrap import App
from triage_cl.domain.reviewers import ReviewerTakenOut

PEOPLE = tuple(f"5f3a{number:012d}" for number in range(6))


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[App]:
    """Six people at work for some days, one of whom swaps two departments and was taken out."""
    with an_app(sqlite_url, tmp_path) as app:
        manners = {PEOPLE[0]: swapping("billing", "legal")}
        office = TwiceReviewed(app.ledger, PEOPLE, part=0.4, manners=manners, keys=app.keys, first=10)
        for _ in range(3):
            office.work(60)
        app.ledger.append([ReviewerTakenOut(PEOPLE[0])], office.at)
        yield app


def test_reviewers_are_told_by_pseudonym_with_what_speaks_for_and_against_them(app: App) -> None:
    with opened(app) as client:
        assert client.get("/reviewers").status_code == 303
        text = page_of(client)
    assert f"{PEOPLE[0]} flagged 2025-03-04 taken out" in text
    assert "Billing for Legal" in text
    assert "for a verdict" in text
    assert "<script" not in text
    assert "@" not in text


def page_of(client: httpx.Client) -> str:
    """The page, once it has been counted."""
    seen = []

    def counted() -> bool:
        seen.append(words(client.get("/reviewers", headers=BEARER).text))
        return "asks again" not in seen[-1]

    until(counted)
    return seen[-1]


def test_a_page_waits_for_no_slow_count_and_shows_the_last_one_meanwhile() -> None:
    counted, free = [1], threading.Event()

    def count() -> int:
        assert free.wait(60)
        return counted[-1]

    asked = Asked("count", count, 0.01)
    assert asked.told("now") is None
    free.set()
    until(lambda: asked.told("now") == 1)
    free.clear()
    counted.append(2)
    assert (asked.told("now"), asked.told("later")) == (1, 1)
    free.set()
    until(lambda: asked.told("later") == 2)
    asked.stop()


def test_a_count_that_failed_is_told_and_asked_again() -> None:
    answers = iter([ZeroDivisionError(), 3])

    def count() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asked = Asked("count", count, 60)
    with pytest.raises(ZeroDivisionError):
        asked.told("now")
    assert asked.told("now") == 3
    asked.stop()
