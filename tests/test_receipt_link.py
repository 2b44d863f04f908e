"""The link in a review task: it opens one mail's receipt without a key, and tells no text, no name, no hint."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from feedback.projects import set_up
from tests.builders import NOON, NOW, a_correction, after, an_admission
from tests.conftest import find_free_port
from tests.label_studio_server import ROOT, RunningLabelStudio
from tests.review_screens import a_task, add_departments, got, logged_in, offer
from tests.review_screens import an_app as a_reviewed_app
from tests.test_console import BEARER, HOSTILE, KEY, an_app, opened, until, words
from triage_cl.adapters.label_studio.tasks import RECEIPT, receipt_shown, task_data
from triage_cl.adapters.processes import start, stop
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.corrections import Origin, Source
from triage_cl.domain.errors import LedgerUnavailable
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook, look_id
from triage_cl.privacy.receipt_links import ReceiptLinks
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.review import publish

LINKS = ReceiptLinks("https://triage.example.com/", b"k" * 32)


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[App]:
    with an_app(sqlite_url, tmp_path) as app:
        app.ledger.admit([an_admission("mail-2", email={"subject": HOSTILE, "body": HOSTILE}, draw=0.0)], NOW)
        yield app


def path_to(app: App, email_id: str = "mail-1") -> str:
    return urlsplit(app.receipt_links.url(email_id)).path


def shown(app: App, email_id: str = "mail-1") -> str:
    """The page, once the model is loaded."""
    with opened(app) as client:
        until(lambda: 'http-equiv="refresh"' not in client.get(path_to(app, email_id)).text)
        answer = client.get(path_to(app, email_id))
        assert answer.status_code == 200
        return answer.text


def told(app: App, email_id: str = "mail-1") -> str:
    return words(shown(app, email_id))


def answer(app: App, department: str | None, email_id: str = "mail-1", **changes: Any) -> None:
    correction = a_correction(email_id, department, **{"answered_at": after(minutes=90), **changes})
    app.ledger.append([correction], after(minutes=90, seconds=3))


# The link.


@given(st.text(), st.text())
def test_a_link_opens_the_mail_that_it_was_made_for_and_no_other(email_id: str, other: str) -> None:
    token = LINKS.url(email_id).rpartition("/")[2]
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert LINKS.opens(email_id, token)
    assert LINKS.opens(other, token) == (other == email_id)
    assert not LINKS.opens(email_id, other)
    assert not ReceiptLinks(LINKS.console, b"l" * 32).opens(email_id, token)


def test_without_a_console_there_is_no_link() -> None:
    nowhere = ReceiptLinks("", b"k" * 32)
    assert nowhere.url("mail-1") == receipt_shown(nowhere.url("mail-1")) == ""
    assert task_data(a_task())["receipt"] == ""


def test_the_field_that_is_shown_as_markup_has_nothing_of_the_mail() -> None:
    link = LINKS.url('"><img src=x onerror=alert(1)>')
    hostile = a_task(subject=HOSTILE, body=HOSTILE, sender=HOSTILE, suggestion=HOSTILE, reasons=(HOSTILE,))
    data = task_data(hostile, link)
    assert data["receipt"] == f'<a href="{link}" target="_blank" rel="noopener noreferrer">{RECEIPT}</a>'
    assert not set('<>"') & set(link)
    assert all("</a>" not in text for name, text in data.items() if name != "receipt")


# The page: one mail for billing, answered by reviewer-3a: sales; another one that nobody answered.


def test_the_link_opens_without_a_key_and_tells_what_became_of_the_answer(app: App) -> None:
    text = told(app)
    assert "Sales learned This answer counts." in text
    assert "In the model yes: it was learned." in text
    assert "Counted at once, as entry 6 of the ledger" in text
    assert "Suggestion shown and changed" in text
    assert "the model said Billing (70.0% sure). Now it says Sales (100.0% sure)." in text
    assert "Billing 70.0% 0.0% Sales at most 20.0% 100.0%" in text
    assert "then Billing 70.0% now Sales" in text


def test_a_changed_link_opens_nothing(app: App) -> None:
    good = path_to(app)
    wrong = [good[:-1] + ("0" if good[-1] != "0" else "1"), good.replace("mail-1", "mail-2"), good + "0"]
    wrong += ["/receipts/mail-1/", "/receipts/mail-1/é", path_to(app, "nobody"), "/receipts/", "/receipts/x/y/z"]
    with opened(app) as client:
        for path in wrong:
            answer = client.get(path)
            assert answer.status_code == 404
            assert "Sales" not in answer.text
        sentence = words(client.get(wrong[0]).text)
        assert "This link opens nothing; follow it from its review task once more." in sentence
        assert "Log out" not in sentence
        assert client.get("/decisions/mail-1/receipt").status_code == 303
        assert client.post(good).status_code == 405


def test_the_page_has_no_text_no_name_and_leads_nowhere(app: App) -> None:
    answer(app, "sales", "mail-2", reviewer="reviewer-9c")
    page = shown(app)
    assert "How similar" in page
    for private in ("alert", "sender-7f", "reviewer-3a", "reviewer-9c", "mail-1", "mail-2", KEY):
        assert private not in page
    assert set(re.findall(r'href="([^"]+)"', page)) - {"#main", "data:,"} == set(
        re.findall(r'href="(/static/console\.css[^"]*)"', page)
    )


def test_nothing_is_told_before_an_answer_counts_so_that_the_next_reviewer_is_not_swayed(app: App) -> None:
    for said in ("Nobody has answered this mail yet.", "No department The mail was skipped"):
        text = told(app, "mail-2")
        assert said in text
        assert not re.search("Billing|Sales|%", text)
        answer(app, None, "mail-2")


def test_the_page_tells_what_was_taken_back_and_what_a_later_answer_replaced(app: App) -> None:
    answer(app, "billing", answered_at=after(hours=1, minutes=10))
    text = told(app)
    assert "Billing learned This answer counts." in text
    assert "Sales It no longer counts: a later answer took its place." in text
    assert "In the model no: it was unlearned" in text
    answer(app, None)
    text = told(app)
    assert "Billing It no longer counts: it was taken back." in text
    assert "This mail" not in text


def test_the_page_tells_how_the_answer_came_about(app: App) -> None:
    answer(app, "billing", origin=Origin.ACCEPTED)
    assert "Suggestion shown and accepted" in told(app)
    answer(app, "sales", origin=Origin.SCRATCH, blind=True)
    assert "Suggestion not shown, on purpose: answered from scratch" in told(app)
    answer(app, "billing", origin=Origin.SCRATCH, source=Source.VOLUNTEER, answered_at=after(minutes=95))
    text = told(app)
    assert "Suggestion none was shown: answered from scratch" in text
    assert "nobody had asked for it: it teaches, and is left out where accuracy is measured" in text
    with opened(app) as client:
        assert "(answered from scratch, volunteered)" in words(client.get("/corrections", headers=BEARER).text)


def test_an_answer_marked_as_no_lesson_says_so(app: App) -> None:
    answer(app, None, "mail-2", flags=("not-my-area",))
    assert "It was marked as not the reviewer’s area: nothing is learned from it." in told(app, "mail-2")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_second_look_tells_nothing_of_the_first_answer_before_its_own(app: App, purpose: Purpose) -> None:
    look = SecondLook(look_id("mail-1", purpose), "mail-1", purpose, NOON, 0.5)
    app.ledger.ask([look])
    text = told(app, look.id)
    assert "Nobody has answered this mail yet." in text
    assert not re.search("Billing|Sales|%", text)
    said = Opinion(look.id, "mail-1", purpose, "billing", "reviewer-9c", "label-studio:9:1", after(hours=1))
    app.ledger.append([said], after(hours=1))
    assert ("the two answers are compared" in told(app, look.id)) == (purpose is Purpose.DOUBLE)
    assert ("Sales" in told(app, look.id)) == (purpose is not Purpose.DOUBLE)


def test_no_other_page_learns_of_the_link(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(app) as client:
        for path in (path_to(app), "/receipts/mail-1/wrong"):
            headers = client.get(path).headers
            assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
            assert headers["content-security-policy"].startswith("default-src 'none';")
        assert client.get("/login").headers["referrer-policy"] == "same-origin"

        def gone(*_: object) -> None:
            raise LedgerUnavailable("It is at ledger.internal.example.com.")

        monkeypatch.setattr(app.ledger, "decisions_of", gone)
        refused = client.get(path_to(app))
        assert refused.status_code == 503
        assert "internal" not in refused.text
        assert "try again in a minute" in refused.text


# On the screen.


@contextmanager
def running_console(app: App, folder: Path) -> Iterator[Path]:
    """The console as a process of its own; the file with everything that it said."""
    said = folder / "console.log"
    settings = os.environ | app.settings.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)}
    secret = {"TRIAGE_KEY": app.keys.hex(), "TRIAGE_API_KEY": KEY}
    process = start([sys.executable, "-m", "dashboards.console"], ROOT, settings | secret, said)
    try:
        until(lambda: process.poll() is not None or answers(app.settings.console_url), 120)
        yield said
    finally:
        stop(process)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def reviewed(label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str) -> Iterator[App]:
    console = f"http://127.0.0.1:{find_free_port()}"
    with a_reviewed_app(label_studio, tmp_path, sqlite_url, console_url=console) as app:
        add_departments(app, "Billing", "Sales")
        app.ensure_ready(NOON)
        yield app


def close_the_guidelines(page: Page) -> None:
    expect(page.get_by_text("Guidelines for reviewers")).to_be_attached()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Guidelines for reviewers")).not_to_be_visible()


@pytest.mark.integration
def test_a_reviewer_follows_the_link_and_sees_the_answer_learned(
    label_studio: RunningLabelStudio, reviewed: App, tmp_path: Path
) -> None:
    app = reviewed
    app.ledger.admit([an_admission("mail-1", draw=0.0)], NOW)
    (project,) = set_up(app)
    assert publish(app.ledger, app.label_studio, NOON, app.settings.groups) == 1
    token = app.receipt_links.url("mail-1").rpartition("/")[2]
    with running_console(app, tmp_path) as said, logged_in(label_studio) as page:
        page.goto(project.url)
        close_the_guidelines(page)
        with page.expect_popup() as popup:
            page.get_by_role("link", name=RECEIPT).click()
        receipt = popup.value
        expect(receipt.locator("main")).to_contain_text("Nobody has answered this mail yet.")
        page.keyboard.press("2")
        with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
            page.keyboard.press("Control+Enter")
        assert reconcile(app.ledger, app.label_studio, utcnow()).corrections == 1
        receipt.reload()
        expect(receipt.locator("main")).to_contain_text("This answer counts.", timeout=60_000)
        expect(receipt.locator(".chip.lesson")).to_have_text("learned", timeout=60_000)
        assert "Where is my money?" not in receipt.content()
        assert receipt.evaluate("document.referrer") == ""
        for width in (390, 1280):
            receipt.set_viewport_size({"width": width, "height": 844})
            assert receipt.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert token not in said.read_text()


@pytest.mark.integration
def test_open_tasks_of_before_get_the_link_and_are_touched_once(
    label_studio: RunningLabelStudio, reviewed: App
) -> None:
    (project,) = set_up(reviewed)
    old = a_task()
    [task] = offer(label_studio, project.id, [old])
    without = {name: text for name, text in task_data(old).items() if name != "receipt"}

    def seen() -> dict[str, Any]:
        return dict(got(label_studio, f"/api/tasks/{task}/"))

    reviewed.label_studio.connection.client.tasks.update(id=str(task), data=without)
    set_up(reviewed)
    assert seen()["data"] == task_data(old, reviewed.receipt_links.url("mail-1"))
    touched = seen()["updated_at"]
    set_up(reviewed)
    assert seen()["updated_at"] == touched


@pytest.mark.integration
def test_a_task_without_the_field_is_shown_and_answered(label_studio: RunningLabelStudio, reviewed: App) -> None:
    (project,) = set_up(reviewed)
    [task] = offer(label_studio, project.id, [a_task()])
    data = {name: text for name, text in task_data(a_task()).items() if name != "receipt"}
    reviewed.label_studio.connection.client.tasks.update(id=str(task), data=data)
    with logged_in(label_studio) as page:
        page.goto(project.url)
        close_the_guidelines(page)
        expect(page.locator(".triage-head h3")).to_have_text("Invoice 1")
        expect(page.get_by_role("link", name=RECEIPT)).to_have_count(0)
        with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
            page.keyboard.press("Control+Enter")
    assert got(label_studio, f"/api/tasks/{task}/")["total_annotations"] == 1
