"""The review screen: the labelling configuration that Label Studio shows, made of the departments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from triage_cl.adapters.label_studio.tasks import BODY, COMMENT, DEPARTMENT, FLAGS, NOT_MY_AREA, PERSONAL_DATA, SPAM
from triage_cl.domain.departments import Department
from triage_cl.domain.hierarchy import full_names, in_order

#: Up to so many departments each has a digit, and they stand in the order in which they were added.
FEW = 10
DIGITS = "1234567890"
SEARCH_KEY = "f"
#: What may be marked besides: stored as, shown as, key, hint.
MARKS = (
    (PERSONAL_DATA, "Personal data still visible", "p", "The redaction missed something"),
    (NOT_MY_AREA, "Not my area", "n", "A colleague should look at it too"),
    (SPAM, "Spam or unreadable", "x", "No department needs to see it"),
)
#: The keys that are left for departments; Label Studio itself listens to u.
LETTERS = "abcdeghijklmoqrstvwyz"

NOTHING_CHOSEN = "No department is chosen. A second press of its key takes a choice back. Space closes this message."

STYLE = Path(__file__).with_name("screen.css")

#: What XML cannot say, and where Label Studio would look for a field of the task.
UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
VARIABLE = re.compile(r"\$(?=[\w\[\].{}])", re.ASCII)


def label_config(departments: Sequence[Department]) -> str:
    """The labelling configuration for departments, at least one, in the order in which they were added."""
    root = Element("View")
    SubElement(root, "Style").text = STYLE.read_text(encoding="utf-8")
    screen = _view(root, "triage")
    _add_mail(screen)
    side = _view(screen, "triage-side" if len(departments) <= FEW else "triage-side triage-wide")
    _add_suggestion(side)
    _add_departments(side, departments)
    _add_marks(side)
    SubElement(side, "Markdown", value="$receipt", classname="triage-receipt")
    indent(root)
    return tostring(root, encoding="unicode")


def hotkeys(departments: Sequence[Department]) -> Mapping[str, str]:
    """A key for each department, by its id: digits for the first ten, then a letter, of its own name where one is free.

    A department that is added takes no key from an earlier one; when all keys are taken, it has none.
    """
    keys = dict(zip((department.id for department in departments), DIGITS, strict=False))
    free = dict.fromkeys(LETTERS)
    for department in departments[len(DIGITS) :]:
        letter = next((one for one in [*department.name.casefold(), *free] if one in free), None)
        if letter is not None:
            keys[department.id] = letter
            del free[letter]
    return keys


def shown_name(department: Department) -> str:
    """A department's name on one line, as Label Studio can show it; its id where nothing of it can be shown."""
    name = " ".join(UNSAYABLE.sub("\ufffd", department.name).split()) or department.id
    # An invisible joiner, so that `$name` is no field of the task.
    return VARIABLE.sub("$\u2060", name)


def _add_mail(screen: Element) -> None:
    mail = _view(screen, "triage-mail")
    head = _view(mail, "triage-head")
    _add_text(head, "$subject", size="4")
    _add_text(head, "$header_line")
    SubElement(_view(mail, "triage-body"), "Text", name=BODY, value="$body", granularity="word")


def _add_suggestion(side: Element) -> None:
    panel = _panel(side, "triage-suggestion", "Suggestion")
    _add_text(panel, "$suggestion")
    _add_text(panel, "$reasons")


def _add_departments(side: Element, departments: Sequence[Department]) -> None:
    few = len(departments) <= FEW
    panel = _panel(side, "triage-departments", "Department")
    if not few:
        _add_search(panel)
    choices = _choices(panel, DEPARTMENT, "single-radio", required="true", requiredMessage=NOTHING_CHOSEN)
    keys, names = hotkeys(departments), full_names(departments)
    for department in in_order(departments if few else sorted(departments, key=_by_name)):
        shown = shown_name(replace(department, name=names[department.id]))
        _add_choice(choices, department.id, shown, keys.get(department.id))


def _by_name(department: Department) -> tuple[str, str]:
    return department.name.casefold(), department.id


def _add_search(panel: Element) -> None:
    """What was typed stays, or a second Enter would choose the first department of all."""
    search = {"name": "search", "toName": DEPARTMENT, "hotkey": SEARCH_KEY, "minlength": "0", "cleanup": "false"}
    SubElement(panel, "Filter", search, placeholder=f"Search [{SEARCH_KEY}], then Enter")


def _add_marks(side: Element) -> None:
    panel = _panel(side, "triage-marks", "Also")
    choices = _choices(panel, FLAGS, "multiple")
    for alias, name, key, hint in MARKS:
        _add_choice(choices, alias, name, key, hint)
    comment = {"name": COMMENT, "toName": BODY, "rows": "1", "maxSubmissions": "1", "editable": "true"}
    SubElement(panel, "TextArea", comment, placeholder="Comment, then Enter", showSubmitButton="false")


def _view(parent: Element, name: str) -> Element:
    return SubElement(parent, "View", className=name)


def _panel(side: Element, name: str, caption: str) -> Element:
    panel = _view(side, name)
    _add_text(panel, caption)
    return panel


def _add_text(parent: Element, value: str, size: str = "5") -> None:
    SubElement(parent, "Header", value=value, size=size)


def _choices(parent: Element, name: str, choice: str, **more: str) -> Element:
    return SubElement(parent, "Choices", {"name": name, "toName": BODY, "choice": choice, **more})


def _add_choice(choices: Element, alias: str, value: str, key: str | None, hint: str | None = None) -> None:
    told = {"alias": alias, "value": value, "hotkey": key, "hint": hint}
    SubElement(choices, "Choice", {name: text for name, text in told.items() if text})
