"""The console: who may see it, what it escapes, what it shows while parts of the deployment are gone."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page, sync_playwright

from dashboards.access import COOKIE, SESSION, Door
from dashboards.console import create_console
from dashboards.pages.login import is_own_page
from dashboards.pages.overview import pages_of, review_screen
from dashboards.pages.wording import clock, lasting
from tests.builders import NOON, NOW, a_correction, a_drift_verdict, after, an_admission
from tests.conftest import find_free_port
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import App, bootstrap
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.settings import load_settings

KEY = "a key for the tests"
HOSTILE = '<script>alert("mine")</script> & sons'
ESCAPED = "&lt;script&gt;alert(&#34;mine&#34;)&lt;/script&gt; &amp; sons"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHROMIUM = Path("/usr/bin/chromium")
NOW_IS = after(hours=2)


@contextmanager
def an_app(url: str, folder: Path) -> Iterator[App]:
    """An application over a ledger with one mail, drawn and corrected; nobody listens at any part's port."""
    nobody = f"http://127.0.0.1:{find_free_port()}"
    parts = dict.fromkeys(("prefect_api_url", "service_url", "mlflow_url", "evidently_url"), nobody)
    given = {"home": folder / "home", "database_url": url, "registry": "folder", "api_key": KEY, **parts}
    with closing(bootstrap(load_settings(**given))) as app:
        app.ledger.append([DepartmentAdded("billing", "Billing"), DepartmentAdded("sales", "Sales")], NOON)
        app.ensure_ready(NOON)
        app.ledger.admit([an_admission(email={"subject": HOSTILE, "body": HOSTILE}, draw=0.0)], NOW)
        app.ledger.append([a_correction(department="sales", reviewer="reviewer-3a")], after(hours=1))
        yield app


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[App]:
    with an_app(sqlite_url, tmp_path) as app:
        yield app


@contextmanager
def served(console: FastAPI, lifespan: Literal["on", "off"] = "on") -> Iterator[httpx.Client]:
    """A client of the console, which is served on loopback."""
    port = find_free_port()
    server = uvicorn.Server(uvicorn.Config(console, port=port, log_level="critical", lifespan=lifespan))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def opened(app: App, at: datetime = NOW_IS) -> Iterator[httpx.Client]:
    """The console's pages, after its first look."""
    console = create_console(app, lambda: at)
    with served(console) as client:
        assert console.state.observer.overview.looked.wait(60)
        assert console.state.observer.health.looked.wait(60)
        yield client


@pytest.fixture
def client(app: App) -> Iterator[httpx.Client]:
    with opened(app) as client:
        yield client


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not come true"
        sleep(0.05)


# Who may see it.


@pytest.mark.parametrize(
    "path", ["/", "/decisions", "/decisions/mail-1", "/reports/drift.html", "/nowhere", f"/?key={KEY}"]
)
def test_nothing_is_shown_without_the_key(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
    assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.post(path).status_code == 401


def test_whoever_asks_for_its_health_needs_no_key(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "up"}


def test_the_key_in_the_form_opens_the_page_that_was_asked_for(client: httpx.Client) -> None:
    assert client.get("/decisions").headers["location"] == "/login?next=/decisions"
    assert "This is not the key." in client.post("/login", data={"key": "wrong"}).text
    answer = client.post("/login", data={"key": KEY, "next": "/decisions"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/decisions")
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert KEY not in cookie
    assert client.get("/decisions").status_code == 200
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/decisions").status_code == 303


def test_a_form_that_another_page_sent_is_refused(client: httpx.Client) -> None:
    for headers in ({"Origin": "https://evil.example.com"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/login", data={"key": KEY}, headers=headers)
        assert (answer.status_code, COOKIE in answer.cookies) == (403, False)
    assert client.post("/login", data={"key": "x" * 5_000}).status_code == 413


def test_a_session_ends_with_its_time_its_key_and_its_installation() -> None:
    door = Door(KEY, b"s" * 32, lambda: NOON)
    session = door.session()
    later = Door(KEY, b"s" * 32, lambda: NOON + SESSION - timedelta(seconds=1))
    assert door.admits(session, None)
    assert later.admits(session, None)
    for other in (
        Door(KEY, b"s" * 32, lambda: NOON + SESSION),
        Door("another key", b"s" * 32, lambda: NOON),
        Door(KEY, b"t" * 32, lambda: NOON),
    ):
        assert not other.admits(session, None)
    expires, _, signature = session.partition(".")
    for forged in ("", ".", session[:-1], f"{int(expires) + 9}.{signature}", f"{expires}.é"):
        assert not door.admits(forged, None)


@pytest.mark.parametrize(
    "path", ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "evil", "/\n"]
)
def test_a_login_leads_to_no_other_site(path: str) -> None:
    assert not is_own_page(path)
    assert is_own_page("/decisions/mail-1")


@pytest.mark.parametrize(
    "path", ["/", "/login", "/health", "/decisions/none", "/decisions?before=x", "/static/console.css"]
)
def test_every_answer_keeps_the_browser_in_bounds(client: httpx.Client, path: str) -> None:
    headers = client.get(path, headers=BEARER).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


# What it shows.


def test_the_overview_tells_the_ledgers_numbers(client: httpx.Client) -> None:
    text = words(client.get("/", headers=BEARER).text)
    assert "Mail today 1 0 yesterday, last 2 h ago" in text
    assert "Corrections today 1 1 lessons in all" in text
    assert "hashed-ensemble for 2 h" in text
    assert "Nobody challenges." in text
    assert "Label Studio not used" in text
    assert "1 drawn mail was not offered to reviewers since 12:00, for 2 h" in text


def words(page: str) -> str:
    """What a reader sees of a page."""
    return re.sub(r" ([,.:])", r"\1", " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()))


@pytest.mark.parametrize("path", ["/decisions", "/decisions/mail-1"])
def test_a_mail_is_shown_and_never_run(client: httpx.Client, path: str) -> None:
    text = client.get(path, headers=BEARER).text
    assert ESCAPED in text
    assert "<script" not in text


def test_a_decision_is_told_with_its_history(client: httpx.Client) -> None:
    text = words(client.get("/decisions/mail-1", headers=BEARER).text)
    assert "Billing suggest answered Sales" in text
    assert "hashed-ensemble@0-0 with lessons through 0, edits as of 0" in text
    assert "drawn: draw 0.0000 below probability 0.2500" in text
    assert "Sales said reviewer-3a (review, changed), recorded at position 6 lesson" in text
    assert "Sales 100.0%" in text
    assert "It teaches Sales, as lesson 6." in text
    assert client.get("/decisions/mail-2", headers=BEARER).status_code == 404


def test_decisions_are_filtered_paged_and_found(
    app: App, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.pages.decisions.PAGE", 2)
    app.ledger.admit([an_admission(f"mail-{n}", department="sales" if n > 3 else None) for n in range(2, 6)], NOW)

    def shown(query: str) -> list[str]:
        return re.findall(r'href="/decisions/(mail-\d)"', client.get(f"/decisions?{query}", headers=BEARER).text)

    assert shown("") == ["mail-5", "mail-4"]
    assert 'href="/decisions?before=4"' in client.get("/decisions", headers=BEARER).text
    assert shown("before=4") == ["mail-3", "mail-2"]
    assert shown("before=2") == ["mail-1"]
    assert shown("department=billing&drawn=yes&action=suggest") == ["mail-1"]
    assert shown("department=billing&drawn=no") == []
    assert shown("id=mail-") == ["mail-1", "mail-2"]
    assert client.get("/decisions?id=mail-3", headers=BEARER).headers["location"] == "/decisions/mail-3"
    assert shown("id=nobody%00%EF%BF%BD") == []


def test_a_report_is_shown_by_its_name_in_a_sandbox_of_its_own(app: App, client: httpx.Client) -> None:
    (app.reports / "drift-1.html").write_text("<script>draw()</script>")
    (app.home / "reports" / "link.html").symlink_to(app.home / "access")
    answer = client.get("/reports/drift-1.html", headers=BEARER)
    assert (answer.status_code, answer.text) == (200, "<script>draw()</script>")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'")
    for name in ("link.html", "drift-2.html", "..%2faccess", "%2e%2e%2faccess", "access", ".html", "a%00.html"):
        assert client.get(f"/reports/{name}", headers=BEARER).status_code == 404


def test_the_newest_drift_verdict_leads_to_its_report(app: App) -> None:
    app.ledger.append([a_drift_verdict(reasons=(HOSTILE,))], NOON)
    with opened(app) as client:
        text = client.get("/", headers=BEARER).text
    assert 'href="/reports/drift-1.html"' in text
    assert ESCAPED in text
    assert "Drift: watch" in text


def test_the_last_numbers_stay_while_the_ledger_is_gone(ledger_url: str, tmp_path: Path) -> None:
    with an_app(ledger_url, tmp_path) as app:
        console = create_console(app, lambda: after(hours=2))
        observer = console.state.observer
        observer.overview.once()
        take_away(app.ledger, ledger_url)
        observer.overview.once()
        observer.health.once()
        with served(console, lifespan="off") as client:
            text = words(client.get("/", headers=BEARER).text)
            assert client.get("/decisions", headers=BEARER).status_code == 503
        observer.stop()
    assert "Mail today 1" in text
    assert "These are the numbers of 14:00" in text
    assert "Ledger down" in text


def take_away(ledger: Ledger, url: str) -> None:
    """Let nobody open the ledger any more."""
    ledger.close()
    server, _, database = url.rpartition("/")
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).write_bytes(b"no database" * 100)
    else:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")


def test_a_console_without_a_ledger_says_why(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 100)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    app = bootstrap(load_settings(home=tmp_path / "home", database_url=url, registry="folder", api_key=KEY))
    with opened(app) as client:
        text = words(client.get("/", headers=BEARER).text)
        assert client.get("/decisions", headers=BEARER).status_code == 503
    assert "Nothing can be read since 14:00" in text
    assert "file is not a database" in text


# Words.


def test_times_are_told_as_people_say_them() -> None:
    assert [lasting(timedelta(seconds=s)) for s in (0.4, 90, 130, 7_300, 200_000)] == [
        "0 s",
        "90 s",
        "2 min",
        "2 h",
        "2 d",
    ]
    assert (clock(NOON, after(hours=1)), clock(NOON, after(days=1))) == ("12:00", "04 Mar 12:00")
    assert pages_of("http://127.0.0.1:4200/api") == "http://127.0.0.1:4200"
    assert pages_of("https://example.com/prefect/api/") == "https://example.com/prefect"


def test_the_link_to_reviews_leads_to_the_project_where_there_is_one_only() -> None:
    settings = load_settings(label_studio_url="http://127.0.0.1:8080/")
    assert review_screen(settings, ["label-studio:3", "label-studio:swept"]) == "http://127.0.0.1:8080/projects/3"
    assert review_screen(settings, ["label-studio:3", "label-studio:4"]) == "http://127.0.0.1:8080"


@pytest.mark.integration
def test_everything_is_done_by_the_keyboard_and_nothing_is_fetched_elsewhere(app: App) -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    (app.home / "reports").mkdir(exist_ok=True)
    report = "<div id=root></div><script>document.getElementById('root').textContent = 'drawn ' + origin</script>"
    (app.reports / "drift-1.html").write_text(report)
    app.ledger.append([a_drift_verdict()], NOON)
    with opened(app) as client, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        fetched: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: fetched.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{client.base_url}")
        page.keyboard.type(KEY)
        page.keyboard.press("Enter")
        page.wait_for_selector("#state")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        reach(page, "Decisions")
        page.wait_for_selector("table.decisions")
        reach(page, HOSTILE)
        page.wait_for_selector("article.letter")
        assert page.title() == f"{HOSTILE} · triage"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        reach(page, "Overview")
        reach(page, "Evidently’s report")
        page.wait_for_selector("text=drawn null")
        browser.close()
    assert wrong == []
    assert {url for url in fetched if not url.startswith((str(client.base_url), "data:"))} == set()
    assert len(fetched) > 5


def reach(page: Page, text: str) -> None:
    """Go to the link with this text by the keyboard alone, and follow it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"no link {text!r} can be reached")


@pytest.mark.integration
def test_the_page_renews_itself_and_says_when_the_console_is_gone(app: App) -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    app.ledger.append([a_drift_verdict()], NOON)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(extra_http_headers=BEARER)
        with opened(app) as client:
            page.goto(f"{client.base_url}")
            page.get_by_text("Each measure").click()
            page.get_by_role("link", name="Evidently’s report").focus()
            page.evaluate("document.querySelector('.cards b').textContent = 'stale'")
            page.wait_for_selector(".cards div:first-child b:text-is('1')")
            assert page.evaluate("document.activeElement.textContent") == "Evidently’s report"
            assert page.locator("details[open]").count() == 1
        # The console has ended.
        page.wait_for_selector("#gone:visible")
        assert page.locator(".cards b").first.text_content() == "1"
        browser.close()
