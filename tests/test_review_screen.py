"""The review screen: valid whatever departments are called, and worked by keyboard in a real browser."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from feedback.projects import guidelines, set_up
from feedback.screen import DIGITS, LETTERS, MARKS, SEARCH_KEY, STYLE, hotkeys, label_config, shown_name
from tests.label_studio_server import RunningLabelStudio
from tests.review_screens import a_task, add_departments, an_app, got, logged_in, offer, sent
from triage_cl.domain.departments import Department
from triage_cl.usecases.departments import unused_id

#: What Label Studio itself listens to where a mail is on the screen.
TAKEN = {"u"}

HOSTILE = [
    "A & B <\"quoted\"> 'single'",
    "$subject",
    "pays in $, or $body[0]",
    "zero \x00 and \ud800",
    "two\nlines\tand   gaps",
    'name="department" toName="nowhere"',
    "]]> <!-- -->",
    "\u200f\x01",
    "日本語",
    "x" * 500,
]


def departments(*names: str) -> list[Department]:
    ids: list[str] = []
    for name in names:
        ids.append(unused_id(name, ids))
    return [Department(id, name) for id, name in zip(ids, names, strict=True)]


def many(count: int) -> list[Department]:
    return departments(*(f"Department {number}" for number in range(count)))


def choices(config: str, name: str = "department") -> list[dict[str, str]]:
    return [choice.attrib for choice in ET.fromstring(config).iterfind(f".//Choices[@name='{name}']/Choice")]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=40))
def test_any_departments_make_a_screen_that_offers_each_once(names: list[str]) -> None:
    offered = departments(*names)
    config = label_config(offered)
    assert sorted(choice["alias"] for choice in choices(config)) == sorted(one.id for one in offered)
    assert all(choice["value"].strip() and "\n" not in choice["value"] for choice in choices(config))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=60))
def test_no_key_does_two_things(names: list[str]) -> None:
    offered = departments(*names)
    keys = [*hotkeys(offered).values(), *(key for _, _, key, _ in MARKS), SEARCH_KEY, *TAKEN]
    assert len(set(keys)) == len(keys)
    assert len(hotkeys(offered)) == min(len(names), len(DIGITS) + len(LETTERS))


@given(st.text(min_size=1))
def test_no_name_is_taken_for_a_field_of_the_task(name: str) -> None:
    shown = shown_name(Department("id", name))
    assert not re.search(r"\$[\w\[\].{}]", shown, re.ASCII)
    assert shown.replace("$\u2060", "$") in {" ".join(name.split()), "id"} or "\ufffd" in shown


def test_a_new_department_takes_no_key_from_an_earlier_one() -> None:
    offered = many(31)
    for count in range(1, len(offered)):
        before, after = hotkeys(offered[:count]), hotkeys(offered[: count + 1])
        assert {id: after[id] for id in before} == dict(before)


def test_after_ten_departments_a_key_is_a_letter_of_the_name_where_one_is_free() -> None:
    keys = hotkeys(departments(*(str(number) for number in range(10)), "Billing", "Bills", "ÄÖÜ"))
    assert list(keys.values()) == [*DIGITS, "b", "i", "a"]


def test_few_departments_stand_as_they_were_added_and_many_by_name_with_a_search() -> None:
    few, more = departments("Sales", "Billing"), departments("Sales", "billing", *"ABCDEFGHI")
    assert [choice["value"] for choice in choices(label_config(few))] == ["Sales", "Billing"]
    assert [choice["value"] for choice in choices(label_config(more))] == [*"AB", "billing", *"CDEFGHI", "Sales"]
    assert "<Filter" not in label_config(few)
    assert "<Filter" in label_config(more)


def test_the_style_says_nothing_that_label_studio_would_escape() -> None:
    assert not set("<>&") & set(STYLE.read_text())


def test_the_guidelines_have_no_line_breaks_that_label_studio_would_show() -> None:
    text = guidelines("http://127.0.0.1:8702")
    assert "<li>" in text
    assert "\n" not in text


@pytest.mark.integration
def test_label_studio_takes_the_screens(label_studio: RunningLabelStudio) -> None:
    for offered in (departments("Billing"), departments(*HOSTILE), many(30), many(60)):
        sent(label_studio, "POST", "/api/projects/validate/", {"label_config": label_config(offered)})


@pytest.fixture
def page(label_studio: RunningLabelStudio) -> Iterator[Page]:
    with logged_in(label_studio) as page:
        yield page


NAMES = ("Billing", "Sales", "Legal", *(f"Office {number}" for number in range(9)))


@pytest.mark.integration
def test_a_reviewer_needs_the_keyboard_only(
    label_studio: RunningLabelStudio, page: Page, tmp_path: Path, sqlite_url: str
) -> None:
    with an_app(label_studio, tmp_path, sqlite_url) as app:
        add_departments(app, *NAMES)
        (project,) = set_up(app)
        # Published in another order than that of their priority.
        ids = offer(label_studio, project.id, [a_task(number=3), a_task(None, 2), a_task(number=1)])
        by_number = dict(zip((3, 2, 1), ids, strict=True))

        page.goto(project.url)
        expect(page.get_by_text("Guidelines for reviewers")).to_be_attached()
        page.keyboard.press("Escape")
        subject, chosen = page.locator(".triage-head h3"), page.locator(".triage-departments input:checked")

        expect(subject).to_have_text("Invoice 1")
        expect(chosen).to_have_attribute("name", "Billing")
        page.keyboard.press("Control+Enter")

        expect(subject).to_have_text("Invoice 2")
        expect(page.locator(".triage-suggestion")).to_contain_text("without a suggestion")
        expect(chosen).to_have_count(0)
        page.keyboard.press(SEARCH_KEY)
        page.keyboard.type("leg")
        page.keyboard.press("Enter")
        expect(chosen).to_have_attribute("name", "Legal")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("p")
        page.keyboard.press("Control+Enter")

        expect(subject).to_have_text("Invoice 3")
        page.keyboard.press("2")
        expect(chosen).to_have_attribute("name", "Sales")
        with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
            page.keyboard.press("Control+Enter")

        assert said(label_studio, by_number[1]) == {"department": (["billing"], "prediction")}
        assert said(label_studio, by_number[2]) == {
            "department": (["legal"], "manual"),
            "flags": (["personal-data"], "manual"),
        }
        assert said(label_studio, by_number[3]) == {"department": (["sales"], "prediction-changed")}


def said(server: RunningLabelStudio, task: int) -> dict[str, tuple[list[str], str]]:
    """What the one answer to a task chose in each control, and where that came from."""
    (annotation,) = got(server, f"/api/tasks/{task}/")["annotations"]
    assert not annotation["was_cancelled"]
    return {one["from_name"]: (one["value"]["choices"], one["origin"]) for one in annotation["result"]}
