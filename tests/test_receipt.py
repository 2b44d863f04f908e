"""The receipt: what an answer did, to whom it was given and to those like it."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

from feedback.projects import guidelines
from feedback.terminal import sum_up
from tests.builders import NOON, NOW, a_correction, a_routed, after, an_admission, an_email
from tests.office import Office, an_office, mail_about
from tests.test_console import BEARER, CHROMIUM, ESCAPED, HOSTILE, an_app, opened, reach, words
from tests.test_overview import plan_of
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.overview_rows import answers_between
from triage_cl.adapters.sql.schema import facts
from triage_cl.bootstrap import App
from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import Decision
from triage_cl.domain.departments import DepartmentMerged, DepartmentRetired
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.domain.reviewers import ReviewerTakenOut
from triage_cl.learning.hashing import Features, describe
from triage_cl.learning.similarity import most_similar
from triage_cl.usecases.last_answers import LastAnswers, last_answers
from triage_cl.usecases.receipt import (
    SIMILAR,
    End,
    Fate,
    Reach,
    Receipt,
    Standing,
    alike,
    reach_of,
    receipt,
    rules_at,
    standings,
)
from triage_cl.usecases.trace import Trace, trace

ANSWERED = after(hours=2)
KEY = b"a key of thirty-two bytes or so."


@pytest.fixture
def office(sqlite_ledger: Ledger, tmp_path: Path) -> Office:
    """An office that was taught ten mails of each department."""
    office = an_office(sqlite_ledger, tmp_path, share=1)
    office.answer(office.triage(10))
    return office


def decided(office: Office, department: str = "billing", number: int = 50) -> Decision:
    """One more mail, decided now."""
    [decision] = office.desk.triage([mail_about(department, number)], lambda _: after(hours=1))
    return decision


def answer(office: Office, decision: Decision, department: str | None, at: datetime = ANSWERED) -> int:
    """The position at which an answer is recorded."""
    [recorded] = office.ledger.append([a_correction(decision.email_id, department, answered_at=at)], at)
    return recorded.position


def traced(office: Office, decision: Decision) -> tuple[Trace, Email]:
    found = trace(office.ledger, decision.email_id)
    assert found is not None
    assert found.email is not None
    return found, found.email


def made(office: Office, decision: Decision) -> Receipt:
    return receipt(office.desk, office.ledger, *traced(office, decision))


def counted(office: Office, decision: Decision) -> list[Standing]:
    found, _ = traced(office, decision)
    return standings(found.corrections, rules_at(office.ledger))


# Whether it counts, and whether it is learned.


def test_an_answer_is_learned_once_the_model_is_through_its_position(office: Office) -> None:
    decision = decided(office)
    before = reach_of(office.desk)
    position = answer(office, decision, "legal")
    [standing] = counted(office, decision)
    assert (standing.position, standing.teaches, standing.end) == (position, "legal", None)
    assert before.fate(standing) is Fate.WAITS
    reach = reach_of(office.desk)
    assert (reach.through >= position, reach.fate(standing)) == (True, Fate.LEARNED)


def test_a_withdrawn_answer_is_unlearned_once_the_model_counts_the_withdrawal(office: Office) -> None:
    decision = decided(office)
    answer(office, decision, "legal")
    taught = reach_of(office.desk)
    over = answer(office, decision, None, after(hours=3))
    withdrawn, skip = counted(office, decision)
    assert (withdrawn.teaches, withdrawn.end, withdrawn.over) == (None, End.WITHDRAWN, over)
    assert (skip.end, skip.over) == (End.SKIPPED, None)
    assert taught.fate(withdrawn) is Fate.LINGERS
    now = reach_of(office.desk)
    assert (now.fate(withdrawn), now.fate(skip)) == (Fate.UNLEARNED, Fate.NEVER)


def test_a_later_answer_overrules_an_earlier_one(office: Office) -> None:
    decision = decided(office)
    answer(office, decision, "legal")
    over = answer(office, decision, "support", after(hours=3))
    first, last = counted(office, decision)
    assert (first.end, first.over, last.teaches) == (End.OVERRULED, over, "support")
    reach = reach_of(office.desk)
    assert (reach.fate(first), reach.fate(last)) == (Fate.UNLEARNED, Fate.LEARNED)


def test_an_answer_for_a_department_that_ended_teaches_its_heir_or_nobody(office: Office) -> None:
    merged, retired = decided(office), decided(office, number=51)
    answer(office, merged, "legal")
    answer(office, retired, "support")
    office.ledger.append([DepartmentMerged("legal", "billing"), DepartmentRetired("support")], after(hours=3))
    [heir], [none] = counted(office, merged), counted(office, retired)
    assert (heir.teaches, none.teaches, none.end) == ("billing", None, End.DEPARTMENT_ENDED)
    assert none.over == office.ledger.position()
    assert reach_of(office.desk).fate(none) is Fate.UNLEARNED


def test_an_answer_that_is_kept_apart_never_counts_and_leaves_the_one_before_it_in_force(office: Office) -> None:
    decision = decided(office)
    answer(office, decision, "legal")
    apart = a_correction(decision.email_id, "support", answered_at=after(hours=3), withheld=True)
    office.ledger.append([apart], after(hours=3))
    first, last = counted(office, decision)
    assert (first.teaches, last.teaches, last.end, last.over) == ("legal", None, End.WITHHELD, None)
    reach = reach_of(office.desk)
    assert (reach.fate(first), reach.fate(last)) == (Fate.LEARNED, Fate.NEVER)


def test_the_answers_of_a_reviewer_who_is_taken_out_are_unlearned_from_then_on(office: Office) -> None:
    decision = decided(office)
    answer(office, decision, "legal")
    [taken_out] = office.ledger.append([ReviewerTakenOut("reviewer-3a")], after(hours=3))
    answer(office, decision, "support", after(hours=4))
    before, later = counted(office, decision)
    assert (before.teaches, before.end, before.over) == (None, End.TAKEN_OUT, taken_out.position)
    assert (later.teaches, later.end, later.over) == (None, End.TAKEN_OUT, None)
    reach = reach_of(office.desk)
    assert (reach.fate(before), reach.fate(later)) == (Fate.UNLEARNED, Fate.NEVER)


def test_a_model_that_began_later_or_stands_still_has_not_learned_it() -> None:
    standing = Standing(recorded(7), "legal")
    assert Reach("tfidf-svm@5-5", 0, 5, 5).fate(standing) is Fate.WAITS
    assert Reach("hashed-ensemble.9@9-9", 9, 9, 9).fate(standing) is Fate.BEFORE_IT
    gone = Standing(recorded(7), None, End.WITHDRAWN, 8)
    assert Reach("tfidf-svm@5-5", 0, 5, 5).fate(gone) is Fate.NEVER
    assert Reach("hashed-ensemble.9@9-9", 9, 9, 9).fate(gone) is Fate.NEVER


def recorded(position: int) -> Recorded:
    return Recorded(position, NOON, a_correction())


# What it changed.


def test_the_answered_department_rises_for_this_very_mail(office: Office) -> None:
    decision = decided(office)
    for minute in range(3):
        answer(office, decided(office, number=60 + minute), "legal", after(hours=2, minutes=minute))
    answer(office, decision, "legal", after(hours=3))
    billing, legal = made(office, decision).shifts
    assert (billing.department, billing.then, billing.at_most) == ("billing", decision.confidence, None)
    assert (legal.department, legal.then) == ("legal", None)
    assert legal.at_most == pytest.approx(decision.confidence - decision.margin)
    assert legal.now > decision.confidence - decision.margin
    assert billing.now < decision.confidence


def test_a_confirmed_department_is_told_once_and_a_skip_not_at_all(office: Office) -> None:
    decision = decided(office)
    answer(office, decision, None)
    answer(office, decision, "billing", after(hours=3))
    assert [shift.department for shift in made(office, decision).shifts] == ["billing"]


def test_similar_mail_is_told_with_what_is_concluded_about_it_now(office: Office) -> None:
    decision = decided(office)
    twin = an_email("twin", subject=mail_about("billing", 50).subject, body=mail_about("billing", 50).body)
    office.desk.triage([twin], lambda _: after(hours=1))
    for minute in range(20):
        answer(office, decided(office, number=50 + 6 * (minute + 1)), "legal", after(hours=2, minutes=minute))
    answer(office, decision, "legal", after(hours=3))
    found = made(office, decision).alike
    assert decision.email_id not in {other.decision.email_id for other in found}
    assert len(found) == SIMILAR
    assert sorted(found, key=lambda other: -other.similarity) == list(found)
    [like] = [other for other in found if other.decision.email_id == "twin"]
    assert (like.concluded, like.now.department, like.changed, like.answered) == ("billing", "legal", True, False)


def test_mail_that_was_not_read_or_is_not_alike_is_no_similar_mail(office: Office) -> None:
    stranger = an_email("stranger", subject="zebra", body="quagga okapi", sender="somebody-else")
    office.desk.triage([stranger], lambda _: after(hours=1))
    assert alike(office.desk, office.ledger, stranger) == []
    decision = decided(office)
    erase_texts(office.ledger, "email_id LIKE 'billing-%' AND email_id <> 'billing-50'")
    found = alike(office.desk, office.ledger, mail_about("billing", 50))
    assert decision.email_id not in {other.decision.email_id for other in found}
    assert not any(other.decision.email_id.startswith("billing-") for other in found)


def erase_texts(ledger: Ledger, which: str) -> None:
    with ledger.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(sa.text(f"DELETE FROM payloads WHERE {which}"))


def test_similar_mail_is_looked_for_among_the_last_decisions_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triage_cl.usecases.receipt.RECENT", 3)
    last = {decision.email_id for decision in office.ledger.recent_decisions(3)}
    assert {other.decision.email_id for other in alike(office.desk, office.ledger, an_email())} <= last


# What a reviewer's last answers did.


def test_the_last_answers_of_a_reviewer_tell_how_many_were_learned_and_changed_the_models_mind(office: Office) -> None:
    others = last_answers(office.desk, office.ledger, "somebody-else")
    assert others == LastAnswers()
    for minute in range(20):
        told = a_correction(
            decided(office, number=50 + 6 * minute).email_id, "legal", reviewer="ann", answered_at=after(minutes=minute)
        )
        office.ledger.append([told], after(hours=2, minutes=minute))
    skipped = a_correction(decided(office, number=900).email_id, None, reviewer="ann")
    office.ledger.append([skipped], after(hours=3))
    found = last_answers(office.desk, office.ledger, "ann")
    assert (found.given, found.learned) == (20, 20)
    assert found.changed > 0
    few = last_answers(office.desk, office.ledger, "ann", count=3)
    assert (few.given, few.learned) == (3, 3)
    assert sum_up(LastAnswers(12, 12, 3)) == (
        "Your last answers: 12 given, 12 learned, 3 changed what the model says for their mail."
    )


# How similarity is told.


def features(text: str) -> Features:
    return describe(KEY, {"subject": "", "body": text})


def test_what_stands_in_every_mail_hardly_makes_two_alike() -> None:
    others = [features(f"kind regards {word}") for word in ("invoice", "router", "contract", "invoice")]
    found = most_similar(features("kind regards invoice"), others, 4, 0.0)
    assert [place for place, _ in found] == [0, 3, 1, 2]
    assert [share for _, share in found[:2]] == pytest.approx([1, 1])
    assert found[2][1] < 0.5


@given(st.lists(st.text(max_size=40), max_size=6), st.text(max_size=40))
def test_similarity_is_a_share(texts: list[str], text: str) -> None:
    found = most_similar(features(text), [features(other) for other in texts], 3, 0.0)
    assert all(-1e-9 <= share <= 1 + 1e-9 for _, share in found)
    assert len(found) == min(3, len(texts))
    assert len({place for place, _ in found}) == len(found)


# The list in the ledger.


def test_the_answers_of_people_are_listed_newest_first_within_their_bounds(ledger: Ledger) -> None:
    ledger.append([a_correction(f"mail-{n}") for n in (1, 2)], NOON)
    ledger.append([a_correction(f"mail-{n}") for n in (3, 4, 5)], after(days=1))
    ledger.take_routed([a_routed("mail-6")], after(days=1))

    def listed(since: datetime, start: int, before: int, limit: int = 9) -> list[int]:
        return [recorded.position for recorded in ledger.answers(since, start, before, limit)]

    assert listed(NOON, 0, 99) == [5, 4, 3, 2, 1]
    assert listed(after(days=1), 0, 99) == [5, 4, 3]
    assert listed(NOON, 2, 5, limit=1) == [4]
    assert ledger.position() == 6


def test_answers_are_looked_for_by_their_positions(sqlite_ledger: Ledger) -> None:
    wanted = answers_between(NOON, 5, 99).order_by(facts.c.position.desc())
    plan = plan_of(sqlite_ledger, wanted)
    assert "ix_facts_kind" in plan
    assert "position>? AND position<?" in plan
    assert "TEMP B-TREE" not in plan


# The pages: one mail for billing, with markup in its text, answered by reviewer-3a: sales, at position 6.


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[App]:
    with an_app(sqlite_url, tmp_path) as app:
        yield app


def shown(app: App, path: str = "/decisions/mail-1/receipt") -> str:
    with opened(app) as client:
        answer = client.get(path, headers=BEARER)
        assert answer.status_code == 200
        return answer.text


def told(app: App, path: str = "/decisions/mail-1/receipt") -> str:
    return words(shown(app, path))


def record(app: App, *corrections: Correction) -> None:
    app.ledger.append(corrections, after(hours=2))


def test_a_receipt_tells_what_was_accepted_and_learned(app: App) -> None:
    text = told(app)
    assert "Sales learned It teaches Sales: the model has learned it, it is through position 6." in text
    assert "recorded at position 6, 2025-03-04 13:00:00 UTC" in text
    assert "Suggestion shown, changed" in text
    assert "Billing 70.0% 0.0% Sales at most 20.0% 100.0%" in text
    assert "none is like it" in text


def test_a_receipt_names_no_reviewer_and_runs_no_mail(app: App) -> None:
    for path in ("/decisions/mail-1/receipt", "/corrections"):
        text = shown(app, path)
        assert ESCAPED in text
        assert "<script" not in text
        assert "reviewer-3a" not in text


def test_a_receipt_says_that_an_answer_no_longer_counts(app: App) -> None:
    record(app, a_correction(department="billing", blind=True, answer_id="label-studio:7:2"))
    text = told(app)
    assert "Billing learned It teaches Billing" in text
    assert "Came by Label Studio" in text
    assert "Suggestion blind: not shown" in text
    assert (
        "Sales unlearned No longer counts: a later answer took its place at position 7; the model has unlearned it as "
        "of position 7." in text
    )
    record(app, a_correction(department=None))
    text = told(app)
    assert "Skipped or withdrawn teaches nothing It teaches nothing." in text
    assert "it was withdrawn at position 8; the model has unlearned it as of position 8." in text


def test_a_receipt_shows_similar_mail(app: App) -> None:
    app.ledger.admit([an_admission("mail-2"), an_admission("mail-3", email={"subject": "other", "body": "x"})], NOW)
    record(app, a_correction("mail-2", department="sales"))
    app.ledger.admit([an_admission("mail-4")], NOW)
    text = told(app, "/decisions/mail-2/receipt")
    assert "Invoice 12 100% similar then Billing 70.0% now Sales 100.0% changed" in text


def test_a_mail_that_nobody_answered_has_an_empty_receipt(app: App) -> None:
    app.ledger.admit([an_admission("mail-2")], NOW)
    text = told(app, "/decisions/mail-2/receipt")
    assert "Nobody answered: there is nothing to account for." in text
    with opened(app) as client:
        assert client.get("/decisions/nobody/receipt", headers=BEARER).status_code == 404
        assert client.get("/decisions/mail-1/receipt").status_code == 303
        assert "/receipt" not in client.get("/decisions/mail-2", headers=BEARER).text
        assert 'href="/decisions/mail-1/receipt"' in client.get("/decisions/mail-1", headers=BEARER).text


def test_a_receipt_without_the_text_keeps_what_was_accepted(app: App) -> None:
    erase_texts(app.ledger, "true")
    text = told(app)
    assert "Sales text no longer kept It taught Sales; its text is no longer kept" in text
    assert "recorded at position 6" in text
    assert "This cannot be told without the text." in text
    assert "text no longer kept" in told(app, "/corrections")


def test_todays_corrections_are_listed_newest_first_and_paged(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.pages.receipts.PAGE", 2)
    app.ledger.admit([an_admission("mail-2"), an_admission("mail-3")], NOW)
    record(app, a_correction("mail-2", department=None), a_correction("mail-3"))
    record(app, a_correction("mail-3", department="sales"), a_correction("unknown"))
    with opened(app) as client:

        def listed(query: str) -> list[str]:
            return re.findall(r"(?<=/decisions/)mail-\d(?=/receipt)", client.get(query, headers=BEARER).text)

        first = client.get("/corrections", headers=BEARER).text
        assert "never decided" in first
        assert 'href="/corrections?before=9"' in first
        assert (listed("/corrections"), listed("/corrections?before=9")) == (["mail-3"], ["mail-3", "mail-2"])
        assert listed("/corrections?before=7") == ["mail-1"]
        text = words(client.get("/corrections?before=9", headers=BEARER).text)
    assert "concluded Billing answered Billing (suggestion changed), no longer counts unlearned" in text
    assert "skipped or withdrawn teaches nothing" in text
    with opened(app, after(days=1)) as client:
        assert "Nobody answered today." in client.get("/corrections", headers=BEARER).text


def test_the_guidelines_lead_to_what_answers_did() -> None:
    assert 'href="https://triage.example.com/corrections"' in guidelines("https://triage.example.com/")
    assert "href" not in guidelines("")


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_receipt_is_reached_by_the_keyboard_and_fits_a_phone(app: App, scheme: Literal["light", "dark"]) -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    app.ledger.admit([an_admission("mail-2", email={"subject": "Invoice " + "x" * 300})], NOW)
    record(app, a_correction("mail-2", department="sales"))
    with opened(app) as client, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme, extra_http_headers=BEARER)
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.goto(f"{client.base_url}")
        reach(page, "Corrections")
        page.wait_for_selector("table.decisions")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        reach(page, HOSTILE)
        page.wait_for_selector("table.shifts")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        reach(page, "mail-1")
        reach(page, "What the answers did")
        browser.close()
    assert wrong == []
